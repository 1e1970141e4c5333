"""One upsert of points whose texts repeat, twenty times each: time without the model's, calls of it, inputs it got.

Each contestant asks the same model, fastembed's by name, in whose place one stands that counts and costs nothing; with
a real one, inputs are what is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.adapters.qdrant_api import COLLECTION, QdrantApiStore
from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, table
from benchmarks.stage import Stage
from benchmarks.stand_in import MODEL, OPTIONS, SIZE, Count, counting_model
from benchmarks.workers import Session

_NAMES = ("minidb", "minidb-memory", "local")
_POINTS, _QUICK_POINTS = 10_000, 1_000
_REPEATS = 20


def run(stage: Stage) -> list[Table]:
    """10,000 points of 500 texts."""
    stage.log("duplicates")
    settings = stage.settings
    points = _QUICK_POINTS if settings.quick else _POINTS
    counts: dict[str, Count] = {}
    tasks = {name: _task(stage, name, points, counts) for name in _NAMES if name in stage.contestants}
    timings = repeated(tasks, settings.rounds, settings.patience_seconds)
    notes = {name: f"{count.calls:,} calls of the model, {count.inputs:,} inputs" for name, count in counts.items()}
    title = f"upsert of {points:,} objects of {points // _REPEATS:,} texts"
    details = {name: asdict(count) for name, count in counts.items()}
    return [table("duplicates", title, "s", timings, notes=notes, details=details)]


def _task(stage: Stage, name: str, points: int, counts: dict[str, Count]) -> Callable[[], float]:
    def task() -> float:
        path = stage.new_path()
        try:
            seconds, counts[name] = stage.worker(name).run(_upsert, path, points)
            return seconds
        finally:
            stage.remove(path)

    return task


def _upsert(session: Session, path: Path, count: int) -> tuple[float, Count]:
    store = session.open(path)
    assert isinstance(store, QdrantApiStore)
    models = store.models
    try:
        config = models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
        store.client.create_collection(COLLECTION, vectors_config={"v": config})
        points = [
            models.PointStruct(
                id=at, vector={"v": models.Document(text=f"text {at // _REPEATS}", model=MODEL, options=OPTIONS)}
            )
            for at in range(count)
        ]
        with counting_model() as asked:
            return seconds_of(lambda: store.client.upsert(COLLECTION, points)), asked
    finally:
        session.close()
