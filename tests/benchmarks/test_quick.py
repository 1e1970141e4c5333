"""The benchmarks' command line, run as a user runs it, on sizes that take seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)


def tables(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {table["name"]: table for scenario in document["scenarios"] for table in scenario["tables"]}


def test_a_tiny_run_prints_a_table_and_writes_what_it_measured(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    sizes = ("--quick", "--points", "300", "--dim", "16", "--queries", "5", "--rounds", "2")

    done = run(*sizes, "--only", "filtered", "--peers", "minidb-memory,numpy", "--json", str(file))

    assert done.returncode == 0, done.stderr
    assert "minidb-memory" in done.stdout
    document = json.loads(file.read_text())
    assert document["settings"]["points"] == 300
    assert document["machine"]["blas_threads"] == "1"
    assert document["versions"]["minidb"]
    found = tables(document)
    assert list(found) == ["filtered-50%", "filtered-10%", "filtered-1%", "filtered-0.1%"]
    rows = {row["contestant"]: row for row in found["filtered-50%"]["rows"]}
    assert set(rows) == {"minidb", "minidb-memory", "numpy"}
    assert all(0.0 < row["median"] <= row["p95"] for row in rows.values())
    assert all(row["recall"] == 1.0 for row in rows.values())
    assert rows["minidb"]["ratio"] is None
    spread = rows["numpy"]["ratio"]
    assert spread["low"] <= spread["median"] <= spread["high"]
    assert "at 100,000" in rows["minidb"]["target"]
    assert rows["minidb"]["is_met"] is None  # the target speaks of another size


def test_an_unknown_scenario_is_named_with_those_that_exist() -> None:
    done = run("--only", "nonsense")

    assert done.returncode == 2
    assert "'nonsense'" in done.stderr
    assert "filtered" in done.stderr


def test_inference_is_counted_on_both_sides(tmp_path: Path) -> None:
    pytest.importorskip("fastembed")
    file = tmp_path / "results.json"

    done = run("--quick", "--rounds", "1", "--only", "bm25-texts,resolver,duplicates", "--json", str(file))

    assert done.returncode == 0, done.stderr
    found = tables(json.loads(file.read_text()))
    assert {row["contestant"] for row in found["bm25-texts"]["rows"]} >= {"minidb", "edge", "fastembed"}
    assert {row["contestant"] for row in found["resolver"]["rows"]} >= {"minidb", "local"}
    assert found["duplicates"]["details"]["minidb"] == {"calls": 7, "inputs": 50}
    assert found["duplicates"]["details"]["local"]["inputs"] == 1000
    assert not any(table["absent"] for table in found.values())
