"""Arrays of other libraries work wherever numpy's do; none of the libraries is needed."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
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


class Table(Foreign):
    """What data frames have beside an array: methods under names that requests give their fields."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values.astype(np.int64).tolist())

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self._values.astype(np.int64)

    def filter(self) -> None:
        """Of pandas, polars and pyarrow."""

    def points(self) -> None:
        """Of nobody yet."""


@pytest.mark.parametrize("name", ["array", "memoryview"])
def test_pythons_own_arrays(client: QdrantClient, name: str) -> None:
    numbers: Any = array("f", [1.0, 2.0])
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.upsert("c", [models.PointStruct(id=1, vector=numbers if name == "array" else memoryview(numbers))])
    assert client.query_points("c", numbers).points[0].score == 5.0


@pytest.mark.parametrize("name", ["numpy", "pandas", "polars", "pyarrow"])
def test_a_column_of_lists(client: QdrantClient, name: str) -> None:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    column = objects(rows) if name == "numpy" else library(name)(rows)
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("c", {"a": params, "b": params})
    client.upsert("c", models.Batch(ids=[1, 2], vectors={"a": column}))
    client.upload_collection("c", {"a": column, "b": column}, ids=[3, 4])
    assert [point.vector["a"] for point in client.scroll("c", with_vectors=["a"])[0]] == rows + rows
    ids, scores = client.query_arrays("c", column, using="a", limit=1)
    assert (ids.tolist(), scores.tolist()) == ([[2], [2]], [[11.0], [25.0]])


def objects(rows: list[list[float]]) -> np.ndarray:
    column = np.empty(len(rows), object)
    column[:] = rows
    return column


@pytest.mark.parametrize("name", ["table", "numpy", "pandas", "polars", "pyarrow"])
def test_ids_of_another_library(client: QdrantClient, name: str) -> None:
    own = {"table": Table, "numpy": np.array}
    ids = (own[name] if name in own else library(name))([1, 2])
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.upload_collection("c", [[1.0, 2.0], [3.0, 4.0]], ids=ids)
    assert [point.id for point in client.retrieve("c", ids)] == [1, 2]
    client.set_payload("c", {"a": 1}, ids)
    assert client.count("c", models.Filter(must=[models.HasIdCondition(has_id=ids)])).count == 2
    client.delete("c", ids)
    assert client.count("c").count == 0


@pytest.mark.parametrize("name", ["numpy", "pandas", "polars", "pyarrow"])
def test_values_of_another_library_in_a_filter(client: QdrantClient, name: str) -> None:
    make: Callable[[Any], Any] = np.array if name == "numpy" else library(name)
    client.create_collection("c", {})
    client.upsert("c", [models.PointStruct(id=at, vector={}, payload={"n": at, "word": f"w{at}"}) for at in range(4)])

    def count(key: str, match: models.Match) -> int:
        return client.count("c", models.Filter(must=[models.FieldCondition(key=key, match=match)])).count

    assert count("n", models.MatchAny(any=make([1, 2, 9]))) == 2
    assert count("word", models.MatchAny(any=make(["w1", "w9"]))) == 1
    assert count("n", models.MatchValue(value=np.asarray(make([1]))[0])) == 1


@pytest.mark.parametrize("distance", models.Distance)
def test_a_column_of_a_matrix_is_a_vector(client: QdrantClient, distance: models.Distance) -> None:
    """Its numbers do not lie side by side, nor do the rows of a transposed matrix, as data frames have them."""
    matrix = np.random.default_rng(1).random((4, 8), np.float32)
    several = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "c",
        {
            "one": models.VectorParams(size=4, distance=distance),
            "many": models.VectorParams(size=4, distance=distance, multivector_config=several),
        },
    )
    vectors: Any = {"one": matrix.T, "many": [matrix.T] * 8}
    client.upsert("c", models.Batch(ids=list(range(8)), vectors=vectors))
    for using, query in (("one", matrix[:, 3]), ("many", matrix.T[:3])):
        found = client.query_points("c", query, using=using).points
        assert found == client.query_points("c", query.tolist(), using=using).points


def test_what_holds_no_numbers_is_refused_by_name() -> None:
    class Words(Foreign):
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array(["a"], object)

    with pytest.raises(FormatError, match="Expected an array of numbers, got dtype object"):
        models.PointStruct(id=1, vector=Words([1]))  # type: ignore[arg-type]
