"""`order_by` and random samples: order, several values per point, where to start; against the Rust core."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st
from worlds import NAME, WORLDS, N, World, cases, id_key, world

from minidb import QdrantClient, errors, models

NUMBERS = st.sampled_from([-3, -1, 0, 1, 0.5, -2.25, 4, 100])
MOMENTS = st.sampled_from(["2024-01-11T00:00:00Z", "2024-02-10T02:00:00Z", "2030-01-01T00:00:00Z"])


@st.composite
def orderings(draw: Any) -> tuple[str, bool, Any]:
    key = draw(st.sampled_from(["int", "float", "when"]))
    return key, draw(st.booleans()), draw(st.none() | (MOMENTS if key == "when" else NUMBERS))


def both(ordering: tuple[str, bool, Any]) -> tuple[models.OrderBy, edge.OrderBy]:
    key, descending, start = ordering
    direction = "desc" if descending else "asc"
    their_direction = edge.Direction.Desc if descending else edge.Direction.Asc
    return (
        models.OrderBy(key=key, direction=direction, start_from=start),
        edge.OrderBy(key, their_direction, start),
    )


def entries(points: Any) -> list[tuple[float, str]]:
    return [(float(point.order_value), str(point.id)) for point in points]


def assert_page(got: Any, ranking: Any, limit: int, descending: bool) -> None:
    """The first of the core's (value, point) pairs; runs of one value in the order of ids."""
    whole, found = entries(ranking), entries(got)
    assert len(found) == min(limit, len(whole))
    assert [value for value, _ in found] == [value for value, _ in whole[: len(found)]]
    assert set(found) <= set(whole)
    assert len(set(found)) == len(found)
    for one, other in pairwise(got):
        if one.order_value == other.order_value:
            assert (id_key(one.id) > id_key(other.id)) == descending


def red(here: World) -> tuple[models.Filter, edge.Filter]:
    return (
        models.Filter(must=[models.FieldCondition(key="color", match=models.MatchValue(value="red"))]),
        edge.Filter(must=[edge.FieldCondition(key="color", match=edge.MatchValue("red"))]),
    )


@cases(200)
@given(st.integers(0, WORLDS - 1), orderings(), st.integers(1, 60), st.booleans())
def test_queries_and_scrolls_in_the_order_of_a_value(
    number: int, ordering: tuple[str, bool, Any], limit: int, filtered: bool
) -> None:
    here = world(number)
    ours, theirs = both(ordering)
    our_filter, their_filter = red(here) if filtered else (None, None)
    scrolled, _ = here.rust.scroll(edge.ScrollRequest(limit=200, order_by=theirs, filter=their_filter))
    queried = here.rust.query(edge.QueryRequest(limit=200, query=theirs, filter=their_filter))
    for store in here.stores:
        got = store.query_points(NAME, query=models.OrderByQuery(order_by=ours), limit=limit, query_filter=our_filter)
        assert_page(got.points, scrolled, limit, ordering[1])
        assert len(queried) == len(scrolled)
        assert {point.score for point in got.points} <= {1.0}
        page, token = store.scroll(NAME, our_filter, limit, order_by=ours)
        assert_page(page, scrolled, limit, ordering[1])
        assert token is None


@cases(60)
@given(st.integers(0, WORLDS - 1), orderings(), st.integers(1, 60), st.integers(1, N))
def test_prefetched_points_are_put_in_order(
    number: int, ordering: tuple[str, bool, Any], limit: int, first: int
) -> None:  # fmt: skip
    here = world(number)
    ours, theirs = both(ordering)
    vector = [0.3, -0.7, 1.1]
    source = edge.Prefetch(limit=first, query=edge.Query.Nearest(vector, using="dot"))
    ranking = here.rust.query(edge.QueryRequest(limit=200, query=theirs, prefetches=[source]))
    ids = {str(point.id) for point in here.rust.query(edge.QueryRequest(limit=first, query=source.query))}
    scrolled, _ = here.rust.scroll(edge.ScrollRequest(limit=200, order_by=theirs))
    expected = [record for record in scrolled if str(record.id) in ids]
    assert len(ranking) == len(expected)
    for store in here.stores:
        prefetch = models.Prefetch(query=vector, using="dot", limit=first)
        got = store.query_points(NAME, query=models.OrderByQuery(order_by=ours), prefetch=prefetch, limit=limit)
        assert_page(got.points, expected, limit, ordering[1])


@cases(60)
@given(st.integers(0, WORLDS - 1), st.integers(1, 40), st.booleans(), st.integers(0, 5), st.booleans())
def test_a_sample_draws_each_point_at_most_once(
    number: int, limit: int, filtered: bool, offset: int, prefetched: bool
) -> None:
    here = world(number)
    filter = red(here)[0] if filtered else None
    prefetch = models.Prefetch(query=[1.0, 0.0, 0.0], using="dot", limit=9) if prefetched else None
    for store in here.stores:
        allowed = {record.id for record in store.scroll(NAME, filter, limit=100)[0]}
        if prefetched:
            near = store.query_points(NAME, query=[1.0, 0.0, 0.0], using="dot", limit=9, query_filter=filter).points
            allowed = {point.id for point in near}
        query = models.SampleQuery(sample="random")
        got = store.query_points(
            NAME, query=query, limit=limit, offset=offset, query_filter=filter, prefetch=prefetch
        ).points
        assert {point.id for point in got} <= allowed
        assert len({point.id for point in got}) == len(got)
        skipped = offset if prefetched else 0
        assert len(got) == max(0, min(limit + skipped, len(allowed)) - skipped)
        assert {point.score for point in got} <= {1.0}


