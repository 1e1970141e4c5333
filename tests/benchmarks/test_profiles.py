"""Profiles: samples of what ran, and a run of the benchmarks that writes them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.profiles import sampled
from benchmarks.svg import Block, icicle_chart

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def busy(seconds: float) -> int:
    """Work for so much of this thread's own time, however busy the machine is."""
    turns, end = 0, time.thread_time() + seconds
    while time.thread_time() < end:
        turns += 1
    return turns


def caller() -> int:
    return busy(0.15)


def test_samples_are_call_paths_of_the_work_and_of_other_threads() -> None:
    other = threading.Thread(target=busy, args=(0.15,), name="helper-7")

    def work() -> int:
        other.start()
        return caller()

    turns, stacks = sampled(work)
    other.join()

    seen: Counter[tuple[str, ...]] = Counter()
    for path, count in stacks.items():
        seen[path[:2]] += count
    assert turns > 0
    assert seen["test_profiles.caller", "test_profiles.busy"] > 5
    assert any(path[0] == "thread helper" and path[-1] == "test_profiles.busy" for path in stacks)
    assert not any("profiles.sample" in path for path in stacks)


def test_what_is_called_lies_below_its_caller() -> None:
    blocks = [Block("outer", 0.0, 1.0, 0), Block("a < b", 0.0, 0.75, 1), Block("narrow", 0.75, 0.001, 1)]

    root = ElementTree.fromstring(icicle_chart("title", "subtitle", blocks))

    groups = root.findall(f"{SVG}g[@class='block']")
    assert [group.findtext(f"{SVG}title") for group in groups] == ["outer 100.0%", "a < b 75.0%", "narrow 0.1%"]
    outer, inner, narrow = (group.find(f"{SVG}rect") for group in groups)
    assert float(outer.get("y")) < float(inner.get("y")) == float(narrow.get("y"))
    assert float(inner.get("width")) == 0.75 * float(outer.get("width"))
    assert [group.findtext(f"{SVG}text") for group in groups] == ["outer", "a < b", None]


def test_a_run_writes_a_chart_and_a_list_of_each_kind_of_work(tmp_path: Path) -> None:
    sizes = ("--quick", "--size", "3000", "--dim", "64", "--queries", "60", "--rounds", "5")
    command = [sys.executable, "-m", "benchmarks", *sizes, "--only", "filtered", "--peers", "numpy"]
    command += ["--json", f"{tmp_path}/results.json", "--profile", f"{tmp_path}/profiles"]

    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    written = {path.name for path in (tmp_path / "profiles").iterdir()}
    assert {"filtered-load.svg", "filtered-load.txt", "filtered-seconds.svg", "filtered-seconds.txt"} <= written
    chart = ElementTree.parse(tmp_path / "profiles" / "filtered-seconds.svg")
    shown = {(title.text or "").rsplit(" ", 1)[0] for title in chart.iter(f"{SVG}title")}
    assert {"workers.seconds", "query/executor.run", "query/search.nearest"} <= shown
    told = (tmp_path / "profiles" / "filtered-seconds.txt").read_text()
    assert "own  within  function" in told
