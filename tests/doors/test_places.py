"""Where a store is said to be: names for a directory, and what is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from qdrant_client import QdrantClient as Official

import minidb
from minidb import QdrantClient, errors


def test_the_official_client_takes_a_path_by_its_name(tmp_path: Path) -> None:
    client = minidb.qdrant_client(path=tmp_path / "store")
    assert isinstance(client, Official)
    client.create_collection("c", {})
    client.close()
    with QdrantClient(path=tmp_path / "store") as ours:
        assert ours.collection_exists("c")
    with pytest.raises(errors.BadRequest, match="Only one of"):
        minidb.qdrant_client(tmp_path, path=tmp_path)


def test_home_is_a_folder_and_nothing_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    QdrantClient("~/store").close()
    assert (tmp_path / "store" / "data.mdb").exists()
    with pytest.raises(errors.BadRequest, match="the location is empty"):
        QdrantClient("")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
