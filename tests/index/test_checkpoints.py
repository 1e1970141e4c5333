"""Derived data at checkpoints: what is saved, when, and that an opened store uses it in place of building it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.collection import indexer
from minidb.index.dense.bits import BitSketch
from minidb.index.dense.sketch import Sketch

SIZE, N = 128, 10_000
BINARY = models.BinaryQuantization(binary=models.BinaryQuantizationConfig())
GRAPH_AT_ONCE, NO_GRAPH = 1, 0


def vectors(n: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, SIZE)).astype(np.float32)


def fill(client: QdrantClient, indexing_threshold: int, n: int = N) -> None:
    client.create_collection(
        "c",
        models.VectorParams(size=SIZE, distance="Cosine"),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=indexing_threshold),
    )
    client.upload_collection("c", vectors(n), ids=range(n), batch_size=4000)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is built of rows, as it happens."""
    made: list[str] = []

    def noted(name: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            made.append(name)
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(indexer, "build", noted("graph", indexer.build))
    monkeypatch.setattr(Sketch, "extend", noted("sketch", Sketch.extend))
    monkeypatch.setattr(BitSketch, "extend", noted("bits", BitSketch.extend))
    yield made


@pytest.mark.parametrize("threshold", [GRAPH_AT_ONCE, NO_GRAPH], ids=["graph", "sketch"])
def test_what_another_quantization_replaced_is_saved_though_it_has_no_more_rows(
    tmp_path: Path, built: list[str], threshold: int
) -> None:
    query = vectors(1, seed=1)[0]
    for settings in ({}, {"quantization_config": BINARY}):
        with QdrantClient(tmp_path) as client:
            if not settings:
                fill(client, threshold)
            else:
                client.update_collection("c", **settings)
            client.query_points("c", query=query)
            assert client.wait_until_indexed("c")
    assert built
    built.clear()
    with QdrantClient(tmp_path) as client:
        client.query_points("c", query=query)
        assert client.wait_until_indexed("c")
    assert built == []
