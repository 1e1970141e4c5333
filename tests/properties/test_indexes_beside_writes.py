"""What payload indexes tell while points come, change and go: as a collection tells that was made of the same points.

Between the writes an index is not made anew: what came and changed becomes a small segment of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.payload_writes import N_IDS, Payloads, apply, upsert, writes

from minidb import QdrantClient, models
from minidb.index.payload.values import ValueIndex

WORDS = ["red", "green", "blue", "dark", "light"]
SCHEMAS: dict[str, Any] = {
    "n": models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True),
    "size": models.PayloadSchemaType.FLOAT,
    "day": models.PayloadSchemaType.DATETIME,
    "kind": models.PayloadSchemaType.KEYWORD,
    "text": models.TextIndexParams(type=models.TextIndexType.TEXT, scoring=True),
}
payloads = st.fixed_dictionaries(
    {},
    optional={
        "n": st.one_of(st.integers(-2, 3), st.lists(st.integers(0, 3), max_size=3)),
        "size": st.sampled_from([0.5, 1.5, 2.0]),
        "day": st.sampled_from(["2026-11-21", "2026-11-22T00:30:00Z"]),
        "kind": st.sampled_from("abc"),
        "text": st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join),
    },
)


@contextmanager
def empty(location: Any) -> Iterator[QdrantClient]:
    with QdrantClient(location, **({} if location == ":memory:" else {"durability": "off"})) as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        for key, schema in SCHEMAS.items():
            client.create_payload_index("c", key, schema)
        yield client


def told(client: QdrantClient) -> dict[str, Any]:
    """Everything indexes answer but filters, which have tests of their own."""
    odd = models.Filter(must=[models.FieldCondition(key="kind", match=models.MatchAny(any=["a", "b"]))])
    answers: dict[str, Any] = {}
    for query_filter in (None, odd):
        for key, direction in (("n", "asc"), ("n", "desc"), ("size", "desc"), ("day", "asc")):
            order = models.OrderBy(key=key, direction=models.Direction(direction))
            found = client.scroll("c", query_filter, limit=7, order_by=order)[0]
            answers[f"{key} {direction} {query_filter}"] = [(point.id, point.order_value) for point in found]
        for key in ("n", "kind"):
            answers[f"facet {key} {query_filter}"] = client.facet("c", key, query_filter).hits
        query = models.TextQuery(text="dark red")
        hits = client.query_points("c", query, using="text", query_filter=query_filter, limit=N_IDS).points
        answers[f"text {query_filter}"] = [(hit.id, hit.score) for hit in hits]
    schema = client.get_collection("c").payload_schema
    return answers | {f"points of {key}": info.points for key, info in schema.items()}


@pytest.mark.parametrize("place", ["memory", "disk"])
@given(history=st.lists(writes(payloads), min_size=1, max_size=10), max_segments=st.integers(1, 4))
@settings(deadline=None, max_examples=40 * int(os.environ.get("MINIDB_CASES", "1")))
def test_indexes_tell_what_those_of_a_new_collection_tell(
    place: str, history: list[Any], max_segments: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with ExitStack() as stack:
        stack.enter_context(mock.patch("minidb.index.payload.segments._MAX_SEGMENTS", max_segments))
        client = stack.enter_context(empty(":memory:" if place == "memory" else tmp_path_factory.mktemp("db")))
        known: Payloads = {}
        for write in history:
            known = apply(client, known, write)
            with empty(":memory:") as fresh:
                if known:
                    upsert(fresh, known)
                assert told(client) == told(fresh)


def test_a_page_in_order_after_a_write_costs_what_was_written(client: QdrantClient) -> None:
    """No index of thousands of points is made for it, nor copied to take in a few."""
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
    client.create_payload_index("c", "n", "integer")
    upsert(client, {at: {"n": at} for at in range(5_000)})
    newest = models.OrderBy(key="n", direction=models.Direction.DESC)
    assert client.scroll("c", limit=1, order_by=newest)[0][0].id == 4_999
    with mock.patch.object(ValueIndex, "joined", wraps=ValueIndex.joined) as joining:
        for at in range(5_000, 5_010):
            upsert(client, {at: {"n": at}})
            assert [point.id for point in client.scroll("c", limit=2, order_by=newest)[0]] == [at, at - 1]
            assert client.facet("c", "n", exact=True, limit=1).hits[0].count == 1
        sizes = [[len(part.numbers.rows) for part, _ in call.args[0]] for call in joining.call_args_list]
        assert sizes
        assert max(map(sum, sizes)) <= 10
