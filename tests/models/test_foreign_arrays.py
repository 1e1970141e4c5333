"""Arrays of other libraries work wherever numpy's do; none of the libraries is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.errors import FormatError


class Foreign:
    """What numpy's protocol asks of an array, and the methods that torch's tensors have beside it."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values, np.float64)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self._values if dtype is None else self._values.astype(dtype)

    def __len__(self) -> int:
        return len(self._values)

    def indices(self) -> None:
        """Sparse tensors have it; of dense ones it says nothing."""

    def values(self) -> None:
        """The same."""


def library(name: str) -> Callable[[Any], Any]:
    if name == "foreign":
        return Foreign
    module = pytest.importorskip(name)
    makers = {"torch": "tensor", "pandas": "Series", "polars": "Series", "pyarrow": "array", "jax.numpy": "asarray"}
    return getattr(module, makers[name])  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["foreign", "torch", "pandas", "polars", "pyarrow", "jax.numpy"])
def test_a_vector_of_another_library(client: QdrantClient, name: str) -> None:
    make = library(name)
    client.create_collection(
        "c",
        {"a": models.VectorParams(size=2, distance=models.Distance.DOT)},
        sparse_vectors_config={"s": models.SparseVectorParams()},
    )
    sparse = models.SparseVector(indices=[3, 4], values=make([0.5, 0.25]))
    client.upsert("c", [models.PointStruct(id=1, vector={"a": make([1.0, 2.0]), "s": sparse})])
    client.upsert("c", models.Batch(ids=[2, 3], vectors={"a": [make([3.0, 0.0]), make([0.0, 3.0])]}))
    hits = client.query_points("c", make([1.0, 0.0]), using="a", with_vectors=["a"]).points
    assert [(hit.id, hit.score) for hit in hits] == [(2, 3.0), (1, 1.0), (3, 0.0)]
    assert hits[1].vector == {"a": [1.0, 2.0]}
    assert client.query_points("c", sparse, using="s").points[0].score == 0.3125


def test_a_matrix_of_another_library(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.upload_collection("c", Foreign([[1, 2], [3, 4]]), ids=[1, 2])  # type: ignore[arg-type]
    client.upsert("c", models.Batch(ids=[3], vectors=Foreign([[5, 6]])))  # type: ignore[arg-type]
    assert [point.vector for point in client.scroll("c", with_vectors=True)[0]] == [[1, 2], [3, 4], [5, 6]]


def test_what_holds_no_numbers_is_refused_by_name() -> None:
    class Words(Foreign):
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array(["a"], object)

    with pytest.raises(FormatError, match="Expected an array of numbers, got dtype object"):
        models.PointStruct(id=1, vector=Words([1]))  # type: ignore[arg-type]
