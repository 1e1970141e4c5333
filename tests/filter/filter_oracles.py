"""Two oracles for the filter room, qdrant-edge (the Rust core) and qdrant-client's local mode, and strategies.

Filters are built from qdrant-client's models; `ours` turns them into minidb's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

import qdrant_edge as edge
from hypothesis import strategies as st
from qdrant_client import models as m
from qdrant_client.local import payload_filters

from minidb import models
from minidb.filter.conditions import compile

POINTS = 6
UUIDS = ["11111111-1111-1111-1111-111111111111", "f47ac10b-58cc-4372-a567-0e02b2c3d479"]
IDS: list[int | str] = [0, 1, 7, 2**64 - 1, *UUIDS]


@dataclass
class Point:
    id: int | str
    payload: dict[str, Any] | None = None
    vectors: Collection[str] = field(default_factory=lambda: {""})


def ours(filter: m.Filter, payloads: Sequence[dict[str, Any]], ids: Sequence[int | str] = IDS) -> list[int]:
    """Positions of the payloads that satisfy the filter, by minidb."""
    predicate = compile(models.Filter.model_validate(filter))
    points = map(Point, ids, payloads)
    return [at for at, point in enumerate(points) if predicate.check(point)]


def local(filter: m.Filter, payloads: Sequence[dict[str, Any]], ids: Sequence[int | str] = IDS) -> list[int]:
    """The same by qdrant-client's local mode."""
    return [
        at
        for at, (point_id, payload) in enumerate(zip(ids, payloads, strict=False))
        if payload_filters.check_filter(filter, payload, point_id, {"": True})
    ]


def _new_shard(ids: Sequence[int | str], payloads: Sequence[dict[str, Any]]) -> edge.EdgeShard:
    params = edge.EdgeVectorParams(size=1, distance=edge.Distance.Dot)
    created = edge.EdgeShard.create(tempfile.mkdtemp(prefix="minidb-edge-"), edge.EdgeConfig(vectors=params))
    points = [edge.Point(_edge_id(i), [1.0], payload) for i, payload in zip(ids, payloads, strict=True)]
    created.update(edge.UpdateOperation.upsert_points(points))
    return created


@lru_cache(maxsize=1)
def _scratch_shard() -> edge.EdgeShard:
    return _new_shard(IDS, [{}] * len(IDS))


def _edge_id(point_id: int | str) -> Any:
    from uuid import UUID

    return UUID(point_id) if isinstance(point_id, str) else point_id


class Rust:
    """The Rust core holding up to len(IDS) payloads; they are overwritten, since new points slow the shard down."""

    def __init__(self, payloads: list[dict[str, Any]]) -> None:
        assert len(payloads) <= len(IDS)
        self.shard = _scratch_shard()
        self.ids = IDS[: len(payloads)]
        for point_id, payload in zip(self.ids, payloads, strict=True):
            self.shard.update(edge.UpdateOperation.overwrite_payload([_edge_id(point_id)], payload))

    def select(self, filter: m.Filter) -> list[int]:
        return self.select_edge(to_edge(filter))

    def select_edge(self, filter: edge.Filter) -> list[int]:
        found, _ = self.shard.scroll(edge.ScrollRequest(limit=100, filter=filter))
        ids = {str(record.id) for record in found}
        return [at for at, point_id in enumerate(self.ids) if str(point_id) in ids]

    def payloads(self, selector: Any = True) -> list[dict[str, Any]]:
        found, _ = self.shard.scroll(edge.ScrollRequest(limit=100, with_payload=selector))
        by_id = {str(record.id): record.payload for record in found}
        return [by_id[str(point_id)] or {} for point_id in self.ids]

    def update(self, operation: edge.UpdateOperation) -> None:
        self.shard.update(operation)


@lru_cache(maxsize=1)
def corpus() -> list[dict[str, Any]]:
    """A fixed set of payloads that holds every kind of value in every place the paths of `keys` reach."""
    random = Random(7)

    def element() -> Any:
        return random.choice(
            [{}, {"b": pick()}, {"b": pick()}, {"b": [pick(), pick()]}, {"a": pick()}, pick(), [pick()]]
        )

    def pick() -> Any:
        return random.choice(SCALARS)

    def elements(most: int) -> list[Any]:
        return [element() for _ in range(random.randrange(most + 1))]

    columns: list[Any] = [*SCALARS, [], {}]
    columns += [[pick() for _ in range(random.randrange(1, 4))] for _ in range(120)]
    columns += [elements(3) for _ in range(200)]
    columns += [{"b": random.choice([pick(), elements(2), {"a": pick()}])} for _ in range(60)]
    columns += [[elements(2), {"b": elements(2)}] for _ in range(40)]
    return [{}, *({"a": column, "b": random.choice([pick(), elements(2)])} for column in columns)]


