"""A store that is moved, removed or replaced while it is open: nothing is acknowledged that is then nowhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minidb import QdrantClient, errors, models

SETTINGS = models.VectorParams(size=200, distance=models.Distance.DOT)
pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or os.environ.get("MINIDB_SYSTEM") == "windows", reason="what is open stays there"
)


def fill(client: QdrantClient, name: str, start: int, n: int) -> None:
    client.upsert(name, [models.PointStruct(id=at, vector=[float(at)] * 200) for at in range(start, start + n)])


def moved(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))


def removed(path: Path) -> None:
    shutil.rmtree(path)


def replaced(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    shutil.copytree(path.with_name("elsewhere"), path)


@pytest.mark.parametrize("happens", [moved, removed, replaced])
def test_nothing_is_written_beside_a_store_that_is_not_at_its_path(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    """A new collection's rows went to the old path, the commit to the new one."""
    path = tmp_path / "store"
    client = QdrantClient(path)
    client.create_collection("c", SETTINGS)
    fill(client, "c", 0, 10)
    happens(path)
    before = sorted(tmp_path.rglob("*"))
    writes: list[Callable[[], object]] = [
        lambda: fill(client, "c", 10, 5),
        lambda: fill(client, "c", 100, 500),
        lambda: client.create_collection("d", SETTINGS),
        lambda: client.create_snapshot("c"),
        client.compact,
    ]
    for write in writes:
        with pytest.raises(errors.ServiceError, match="moved or removed"):
            write()
    assert len(client.retrieve("c", list(range(10)), with_vectors=True)) == 10
    client.close()
    assert sorted(tmp_path.rglob("*")) == before
    if happens is not removed:
        with QdrantClient(path.with_name("elsewhere")) as again:
            assert again.count("c").count == 10
            assert again.verify().damage == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_begins_no_store_where_its_parents_was(tmp_path: Path) -> None:
    path = tmp_path / "store"
    with QdrantClient(path) as client:
        client.create_collection("c", SETTINGS)
        path.rename(tmp_path / "elsewhere")
        child = os.fork()
        if not child:
            code = 1
            try:
                client.count("c")
            except errors.ServiceError:
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert not path.exists()
