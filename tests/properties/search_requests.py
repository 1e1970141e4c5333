"""Random collections and random query trees over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from oracles.schema import Field, Schema
from qdrant_client import models as m

UUID_OF_3 = "00000000-0000-0000-0000-000000000003"


def schemas() -> st.SearchStrategy[Schema]:
    """Two dense vectors, a multivector, a sparse vector with idf and one without.

    No Cosine over float16: which of two neighbouring float16 numbers a coordinate becomes hangs on the last bit of its
    normalisation; `tests/collection` has an example instead.
    """
    distances = st.sampled_from(["Cosine", "Dot", "Euclid", "Manhattan"])
    datatypes = st.sampled_from([None, "float32", "float16", "uint8"])
    kinds = st.tuples(distances, datatypes).filter(lambda kind: kind != ("Cosine", "float16"))
    return st.builds(
        lambda first, second, third: (
            Field("v", size=4, distance=first[0], datatype=first[1]),
            Field("w", size=3, distance=second[0], datatype=second[1]),
            Field("multi", kind="multi", size=3, distance=third[0], datatype=third[1]),
            Field("sparse", kind="sparse"),
            Field("idf", kind="sparse", idf=True),
        ),
        kinds,
        kinds,
        kinds,
    )


class Numbers:
    """Vectors of one collection: small whole numbers, full of ties, or Gaussian ones, free of them."""

    def __init__(self, seed: int, whole: bool) -> None:
        self._random = np.random.default_rng(seed)
        self._whole = whole

    def dense(self, field: Field) -> list[float]:
        if self._whole:
            low = 0 if field.datatype == "uint8" else -2
            return self._random.integers(low, 3, field.size).astype(float).tolist()
        numbers = self._random.standard_normal(field.size)
        if field.datatype == "uint8":
            numbers = np.abs(numbers) * 90
        return numbers.astype(np.float32).tolist()

    def vector(self, field: Field) -> Any:
        if field.kind == "dense":
            return self.dense(field)
        if field.kind == "multi":
            return [self.dense(field) for _ in range(self._random.integers(1, 4))]
        indices = np.sort(self._random.choice(12, self._random.integers(1, 5), replace=False))
        # positive: totals of exactly zero are undefined (spec §2.4)
        values = self._random.integers(1, 4, len(indices)) if self._whole else self._random.random(len(indices)) + 0.1
        return m.SparseVector(indices=indices.tolist(), values=values.astype(np.float32).tolist())

    def points(self, schema: Schema, count: int, missing: float, start: int = 0) -> list[m.PointStruct]:
        """New ones; the ids, from `start` on, are integers and UUIDs."""
        found = []
        for number in range(start, start + count):
            vectors = {field.name: self.vector(field) for field in schema if self._random.random() >= missing}
            payload = self.payload(number)
            if "v" in vectors:
                payload["side"] = int(sum(vectors["v"]) > 0)  # a filter on it leaves near points, or only far ones
            found.append(m.PointStruct(id=id_of(number), vector=vectors, payload=payload))
        return found

    def payload(self, number: int) -> dict[str, Any]:
        """Single values, a list, a list of objects; sometimes a path is not there."""
        draw = self._random.integers
        payload: dict[str, Any] = {"n": int(draw(0, 5)), "half": number % 2}
        if draw(0, 4):
            payload["tags"] = [f"t{tag}" for tag in draw(0, 4, draw(0, 3))]
        if draw(0, 4):
            payload["parts"] = [{"a": int(draw(0, 3)), "b": float(draw(0, 3))} for _ in range(draw(0, 3))]
        return payload


def id_of(number: int) -> Any:
    return number if number % 7 != 3 else f"00000000-0000-0000-0000-{number:012d}"


conditions = st.one_of(
    st.integers(0, 5).map(lambda n: m.FieldCondition(key="n", match=m.MatchValue(value=n))),
    st.integers(0, 4).map(lambda n: m.FieldCondition(key="n", range=m.Range(gte=n))),
    st.integers(0, 1).map(lambda n: m.FieldCondition(key="half", match=m.MatchValue(value=n))),
    st.just(m.HasIdCondition(has_id=[0, 1, 2, UUID_OF_3, 4, 5, 6])),
)


def _matches(key: str, **match: Any) -> m.FieldCondition:
    return m.FieldCondition(key=key, match=(m.MatchAny if "any" in match else m.MatchExcept)(**match))


tags = st.lists(st.sampled_from(["t0", "t1", "t2", "t3"]), min_size=1, max_size=2)
of_a_part = st.one_of(
    st.integers(0, 2).map(lambda a: m.FieldCondition(key="a", match=m.MatchValue(value=a))),
    st.integers(0, 2).map(lambda b: m.FieldCondition(key="b", range=m.Range(lt=b))),
)
rich_conditions = st.one_of(
    conditions,
    tags.map(lambda some: _matches("tags", any=some)),
    tags.map(lambda some: _matches("tags", **{"except": some})),
    st.integers(0, 2).map(lambda b: m.FieldCondition(key="parts[].b", range=m.Range(gt=0, lte=b))),
    st.lists(of_a_part, min_size=1, max_size=2).map(
        lambda some: m.NestedCondition(nested=m.Nested(key="parts", filter=m.Filter(must=some)))
    ),
    st.sampled_from(["v", "multi", "sparse"]).map(lambda name: m.HasVectorCondition(has_vector=name)),
    st.sampled_from(["tags", "parts", "n"]).map(lambda key: m.IsEmptyCondition(is_empty=m.PayloadField(key=key))),
    st.lists(conditions, min_size=1, max_size=2).map(lambda some: m.Filter(should=some)),
)
"""More than the Rust core is asked here."""


def filters_of(conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[m.Filter | None]:
    groups = st.none() | st.lists(conditions, min_size=1, max_size=2)
    return st.none() | st.builds(m.Filter, must=groups, should=groups, must_not=groups)


filters, rich_filters = filters_of(conditions), filters_of(rich_conditions)
thresholds = st.none() | st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 50.0])


def _nearest(schema: Schema, points: Sequence[Any], numbers: Numbers) -> st.SearchStrategy[dict[str, Any]]:
    """A vector, or the id of a point that has one."""

    def by_vector(field: Field) -> dict[str, Any]:
        return {"using": field.name, "query": numbers.vector(field)}

    choices = st.sampled_from(schema).map(by_vector)
    having = [(field.name, point.id) for field in schema for point in points if field.name in point.vector]
    if having:
        choices |= st.sampled_from(having).map(lambda pair: {"using": pair[0], "query": pair[1]})
    return choices


def _fusions(n: int) -> st.SearchStrategy[Any]:
    weights = st.none() | st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n)
    return st.one_of(
        st.sampled_from([m.Fusion.RRF, m.Fusion.DBSF]).map(lambda f: m.FusionQuery(fusion=f)),
        st.builds(m.Rrf, k=st.none() | st.sampled_from([1, 2, 60]), weights=weights).map(lambda r: m.RrfQuery(rrf=r)),
    )


@st.composite
def _nodes(
    draw: st.DrawFn, nearest: st.SearchStrategy[dict[str, Any]], filters: st.SearchStrategy[Any], depth: int
) -> dict[str, Any]:
    """The common fields of a request and a prefetch."""
    node: dict[str, Any] = {"filter": draw(filters), "limit": draw(st.none() | st.integers(1, 20))}
    below = []
    if depth and draw(st.booleans()):
        below = [m.Prefetch(**draw(_nodes(nearest, filters, depth - 1))) for _ in range(draw(st.integers(1, 3)))]
        node["prefetch"] = below
    if below and draw(st.booleans()):
        node["query"] = draw(_fusions(len(below)))
    elif below or draw(st.integers(0, 7)):
        node |= draw(nearest)
    if "query" in node:
        node["score_threshold"] = draw(thresholds)
    return node


@st.composite
def requests(
    draw: st.DrawFn,
    schema: Schema,
    points: Sequence[Any],
    numbers: Numbers,
    filters: st.SearchStrategy[Any] = filters,
    depth: int = 3,
) -> m.QueryRequest:
    """A query tree of at most `depth` levels of prefetches; of `points` the ids and the names of vectors count."""
    node = draw(_nodes(_nearest(schema, points, numbers), filters, depth))
    return m.QueryRequest(**node, offset=draw(st.none() | st.integers(0, 5)))
