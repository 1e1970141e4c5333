"""Tasks run in a fresh process: `python -m benchmarks.child TASK JSON` prints a line of JSON. Called by `processes`."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.adapters import by_name
from benchmarks.adapters.base import Store
from benchmarks.requests import Columns, DenseField, Schema, Search
from benchmarks.workers import insert


def reopen(peer: str, path: str, queries: str) -> dict[str, Any]:
    """Open a closed store and answer; imports are done beforehand, by opening an empty store elsewhere."""
    contestant = by_name(peer)
    query = np.load(queries)[0]
    contestant.open(Path(path + "-empty")).close()
    started = time.perf_counter()
    store = contestant.open(Path(path))
    opened = time.perf_counter()
    answer = store.prepare(Search(query))()
    done = time.perf_counter()
    store.close()
    return {"open": opened - started, "total": done - started, "ids": [point for point, _ in answer]}


def resident(peer: str, path: str, vectors: str, queries: str, rest: float) -> dict[str, Any]:
    """Memory of a process that holds a store and has answered some queries, twice; how long a second answer takes.

    Between the rounds are `rest` seconds, in which whoever reads in the background comes to an end with it.
    """
    contestant = by_name(peer)
    store = contestant.open(Path(path))
    before = _memory()
    if not contestant.is_durable:
        _load(store, vectors)
    asked = np.load(queries)
    _answer(store, asked)
    time.sleep(rest)
    seconds = _answer(store, asked)
    gc.collect()
    after = _memory()
    store.close()
    return {
        "before": before["rss"], "rss": after["rss"], "unique": after["uss"], "seconds": float(np.median(seconds))
    }  # fmt: skip


def _answer(store: Store, queries: Any) -> list[float]:
    """How long each takes."""
    seconds = []
    for query in queries:
        call = store.prepare(Search(query))
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return seconds


def _load(store: Store, vectors: str) -> None:
    """Insert from a mapped file, which is not memory of ours and is let go of at the end."""
    matrix = np.load(vectors, mmap_mode="r")
    schema = Schema(dense={"": DenseField(matrix.shape[1])})
    columns = Columns(dense={"": matrix}, payloads=data.payloads(len(matrix)))
    store.create(schema)
    insert(store, data.Dataset("resident", schema, columns, matrix[:0]))
    store.settle()


def _memory() -> dict[str, int]:
    """Resident and unshared bytes of this process; psutil where it is installed, /proc on Linux without it."""
    try:
        import psutil
    except ImportError:
        rollup = dict(
            line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:] if ":" in line
        )
        kilobytes = {key: int(value.split()[0]) for key, value in rollup.items()}
        unique = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
        return {"rss": kilobytes["Rss"] * 1024, "uss": unique * 1024}
    full = psutil.Process().memory_full_info()
    return {"rss": int(full.rss), "uss": int(full.uss)}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {"reopen": reopen, "resident": resident}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](**json.loads(sys.argv[2]))))
