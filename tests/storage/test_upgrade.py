"""A store made by an older minidb, which had fewer tables, opens and stays sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from minidb import QdrantClient, models
from minidb.storage import lmdb_environment


def test_a_table_that_came_later_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(lmdb_environment, "TABLES", lmdb_environment.TABLES[:-1])
        with QdrantClient(tmp_path) as client:
            client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
            client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    for expected in (1, 2):
        with QdrantClient(tmp_path) as client:
            assert client.count("c").count == expected
            client.upsert("c", [models.PointStruct(id=2, vector=[1.0])])