class RustCorpus:
    """The Rust core holding `corpus()` under the ids 0, 1, 2, …"""

    def __init__(self) -> None:
        self.shard = _new_shard(range(len(corpus())), corpus())

    def select(self, filter: m.Filter) -> list[int]:
        found, _ = self.shard.scroll(edge.ScrollRequest(limit=10_000, filter=to_edge(filter)))
        return [record.id for record in found]


# --- translation to edge's classes ----------------------------------------------------------------------------------


def to_edge(filter: m.Filter) -> edge.Filter:
    def group(conditions: Any) -> list[Any] | None:
        if conditions is None:
            return None
        return [_condition(c) for c in (conditions if isinstance(conditions, list) else [conditions])]

    least = filter.min_should
    return edge.Filter(
        must=group(filter.must),
        should=group(filter.should),
        must_not=group(filter.must_not),
        min_should=None
        if least is None
        else edge.MinShould([_condition(c) for c in least.conditions], least.min_count),
    )


def _condition(c: Any) -> Any:
    match c:
        case m.Filter():
            return to_edge(c)
        case m.NestedCondition():
            return edge.NestedCondition(c.nested.key, to_edge(c.nested.filter))
        case m.IsEmptyCondition():
            return edge.IsEmptyCondition(c.is_empty.key)
        case m.IsNullCondition():
            return edge.IsNullCondition(c.is_null.key)
        case m.HasIdCondition():
            return edge.HasIdCondition({_edge_id(i) for i in c.has_id})
        case m.HasVectorCondition():
            return edge.HasVectorCondition(c.has_vector)
        case m.FieldCondition():
            return edge.FieldCondition(
                c.key,
                match=_match(c.match),
                range=_range(c.range),
                geo_bounding_box=_box(c.geo_bounding_box),
                geo_radius=c.geo_radius and edge.GeoRadius(_geo(c.geo_radius.center), c.geo_radius.radius),
                geo_polygon=_polygon(c.geo_polygon),
                values_count=c.values_count and edge.ValuesCount(**c.values_count.model_dump()),
                is_empty=c.is_empty,
                is_null=c.is_null,
            )
    raise TypeError(c)


def _match(match: Any) -> Any:
    if match is None:
        return None
    _, value = next(iter(match.model_dump().items()))
    assert not isinstance(value, bool), "edge's Python layer turns True into 1"
    return getattr(edge, type(match).__name__)(value)


def _range(bounds: Any) -> Any:
    if isinstance(bounds, m.DatetimeRange):
        return edge.RangeDateTime(**{k: v and v.isoformat() for k, v in bounds.model_dump().items()})
    return bounds and edge.RangeFloat(**bounds.model_dump())


def _geo(point: Any) -> Any:
    return edge.GeoPoint(point.lon, point.lat)


def _box(box: Any) -> Any:
    return box and edge.GeoBoundingBox(_geo(box.top_left), _geo(box.bottom_right))


def _polygon(polygon: Any) -> Any:
    if polygon is None:
        return None
    holes = [[_geo(p) for p in ring.points] for ring in polygon.interiors or []]
    return edge.GeoPolygon([_geo(p) for p in polygon.exterior.points], holes)


# --- strategies -----------------------------------------------------------------------------------------------------

INTS = [-1, 0, 1, 2, 3, 2**53, 2**53 + 1, -(2**63), 2**63 - 1]
KEYS = ["a", "b", "é1"]
WORDS = ["x", "y", "1", "Hello World", "hello", "big hello world", "Straße 東京", "", "हिन्दी भाषा", "ΟΔΟΣ", "a_b-c"]
DATES = [
    "2021-01-01",
    "2021-01-01T12:00:00Z",
    "2021-01-01 13:00:00+01:00",
    "2021-01-01t12:00:00.5z",
    "2021-1-1T1:2:3+0130",
    "2021-06-01 12:00",
    "2021-02-29",
    "1969-12-31T23:59:59.999999Z",
    "nope",
]
DEGREES = [-170.0, -10.0, 0.0, 0.5, 1.0, 5.0, 10.0, 45.0, 89.0, 170.0]

