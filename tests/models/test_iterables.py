"""Wherever a list may stand, another iterable may (a generator, a range, a view of a dict), as in qdrant-client."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from qdrant_client import models as theirs

from minidb import QdrantClient, errors, models


class Numbers(Sequence[float]):
    def __len__(self) -> int:
        return 2

    def __getitem__(self, at: Any) -> Any:
        return [1.0, 2.0][at]


def yielded() -> Iterator[float]:
    yield from (1.0, 2.0)


FORMS: dict[str, Callable[[], Any]] = {
    "generator": yielded,
    "map": lambda: map(float, "12"),
    "deque": lambda: deque([1.0, 2.0]),
    "range": lambda: range(1, 3),
    "values": lambda: {"a": 1.0, "b": 2.0}.values(),
    "keys": lambda: {1.0: 0, 2.0: 0}.keys(),
    "sequence": Numbers,
    "numpy's numbers": lambda: iter(np.array([1, 2], np.float32)),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_vector_may_be_any_iterable_of_numbers(form: str) -> None:
    made = FORMS[form]
    assert [*theirs.PointStruct(id=1, vector=made()).vector] == [1.0, 2.0]
    assert [*models.PointStruct(id=1, vector=made()).vector] == [1.0, 2.0]
    assert [*models.PointStruct(id=1, vector={"a": made()}).vector["a"]] == [1.0, 2.0]
    assert [*models.PointVectors(id=1, vector=made()).vector] == [1.0, 2.0]
    assert [*models.Batch(ids=[1], vectors=[made()]).vectors[0]] == [1.0, 2.0]
    assert [*models.Prefetch(query=made()).query] == [1.0, 2.0]
    assert [*models.NearestQuery(nearest=made()).nearest] == [1.0, 2.0]


def test_a_multivector_may_be_any_iterable_of_rows() -> None:
    rows = [[1.0, 2.0], [3.0, 4.0]]
    assert models.PointStruct(id=1, vector=(iter(row) for row in rows)).vector == rows
    assert models.PointStruct(id=1, vector=[iter(row) for row in rows]).vector == rows
    assert models.PointStruct(id=1, vector=(row for row in rows)).vector == rows
    assert np.array_equal(models.PointStruct(id=1, vector=map(np.array, rows)).vector, rows)
    assert models.Batch(ids=[1, 2], vectors=(row for row in rows)).vectors == rows


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({1.0, 2.0}, "Expected some form of vector"),  # which has no order
        (b"ab", "Expected some form of vector"),
        (iter("ab"), "expected a number|valid number"),
        (iter([True]), "expected a number|valid number"),
    ],
)
def test_iterables_that_are_no_vector_are_refused(value: Any, text: str) -> None:
    with pytest.raises(errors.FormatError, match=text):
        models.PointStruct(id=1, vector=value)


def test_an_iterable_of_nothing_is_an_empty_vector() -> None:
    with pytest.raises(errors.ValidationError, match="dense vector must not be empty"):
        models.PointStruct(id=1, vector=iter(()))


def test_lists_of_filters_and_selectors_may_be_iterables(client: QdrantClient) -> None:
    client.create_collection("c", vectors_config=models.VectorParams(size=2, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=n, vector=range(n, n + 2), payload={"n": n, "m": 0}) for n in range(4)])
    wanted = {1: "a", 2: "b"}
    any_of = models.MatchAny(any=wanted.keys())
    assert any_of == models.MatchAny(any=[1, 2]) == models.MatchAny(any=list(np.array([1, 2])))
    conditions = (models.FieldCondition(key="n", match=match) for match in [any_of])
    hits = client.query_points(
        "c",
        query=map(float, "01"),
        query_filter=models.Filter(must=conditions, must_not=(models.HasIdCondition(has_id=iter([2])),)),
        with_payload={"n": True}.keys(),
    ).points
    assert [(hit.id, hit.payload) for hit in hits] == [(1, {"n": 1})]
    prefetches = (models.Prefetch(query=query) for query in ([1.0, 0.0], [0.0, 1.0]))
    fused = client.query_points("c", prefetch=prefetches, query=models.FusionQuery(fusion="rrf"), limit=1).points
    assert [hit.id for hit in fused] == [3]
