"""From nothing to the first answer, and what importing costs: all in fresh processes, files in the system's cache."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.measure import repeated
from benchmarks.processes import printed_by, seconds_to_end_of
from benchmarks.results import Table, Target, table
from benchmarks.stage import Stage

_IMPORT_TIME = """
import sys, time
started = time.perf_counter()
for name in sys.argv[1:]:
    before = time.perf_counter()
    __import__(name)
print(time.perf_counter() - before)
"""
_SLOWEST = """
import subprocess, sys
done = subprocess.run([sys.executable, "-X", "importtime", "-c", "import minidb"], capture_output=True, text=True)
print(done.stderr)
"""
_IMPORTS = {
    "minidb": ("minidb",),
    "minidb over numpy": ("numpy", "minidb"),
    "numpy": ("numpy",),
    "qdrant_client": ("qdrant_client",),
    "qdrant_edge": ("qdrant_edge",),
    "zvec": ("zvec",),
    "lancedb": ("lancedb",),
    "chromadb": ("chromadb",),
    "pymilvus": ("pymilvus",),
    "usearch": ("usearch.index",),
    "faiss": ("faiss",),
    "hnswlib": ("hnswlib",),
}


def run_start(stage: Stage) -> list[Table]:
    """New process → import → create → 10 points → first query."""
    stage.log("start")
    scripts = {name: each.start_script for name, each in stage.contestants.items() if each.start_script is not None}

    def task(script: str) -> Callable[[], float]:
        def start() -> float:
            path = stage.new_path()
            try:
                return seconds_to_end_of(script, str(path))
            finally:
                stage.remove(path)

        return start

    tasks = {name: task(script) for name, script in scripts.items()}
    tasks |= {"python": task(""), "python + numpy": task("import numpy")}
    timings = repeated(tasks, max(3, stage.settings.rounds), stage.settings.patience_seconds)
    target = Target(100.0)
    return [
        table(
            "start", "start: new process, import, create, 10 points, first answer", "ms", timings,
            targets={"minidb": target, "minidb-memory": target},
            absent={name: "has no collections" for name in stage.contestants if name not in scripts},
        )
    ]  # fmt: skip


def run_import(stage: Stage) -> list[Table]:
    """Seconds inside `import`, and minidb's slowest modules."""
    stage.log("import time")

    def task(names: tuple[str, ...]) -> Callable[[], float]:
        return lambda: float(printed_by(_IMPORT_TIME, *names)[-1])

    settings = stage.settings
    tasks = {label: task(names) for label, names in _IMPORTS.items()}
    timings = repeated(tasks, max(3, settings.rounds), settings.patience_seconds)
    return [
        table(
            "import", "import time", "ms", timings,
            targets={"minidb": Target(100.0, text="≤ 100 ms (measurements §9)")}, details={"slowest_ms": _slowest()},
        )
    ]  # fmt: skip


def _slowest(count: int = 12) -> dict[str, float]:
    """Milliseconds of each module itself, from `-X importtime`."""
    own: dict[str, float] = {}
    for line in printed_by(_SLOWEST):
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == 3 and parts[0].strip().isdigit():
            own[parts[2].strip()] = int(parts[0]) / 1000
    return dict(sorted(own.items(), key=lambda item: -item[1])[:count])