geo_values = st.fixed_dictionaries(
    {
        "lon": st.sampled_from([*DEGREES, 180, 200.0]),
        "lat": st.sampled_from([*[d for d in DEGREES if abs(d) <= 90], 95]),
    }
)
NUMBERS = [*INTS, 2**63, 2**64 - 1, 0.0, -0.0, 1.0, 1.5, 2.0**53, 1e300]
PLACES = [
    {"lon": 0.5, "lat": 0.5},
    {"lon": 5, "lat": 45.0},
    {"lon": 200.0, "lat": 1},
    {"lon": 1, "lat": 95},
    {"lon": 1},
]
SCALARS: list[Any] = [None, True, False, *NUMBERS, *WORDS, *DATES, *PLACES, {"lon": True, "lat": 1.0}]
scalars = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.sampled_from(DATES), geo_values
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "lon", "lat"]), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from(["a", "b"]), scalars | st.lists(scalars, max_size=2), max_size=2)
columns = st.one_of(scalars, st.lists(scalars, max_size=4), objects, st.lists(objects | scalars, max_size=3), values)
payloads = st.fixed_dictionaries({}, optional={"a": columns, "b": columns, "é1": values})
DEEP_KEYS = ["é1", "b", "a[0]", "a[1].b", 'a."b"', "a.b.a", "a[][]", "a[].b[].a", "a.lon", "b[].a[0]"]
keys = st.sampled_from(["a", "a.b", "a[]", "a[].b"]) | st.sampled_from(DEEP_KEYS)
strings = st.sampled_from(
    [*WORDS, "World hello", "hello world", "東京", "भाषा", "οδος", "straße", "hel", "H", "b c", "_"]
)


def bounds(numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(("lt", "gt", "lte", "gte"), numbers))


variants = st.lists(st.sampled_from(WORDS), max_size=3) | st.lists(st.sampled_from(INTS), max_size=3)
matches = st.one_of(
    st.builds(m.MatchValue, value=st.sampled_from([*WORDS, *INTS])),
    st.builds(m.MatchAny, any=variants),
    variants.map(lambda v: m.MatchExcept(**{"except": v})),
    st.builds(m.MatchText, text=strings),
    st.builds(m.MatchTextAny, text_any=strings),
    st.builds(m.MatchPhrase, phrase=strings),
    st.builds(m.MatchPrefix, prefix=strings),
    st.builds(m.MatchSubstring, substring=strings),
)
ranges = bounds(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 2.0**53, 1e300])).map(lambda b: m.Range(**b))
date_ranges = bounds(
    st.sampled_from(
        ["1969-12-31T23:59:59.999999Z", "2021-01-01T00:00:00Z", "2021-01-01T12:00:00Z", "2021-05-01T00:00:00Z"]
    )
).map(lambda b: m.DatetimeRange(**b))
geo_points = st.builds(
    m.GeoPoint, lon=st.sampled_from(DEGREES), lat=st.sampled_from([d for d in DEGREES if abs(d) <= 90])
)
rings = st.lists(geo_points, min_size=3, max_size=5).map(lambda points: m.GeoLineString(points=[*points, points[0]]))
clauses = st.one_of(
    matches.map(lambda v: {"match": v}),
    ranges.map(lambda v: {"range": v}),
    date_ranges.map(lambda v: {"range": v}),
    st.builds(m.GeoBoundingBox, top_left=geo_points, bottom_right=geo_points).map(lambda v: {"geo_bounding_box": v}),
    st.builds(m.GeoRadius, center=geo_points, radius=st.sampled_from([1.0, 1e5, 1e6, 5e6])).map(
        lambda v: {"geo_radius": v}
    ),
    st.builds(m.GeoPolygon, exterior=rings, interiors=st.none() | st.lists(rings, max_size=2)).map(
        lambda v: {"geo_polygon": v}
    ),
    bounds(st.integers(0, 3)).map(lambda b: {"values_count": m.ValuesCount(**b)}),
    st.booleans().map(lambda v: {"is_empty": v}),
    st.booleans().map(lambda v: {"is_null": v}),
)
field_conditions = st.builds(lambda key, clause: m.FieldCondition(key=key, **clause), keys, clauses)
leaf_conditions = st.one_of(
    field_conditions,
    field_conditions,
    field_conditions,
    keys.map(lambda key: m.IsEmptyCondition(is_empty=m.PayloadField(key=key))),
    keys.map(lambda key: m.IsNullCondition(is_null=m.PayloadField(key=key))),
    st.lists(st.sampled_from(IDS), max_size=3).map(lambda ids: m.HasIdCondition(has_id=ids)),
    st.sampled_from(["", "nope"]).map(lambda name: m.HasVectorCondition(has_vector=name)),
)


def _filters_of(conditions: st.SearchStrategy[Any]) -> st.SearchStrategy[m.Filter]:
    group = st.none() | st.lists(conditions, min_size=1, max_size=3)
    return st.builds(
        m.Filter,
        must=group | conditions,
        should=group,
        must_not=group,
        min_should=st.none()
        | st.builds(m.MinShould, conditions=st.lists(conditions, min_size=1, max_size=3), min_count=st.integers(1, 3)),
    )


conditions = st.recursive(
    leaf_conditions,
    lambda inner: (
        _filters_of(inner)
        | st.builds(
            lambda key, filter: m.NestedCondition(nested=m.Nested(key=key, filter=filter)),
            st.sampled_from(["a", "a[]", "b", "a[].b", "a.b"]),
            _filters_of(inner),
        )
    ),
    max_leaves=5,
)
filters = _filters_of(conditions)
