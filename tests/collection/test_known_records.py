"""Records that are kept in memory once they were read: an answer is always that of the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minidb import QdrantClient, models
from minidb.errors import MinidbError


def filled(client: QdrantClient, n: int = 20, **payload: Any) -> None:
    client.create_collection("docs", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
    client.upsert("docs", [models.PointStruct(id=i, vector=[i, 1], payload={"n": i, **payload}) for i in range(n)])


def found(client: QdrantClient, n: int = 20) -> dict[Any, Any]:
    """Payloads by id, as a query and as `retrieve` tell them."""
    hits = {hit.id: hit.payload for hit in client.query_points("docs", [1.0, 1.0], limit=n).points}
    assert hits == {point.id: point.payload for point in client.retrieve("docs", list(range(n)))}
    return hits


def test_what_is_rewritten_is_read_again(client: QdrantClient) -> None:
    filled(client)
    before = found(client)

    client.set_payload("docs", {"new": True}, points=[3])
    client.delete_payload("docs", ["n"], points=[4])
    client.clear_payload("docs", points_selector=[5])

    assert found(client) == before | {3: {"n": 3, "new": True}, 4: {}, 5: {}}


def test_a_point_put_in_place_of_another_is_read(client: QdrantClient) -> None:
    filled(client)
    before = found(client)

    client.upsert("docs", [models.PointStruct(id=3, vector=[3, 1], payload={"other": 1})])
    client.delete("docs", [4])

    expected = before | {3: {"other": 1}}
    del expected[4]
    assert found(client) == expected


def test_rows_of_a_failed_write_are_not_kept(client: QdrantClient) -> None:
    filled(client)
    found(client)
    all_points = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gte=0))])
    operations = [
        models.UpsertOperation(upsert={"points": [models.PointStruct(id=20, vector=[20, 1], payload={"n": 1})]}),
        models.SetPayloadOperation(set_payload={"payload": {"x": 1}, "filter": all_points}),
        models.SetPayloadOperation(set_payload={"payload": {"x": 1}, "points": [999]}),
    ]

    with pytest.raises(MinidbError):
        client.batch_update_points("docs", operations)
    client.upsert("docs", [models.PointStruct(id=20, vector=[20, 1], payload={"n": "real"})])

    assert found(client, 21)[20] == {"n": "real"}
    assert found(client, 21)[3] == {"n": 3, "x": 1}


def test_a_collection_made_anew_has_its_own(client: QdrantClient) -> None:
    filled(client, generation=1)
    found(client)

    client.delete_collection("docs")
    filled(client, generation=2)

    assert {payload["generation"] for payload in found(client).values()} == {2}


def test_what_another_process_writes_is_read(tmp_path: Path) -> None:
    code = (
        "import sys; from minidb import QdrantClient; client = QdrantClient(sys.argv[1]);"
        "client.set_payload('docs', {'new': True}, points=[3]); client.close()"
    )
    with QdrantClient(tmp_path) as client:
        filled(client)
        before = found(client)
        subprocess.run([sys.executable, "-c", code, tmp_path], check=True)
        assert found(client) == before | {3: {"n": 3, "new": True}}


def test_what_was_rewritten_before_the_log_begins_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.collection.indexer._KEPT_LOG_ENTRIES", 3)
    with QdrantClient(tmp_path) as idle:
        with QdrantClient(tmp_path) as busy:  # which stands for another process
            filled(busy)
            before = found(idle)
            busy.set_payload("docs", {"new": True}, points=[3])
            for _ in range(5):
                busy.upsert("docs", [models.PointStruct(id=19, vector=[19, 1], payload={"n": 19})])
        assert found(idle) == before | {3: {"n": 3, "new": True}}
        idle.set_payload("docs", {"new": 2}, points=[4])
        assert found(idle) == before | {3: {"n": 3, "new": True}, 4: {"n": 4, "new": 2}}


def test_many_and_large_records_are_read_as_well(client: QdrantClient) -> None:
    filled(client, 200, text="x" * 2000)
    for _ in range(2):
        assert found(client, 200) == {i: {"n": i, "text": "x" * 2000} for i in range(200)}
    filter = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gte=0))])
    client.set_payload("docs", {"text": "y"}, points=filter)
    assert {payload["text"] for payload in found(client, 200).values()} == {"y"}


def test_no_more_is_kept_than_there_is_room_for(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.collection.known_records._MOST_BYTES", 5000)
    filled(client, 60)
    for _ in range(3):
        assert found(client, 60) == {i: {"n": i} for i in range(60)}
    (collection,) = client._database._directory.opened()
    assert len(collection.known_records._kept[1]) < 40
