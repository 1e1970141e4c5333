"""Filters of readers who began at different commits, answered from the same indexes and remembered answers.

An index is brought up to date by whoever asks; readers of older commits go on from its state as of an older one. In
memory there are no such readers: writers wait for them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from properties.payload_writes import Payloads, apply, upsert, writes

from minidb import QdrantClient, models
from minidb.collection.collection import Snapshot
from minidb.collection.reads import PointReader


def condition(**kwargs: Any) -> models.Filter:
    return models.Filter(must=[models.FieldCondition(**kwargs)])


def wide(payload: dict[str, Any]) -> bool:
    return len(payload.get("tags", [])) >= 2


FILTERS: list[tuple[models.Filter, Callable[[dict[str, Any]], bool]]] = [
    (condition(key="n", match=models.MatchValue(value=1)), lambda payload: payload.get("n") == 1),
    (condition(key="n", match=models.MatchExcept(**{"except": [1]})), lambda payload: payload.get("n", 1) != 1),
    (condition(key="n", range=models.Range(gte=2)), lambda payload: payload.get("n", 0) >= 2),
    (condition(key="tags", match=models.MatchAny(any=["a"])), lambda payload: "a" in payload.get("tags", [])),
    (condition(key="tags", values_count=models.ValuesCount(gte=2)), wide),
    (
        models.Filter(must=[models.IsEmptyCondition(is_empty=models.PayloadField(key="n"))]),
        lambda payload: "n" not in payload,
    ),
    (
        models.Filter(
            should=[
                models.FieldCondition(key="n", match=models.MatchValue(value=3)),
                models.FieldCondition(key="tags", values_count=models.ValuesCount(gte=2)),
            ]
        ),
        lambda payload: payload.get("n") == 3 or wide(payload),
    ),
]

payloads = st.fixed_dictionaries(
    {}, optional={"n": st.integers(0, 3), "tags": st.lists(st.sampled_from("abc"), max_size=3)}
)
operations = writes(payloads)


def matching(snapshot: Snapshot, filter: models.Filter) -> set[int]:
    reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
    rows = reader.matching(filter)
    assert rows is not None
    return {int(record.id) for record in reader.records_of(rows.tolist())}


@contextmanager
def empty() -> Iterator[QdrantClient]:
    with tempfile.TemporaryDirectory() as folder, QdrantClient(Path(folder) / "db", durability="off") as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        yield client


@given(st.data())
@settings(deadline=None, max_examples=60 * int(os.environ.get("MINIDB_CASES", "1")))
def test_every_snapshot_gets_the_points_of_its_commit(data: st.DataObject) -> None:
    constants = {
        "minidb.filter.evaluate._FEW_ROWS": data.draw(st.sampled_from([0, 4, 30])),
        "minidb.filter.answers._MAX_COMMITS": data.draw(st.sampled_from([1, 2, 6])),
        "minidb.index.payload.segments._MAX_SEGMENTS": data.draw(st.integers(1, 4)),
    }
    with ExitStack() as stack:
        for name, value in constants.items():
            stack.enter_context(mock.patch(name, value))
        client = stack.enter_context(empty())
        known: Payloads = {}
        held: list[tuple[Snapshot, Payloads]] = []
        for write in data.draw(st.lists(operations, min_size=2, max_size=14)):
            known = apply(client, known, write)
            held.append((stack.enter_context(client._database.snapshot("c")), known))
            for _ in range(data.draw(st.integers(0, 3))):
                snapshot, points = data.draw(st.sampled_from(held))
                filter, holds = data.draw(st.sampled_from(FILTERS))
                assert matching(snapshot, filter) == {point for point, kept in points.items() if holds(kept)}


@pytest.mark.parametrize("filter", [FILTERS[0][0], FILTERS[4][0]], ids=["by index", "by memory"])
def test_who_began_before_the_last_writes_does_not_read_everything(filter: models.Filter) -> None:
    n = 2_000
    with empty() as client, ExitStack() as stack:
        upsert(client, {at: {"n": at % 5} for at in range(n)})
        client.count("c", filter)
        older = []
        for at in range(30):
            older.append(stack.enter_context(client._database.snapshot("c")))
            upsert(client, {n + at: {"n": 1}})
            client.count("c", filter)
        with payloads_read() as read:
            for snapshot in older[-8:]:
                matching(snapshot, filter)
        assert sum(read) < n


def test_points_that_came_since_an_index_was_made_are_not_read_for_every_filter() -> None:
    n = 10_000
    with empty() as client:
        upsert(client, {at: {"n": at % 50} for at in range(n)})
        client.count("c", FILTERS[0][0])
        upsert(client, {at: {"n": at % 50} for at in range(n, n + 200)})
        with payloads_read() as read:
            for value in range(50):
                found = client.count("c", condition(key="n", match=models.MatchValue(value=value))).count
                assert found == (n + 200) / 50
        assert sum(read) == 0


def test_every_payload_is_read_once_for_an_index_however_often_it_is_asked_between_writes() -> None:
    n = 2_000
    with empty() as client:
        upsert(client, {at: {"n": at % 500} for at in range(n)})
        with payloads_read() as read, records_read() as records:
            for at in range(100):
                assert client.count("c", condition(key="n", match=models.MatchValue(value=7))).count == 4 + at
                upsert(client, {n + at: {"n": 7}})
        assert sum(read) == 0
        assert sum(records) == n + 99


def test_a_write_by_filter_does_not_read_everything_because_of_the_one_before_it() -> None:
    n = 2_000
    with empty() as client:
        upsert(client, {at: {"n": at % 500} for at in range(n)})
        client.count("c", condition(key="n", match=models.MatchValue(value=7)))
        chosen = models.FilterSelector(filter=condition(key="n", match=models.MatchValue(value=7)))
        new = models.PointsList(points=[models.PointStruct(id=n, vector=[1.0, 0.0], payload={"n": 7})])
        operations: list[Any] = [models.UpsertOperation(upsert=new), models.DeleteOperation(delete=chosen)]
        with payloads_read() as read, records_read() as records:
            client.batch_update_points("c", operations)
        assert client.count("c").count == n - 4
        assert client.count("c", chosen.filter).count == 0
        assert sum(read) + sum(records) < 100


@pytest.mark.parametrize("n", [100, 1_000])
@pytest.mark.parametrize("kind", ["should", "must_not", "min_should"])
def test_many_conditions_without_an_index_read_each_payload_once(n: int, kind: str) -> None:
    texts: list[Any] = [
        models.FieldCondition(key="text", match=models.MatchText(text=f"w{at} even")) for at in range(200)
    ]
    indexed: list[Any] = [models.FieldCondition(key="n", match=models.MatchValue(value=3))] if kind == "should" else []
    how: Any = {kind: [*texts, *indexed]}
    if kind == "min_should":
        how = {kind: models.MinShould(conditions=texts, min_count=1)}
    with empty() as client:
        upsert(client, {at: {"n": at, "text": f"W{at} {'odd' if at % 2 else 'EVEN'}"} for at in range(n)})
        with payloads_read() as read:
            found = client.count("c", models.Filter(**how)).count
    expected = min(n, 200) // 2 + len(indexed)
    assert found == (n - expected if kind == "must_not" else expected)
    assert sum(read) <= 2 * n


def test_many_conditions_on_few_points_read_each_payload_once() -> None:
    ranges: list[Any] = [models.FieldCondition(key="n", range=models.Range(gte=at, lt=at + 0.5)) for at in range(200)]
    with empty() as client:
        upsert(client, {at: {"n": at} for at in range(150, 250)})
        with payloads_read() as read:
            assert client.count("c", models.Filter(should=ranges)).count == 50
    assert sum(read) <= 100


def records_read() -> AbstractContextManager[list[int]]:
    """How many an index was made of."""
    return counted("payloads")


def payloads_read() -> AbstractContextManager[list[int]]:
    """How many payloads filters looked at, call by call."""
    return counted("points")


@contextmanager
def counted(method: str) -> Iterator[list[int]]:
    """How many rows a method of `PointReader` was given, call by call."""
    original, read = getattr(PointReader, method), []

    def counting(reader: PointReader, rows: Any, *keys: Any) -> Any:
        read.append(len(rows))
        return original(reader, rows, *keys)

    with mock.patch.object(PointReader, method, counting):
        yield read
