"""Arrays of other libraries in payloads: lists, as numpy's are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models


class Column:
    """As pandas' Series, and torch's Tensor."""

    def tolist(self) -> list[Any]:
        return [1, np.float32(0.5), {"a": np.array([1, 2])}]


def test_arrays_of_other_libraries_are_lists_as_numpys_are(client: QdrantClient) -> None:
    """They were refused, with `Series has no JSON form`."""
    client.create_collection("c", {})
    client.upsert("c", [models.PointStruct(id=1, vector={}, payload={"a": np.arange(2), "b": {"c": Column()}})])
    assert client.retrieve("c", [1])[0].payload == {"a": [0, 1], "b": {"c": [1, 0.5, {"a": [1, 2]}]}}


def test_arrow_arrays_and_scalars(client: QdrantClient) -> None:
    arrow = pytest.importorskip("pyarrow")
    client.create_collection("c", {})
    payload = {"a": arrow.array([1, None]), "b": arrow.scalar("x")}
    client.upsert("c", [models.PointStruct(id=1, vector={}, payload=payload)])
    assert client.retrieve("c", [1])[0].payload == {"a": [1, None], "b": "x"}