def test_a_sample_is_random() -> None:
    here = world(0)
    query = models.SampleQuery(sample="random")
    orders = {
        tuple(str(p.id) for p in here.stores[0].query_points(NAME, query=query, limit=5).points) for _ in range(9)
    }
    assert len(orders) > 1


def test_a_sample_of_nothing_is_empty(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    unmet = models.Filter(min_should=models.MinShould(conditions=[], min_count=1))
    query = models.SampleQuery(sample="random")
    assert client.query_points("c", query=query, query_filter=unmet).points == []


def test_a_point_comes_once_for_each_different_value(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    client.upsert(
        "c",
        [
            models.PointStruct(id=1, vector=[1.0], payload={"n": [3, 1, 3, 3.0]}),
            models.PointStruct(id=2, vector=[1.0], payload={"n": 2}),
        ],
    )
    client.create_payload_index("c", "n", "integer")
    query = models.OrderByQuery(order_by="n")
    got = client.query_points("c", query=query).points
    assert [(point.id, point.order_value) for point in got] == [(1, 1), (2, 2), (1, 3)]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("integer", [1, 2, 2**62 + 1]),
        ("float", [1.0, 2.0, 2.5, float(2**62)]),
        ("datetime", [86_400_000_000]),
    ],
)
def test_an_index_takes_the_values_of_its_kind(client: QdrantClient, kind: str, values: list[float]) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    payload = {"n": [1, 2.0, 2.5, True, None, "x", "1970-01-02", 2**62 + 1, {"a": 1}]}
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0], payload=payload)])
    client.create_payload_index("c", "n", kind)
    found, _ = client.scroll("c", order_by="n")
    assert [record.order_value for record in found] == values
    assert [type(record.order_value) for record in found] == [type(value) for value in values]


def test_large_integers_keep_their_order(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=i, vector=[1.0], payload={"n": 2**62 - i}) for i in range(5)])
    client.create_payload_index("c", "n", "integer")
    order_by = models.OrderBy(key="n", start_from=2**62 - 3)
    got = client.query_points("c", query=models.OrderByQuery(order_by=order_by)).points
    assert [point.order_value for point in got] == [2**62 - 3, 2**62 - 2, 2**62 - 1, 2**62]


def test_a_moment_to_start_from_may_be_a_datetime(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    days = [models.PointStruct(id=i, vector=[1.0], payload={"t": f"2024-01-0{i}"}) for i in range(1, 6)]
    client.upsert("c", days)
    client.create_payload_index("c", "t", "datetime")
    start = datetime(2024, 1, 3, tzinfo=timezone.utc)
    order_by = models.OrderBy(key="t", direction="desc", start_from=start)
    got = client.query_points("c", query=models.OrderByQuery(order_by=order_by)).points
    assert [point.id for point in got] == [3, 2, 1]


@pytest.mark.parametrize("kind", [None, "keyword", "geo", "text", "bool", "uuid"])
def test_only_a_range_index_gives_an_order(client: QdrantClient, kind: str | None) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    if kind is not None:
        client.create_payload_index("c", "a.b", kind)
    for ask in (
        lambda: client.query_points("c", query=models.OrderByQuery(order_by="a.b")),
        lambda: client.scroll("c", order_by="a.b"),
    ):
        with pytest.raises(errors.BadInput) as raised:
            ask()
        assert raised.value.message == (
            "Wrong input: No range index for `order_by` key: `a.b`. Please create one to use `order_by`. Check "
            "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support "
            "Range conditions"
        )


@pytest.mark.parametrize("key", ["n", "x"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_to_start_from_may_be_larger_than_any_float(
    client: QdrantClient, key: str, direction: str, sign: int
) -> None:
    client.create_collection(NAME, {})
    client.create_payload_index(NAME, "n", "integer")
    client.create_payload_index(NAME, "x", "float")
    client.upsert(NAME, [models.PointStruct(id=i, vector={}, payload={"n": i, "x": i + 0.5}) for i in range(3)])

    order_by = models.OrderBy(key=key, direction=direction, start_from=sign * 10**400)
    points, _ = client.scroll(NAME, order_by=order_by)

    everything = [0, 1, 2] if direction == "asc" else [2, 1, 0]
    assert [point.id for point in points] == (everything if (sign > 0) == (direction == "desc") else [])


@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 7, 300])
def test_ties_at_the_border_and_filtered_rows_far_from_the_end(
    client: QdrantClient, direction: str, limit: int
) -> None:
    """The walk from the end that comes first has to grow, and to take in every point of the last value."""
    values = [n // 40 for n in range(2000)]
    client.create_collection(NAME, {})
    client.create_payload_index(NAME, "n", "integer")
    client.upsert(
        NAME, [models.PointStruct(id=i, vector={}, payload={"n": v, "m": v % 10}) for i, v in enumerate(values)]
    )
    few = models.Filter(must=[models.FieldCondition(key="m", match=models.MatchValue(value=5))])
    order_by = models.OrderBy(key="n", direction=direction)

    points, _ = client.scroll(NAME, few, limit, order_by=order_by)

    kept = sorted(((v, i) for i, v in enumerate(values) if v % 10 == 5), reverse=direction == "desc")
    assert [(point.order_value, point.id) for point in points] == kept[:limit]
