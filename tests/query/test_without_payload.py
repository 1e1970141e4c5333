"""What does not ask for payloads reads none, and tells the same of every point."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from minidb import QdrantClient, models
from minidb.collection import indexes
from minidb.collection.reads import PointReader
from minidb.collection.view import View, view_arrays

IDS: list[int | str] = [3, 2**63 + 5, str(UUID(int=7)), str(UUID(int=2**127 + 11)), 0]


def fill(client: QdrantClient) -> None:
    config = {"": models.VectorParams(size=2, distance=models.Distance.DOT)}
    sparse = {"words": models.SparseVectorParams()}
    client.create_collection("c", config[""], sparse_vectors_config=sparse)
    points = [models.PointStruct(id=i, vector=[1.0, at], payload={"at": at}) for at, i in enumerate(IDS)]
    points[1].vector = {"": [1.0, 1.0], "words": models.SparseVector(indices=[1], values=[2.0])}
    for point in points:
        client.upsert("c", [point])
    client.set_payload("c", {"new": 1}, points=[IDS[2], IDS[3]])
    client.upsert("c", [points[3]])
    client.overwrite_payload("c", {"other": 1}, points=[IDS[4]])


def hits(client: QdrantClient, with_payload: bool) -> list[tuple[Any, int, float, Any]]:
    found = client.query_points("c", [1.0, 2.0], with_payload=with_payload, with_vectors=True).points
    assert all((point.payload is None) != with_payload for point in found)
    return [(point.id, point.version, point.score, point.vector) for point in found]


def records(client: QdrantClient, with_payload: bool) -> list[tuple[Any, Any]]:
    scrolled, _ = client.scroll("c", with_payload=with_payload, with_vectors=True)
    retrieved = client.retrieve("c", IDS, with_payload=with_payload, with_vectors=True)
    return [(point.id, point.vector) for point in [*scrolled, *retrieved]]


def assert_same(client: QdrantClient) -> None:
    assert len(hits(client, True)) == len(IDS)
    assert hits(client, False) == hits(client, True)
    assert records(client, False) == records(client, True)


def test_a_hit_without_its_payload_is_otherwise_the_same(client: QdrantClient) -> None:
    fill(client)
    assert_same(client)


def test_payloads_nobody_asks_for_are_not_read(client: QdrantClient) -> None:
    fill(client)
    client.upsert("c", [models.PointStruct(id=i, vector=[1.0, 0.0], payload={"big": "x" * 1000}) for i in IDS])
    with mock.patch.object(PointReader, "stored") as stored, mock.patch.object(PointReader, "record") as record:
        assert len(hits(client, False)) == len(IDS)
        assert len(records(client, False)) == 2 * len(IDS)
        _, next_offset = client.scroll("c", limit=1, with_payload=False)
        assert next_offset == 3
    stored.assert_not_called()
    record.assert_not_called()


@pytest.mark.parametrize("has_versions", [True, False], ids=["new checkpoint", "an older minidb's"])
def test_versions_are_known_after_opening(tmp_path: Path, has_versions: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_versions(view: View) -> dict[str, Any]:
        return {name: array for name, array in view_arrays(view).items() if name not in ("versions", "rewritten")}

    if not has_versions:
        monkeypatch.setattr(indexes, "view_arrays", without_versions)
    with QdrantClient(tmp_path) as client:
        fill(client)
        before = hits(client, True)
    monkeypatch.undo()
    assert list((tmp_path / "derived").glob("*/points-*"))
    with QdrantClient(tmp_path) as client:
        assert hits(client, False) == before
        client.set_payload("c", {"new": 2}, points=[IDS[0]])
        assert_same(client)


def test_what_another_process_rewrote_has_its_new_version(tmp_path: Path) -> None:
    import subprocess
    import sys

    with QdrantClient(tmp_path) as client:
        fill(client)
        before = {point: version for point, version, *_ in hits(client, False)}
        script = f"""
from minidb import QdrantClient
with QdrantClient({str(tmp_path)!r}) as client:
    client.set_payload("c", {{"new": 3}}, points=[3])
"""
        subprocess.run([sys.executable, "-c", script], check=True)
        after = {point: version for point, version, *_ in hits(client, False)}
        assert after[3] > max(before.values())
        assert_same(client)
