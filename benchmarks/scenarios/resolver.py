"""What the way from an object to its vector costs besides the model: 1,000 `Document`s, and a model that does nothing.

"local" is qdrant-client's way of local mode, with batches of all objects; it does not look for equal ones.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.measure import repeated, seconds_of
from benchmarks.results import Table, table
from benchmarks.stage import Stage
from benchmarks.stand_in import MODEL, OPTIONS, counting_model

_OBJECTS = 1000
_LEAST_ROUNDS = 15


def run(stage: Stage) -> list[Table]:
    """A list of points, each with one object."""
    stage.log("resolver")
    distinct = [f"text number {at}" for at in range(_OBJECTS)]
    tasks = {
        "minidb": _minidb(distinct),
        "minidb, equal texts": _minidb(distinct[:1] * _OBJECTS),
        "minidb, mrl": _minidb(distinct, {"mrl": 4}),
    }
    if "local" in stage.contestants:
        tasks["local"] = _local(distinct)
    timings = repeated(tasks, max(_LEAST_ROUNDS, stage.settings.rounds), stage.settings.patience_seconds)
    return [table("resolver", f"inference of {_OBJECTS:,} objects without the model, per object", "µs", timings)]


class _Nothing:
    slow = False
    _row = np.ones(8, np.float32) / np.float32(8**0.5)

    def embed(self, request: Any) -> Sequence[Any]:
        return [self._row] * len(request.inputs)


def _minidb(texts: Sequence[str], options: dict[str, Any] | None = None) -> Callable[[], float]:
    from minidb import inference, models

    registry = inference.Registry()
    registry.register("nothing/", lambda _: _Nothing())
    points = [
        models.PointStruct(id=at, vector={"v": models.Document(text=text, model="nothing/nothing", options=options)})
        for at, text in enumerate(texts)
    ]
    return lambda: seconds_of(lambda: inference.resolve(points, operation="update", registry=registry)) / len(points)


def _local(texts: Sequence[str]) -> Callable[[], float]:
    def task() -> float:
        models = importlib.import_module("qdrant_client").models
        embedder = importlib.import_module("qdrant_client.embed.model_embedder").ModelEmbedder(is_local_mode=True)
        points = [
            models.PointStruct(id=at, vector={"v": models.Document(text=text, model=MODEL, options=OPTIONS)})
            for at, text in enumerate(texts)
        ]
        with counting_model():
            embedder.embedder.get_or_init_model(model_name=MODEL, **OPTIONS)
            seconds = seconds_of(lambda: list(embedder.embed_models(points, batch_size=len(points))))
        return seconds / len(points)

    return task
