"""One tiny run of every scenario with every peer: nobody is missing without a reason, and the plots can be drawn."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import plots, scenarios, summary
from benchmarks.adapters import ALL

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "local": "qdrant_client", "local-disk": "qdrant_client", "edge": "qdrant_edge", "zvec": "zvec", "faiss": "faiss",
    "lancedb": "lancedb", "chroma": "chromadb", "milvus-lite": "pymilvus", "usearch": "usearch", "hnswlib": "hnswlib",
}  # fmt: skip
OF_OTHER_THINGS_THAN_STORES = {"import", "bm25-texts", "resolver", "duplicates", "cranfield"}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    sizes = ("--quick", "--size", "120", "--dim", "16", "--queries", "4", "--rounds", "1")
    command = [sys.executable, "-m", "benchmarks", *sizes, "--json", f"{folder}/results.json", "--plots", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def document(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return document


def tables(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        table
        for scenario in document["scenarios"]
        if scenario["name"] not in OF_OTHER_THINGS_THAN_STORES
        for table in scenario["tables"]
    ]


def test_every_scenario_ran(document: dict[str, Any]) -> None:
    assert [scenario["name"] for scenario in document["scenarios"]] == list(scenarios.ALL)
    assert [scenario["name"] for scenario in document["scenarios"] if scenario["error"]] == []
    silent = [scenario["name"] for scenario in document["scenarios"] if not scenario["tables"]]
    assert silent == ["cranfield"]  # wants a folder


def test_a_contestant_is_measured_or_absent_with_a_reason(document: dict[str, Any]) -> None:
    for table in tables(document):
        measured = {row["contestant"] for row in table["rows"]}
        assert measured | set(table["absent"]) >= set(ALL), table["name"]
        assert not measured & set(table["absent"]), table["name"]
        assert all(table["absent"].values()), table["name"]


def test_minidb_is_measured_everywhere(document: dict[str, Any]) -> None:
    assert [table["name"] for table in tables(document) if "minidb" in table["absent"]] == []


def test_what_is_not_installed_is_said_to_be(document: dict[str, Any]) -> None:
    missing = {name for name, package in PACKAGES.items() if importlib.util.find_spec(package) is None}
    small = next(table for table in tables(document) if table["name"] == "small")
    for name in ALL:
        assert ("is not installed" in small["absent"].get(name, "")) == (name in missing - {"local-disk"}), name


def test_figures_are_positive_and_in_order(document: dict[str, Any]) -> None:
    for table in tables(document):
        for row in table["rows"]:
            assert 0 < row["median"] <= row["p95"] <= row["p99"], (table["name"], row)
            assert row["recall"] is None or 0 <= row["recall"] <= 1, (table["name"], row)
            if row["contestant"] == "minidb" and row["recall"] is not None:
                assert row["recall"] > 0.95, table["name"]


def test_the_sweep_has_a_setting_per_ef(document: dict[str, Any]) -> None:
    hard = next(table for table in tables(document) if table["name"].startswith("dense-hard"))
    settings = hard["details"]["sweep"]["minidb"]
    assert [*settings][:-1] == ["16", "32", "64", "128", "200", "256", "512", "1024", "2048"]
    assert [*settings][-1] == "exact"
    assert set(settings["16"]) == {"recall", "p50_ms", "p95_ms", "p99_ms", "qps"}


def test_the_plots_have_a_line_for_everyone_measured(document: dict[str, Any], folder: Path) -> None:
    sweep = next(table for table in tables(document) if table["name"].startswith("dense-easy"))["details"]["sweep"]
    measured = {
        "recall-qps-easy": set(sweep),
        "latency-size": {row["contestant"] for table in tables(document) if "size" in table["details"]
                         for row in table["rows"]},
    }  # fmt: skip
    for name, names in measured.items():
        path = folder / f"{name}.svg"
        assert path.stat().st_size < 60_000
        lines = ElementTree.parse(path).getroot().findall(f"{SVG}g[@class='series']")
        assert {line.findtext(f"{SVG}title") for line in lines} == names


def test_a_results_file_can_be_drawn_again(document: dict[str, Any], folder: Path, tmp_path: Path) -> None:
    again = plots.draw(document, tmp_path)
    assert {path.name for path in again} == {path.name for path in folder.glob("*.svg")}
    assert all(path.read_text() == (folder / path.name).read_text() for path in again)


def test_a_results_file_becomes_a_table_for_the_readme(document: dict[str, Any]) -> None:
    header, _, *lines = summary.markdown(document).splitlines()

    assert header.startswith("| | minidb | minidb-memory |")
    assert len(lines) == len(tables(document))
    assert all(line.count("|") == header.count("|") for line in lines)


def test_figures_of_a_second_run_stand_beside_the_first_ones(document: dict[str, Any]) -> None:
    again: dict[str, Any] = json.loads(json.dumps(document))
    del again["scenarios"][-5:]
    for table in tables(again):
        for row in table["rows"]:
            row["median"] = 7.0
    lines = summary.markdown(document, again).splitlines()[2:]

    assert len(lines) == len(tables(document))
    repeated = [line for line in lines if " / 7.00 " in line.split("|")[2]]
    assert len(repeated) == len(tables(again))
