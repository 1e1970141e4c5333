"""The benchmarks' command line, run as a user runs it, on sizes that take seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, python_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    environment = os.environ | ({"PYTHONPATH": str(python_path)} if python_path is not None else {})
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, env=environment)


def tables(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {table["name"]: table for scenario in document["scenarios"] for table in scenario["tables"]}


def test_a_tiny_run_prints_a_table_and_writes_what_it_measured(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    sizes = ("--quick", "--size", "300", "--dim", "16", "--queries", "5", "--rounds", "2")

    done = run(*sizes, "--only", "filtered", "--peers", "minidb-memory,numpy", "--json", str(file))

    assert done.returncode == 0, done.stderr
    assert "minidb-memory" in done.stdout
    document = json.loads(file.read_text())
    assert document["settings"]["points"] == 300
    assert document["machine"]["blas_threads"] == "1"
    assert document["versions"]["minidb-vector"]
    found = tables(document)
    assert list(found) == ["filtered-50%", "filtered-25%", "filtered-10%", "filtered-1%", "filtered-0.1%"]
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


def test_a_peer_that_is_not_installed_is_reported(tmp_path: Path) -> None:
    (tmp_path / "usearch").mkdir()
    (tmp_path / "usearch" / "__init__.py").write_text("raise ModuleNotFoundError('none', name='usearch')")
    file = tmp_path / "results.json"
    sizes = ("--quick", "--size", "50", "--dim", "8", "--queries", "3", "--rounds", "1")

    done = run(*sizes, "--only", "small", "--peers", "usearch", "--json", str(file), python_path=tmp_path)

    assert done.returncode == 0, done.stderr
    assert tables(json.loads(file.read_text()))["small"]["absent"]["usearch"].startswith("usearch is not installed")
    assert "absent: usearch: usearch is not installed (pip install 'minidb-vector[peers]')" in done.stdout


def test_vectors_of_the_users_are_searched_by_rows_held_out(tmp_path: Path) -> None:
    vectors, file = tmp_path / "mine.npy", tmp_path / "results.json"
    np.save(vectors, np.random.default_rng(0).standard_normal((100, 12)).astype(np.float64))
    arguments = ("--quick", "--data", str(vectors), "--queries", "10", "--rounds", "1", "--peers", "numpy")

    done = run(*arguments, "--only", "easy,hard", "--json", str(file))

    assert done.returncode == 0, done.stderr
    found = tables(json.loads(file.read_text()))
    assert list(found) == ["dense-mine-0.95", "dense-mine-0.99"]
    assert "90 × 12" in found["dense-mine-0.99"]["title"]
    assert all(row["recall"] == 1.0 for row in found["dense-mine-0.99"]["rows"])


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_data_that_are_no_vectors_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    vectors = tmp_path / "wrong.npy"
    np.save(vectors, np.zeros(shape))

    done = run("--data", str(vectors))

    assert done.returncode == 2
    assert "expected an (n, d) array of floats" in done.stderr


def test_a_size_is_a_number_of_thousands_or_millions() -> None:
    done = run("--size", "ten")

    assert done.returncode == 2
    assert "such as 10k" in done.stderr


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
