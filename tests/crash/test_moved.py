"""A store that is moved, removed or replaced while it is open: nothing is acknowledged that is then nowhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from minidb import QdrantClient, errors, models
from minidb.storage import spaces
from minidb.system import files

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


def rows_removed(path: Path) -> None:
    shutil.rmtree(path / "rows")


def row_file_removed(path: Path) -> None:
    for file in path.glob("rows/*/*.vec"):
        file.unlink()


def rows_moved(path: Path) -> None:
    (path / "rows").rename(path / "elsewhere")


def rows_replaced(path: Path) -> None:
    rows_moved(path)
    shutil.copytree(path / "elsewhere", path / "rows")


@pytest.mark.parametrize("happens", [rows_removed, row_file_removed, rows_moved, rows_replaced])
@pytest.mark.parametrize("durability", ["full", "normal", "off"])
def test_no_row_is_acknowledged_that_its_file_does_not_keep(
    tmp_path: Path, happens: Callable[[Path], None], durability: Any
) -> None:
    """Rows went to a file without a name, and were gone with the process."""
    client = QdrantClient(tmp_path, durability=durability)
    client.create_collection("c", SETTINGS)
    fill(client, "c", 0, 10)
    happens(tmp_path)
    for start, n in ((10, 5), (100, 500)):
        with pytest.raises(errors.ServiceError, match=r"0\.vec was moved or removed"):
            fill(client, "c", start, n)
        assert client.count("c").count == 10
    assert len(client.retrieve("c", list(range(10)), with_vectors=True)) == 10
    client.create_collection("d", SETTINGS)  # what has lost nothing
    fill(client, "d", 0, 500)
    client.close()
    with QdrantClient(tmp_path, durability=durability) as again:
        assert len(again.retrieve("d", list(range(500)), with_vectors=True)) == 500
        if durability == "off" and happens is not rows_replaced:
            return  # there is no log of rows
        assert len(again.retrieve("c", list(range(10)), with_vectors=True)) == 10  # from the log
        fill(again, "c", 10, 5)
        assert [each.points for each in again.verify().collections] == [15, 500]
        assert again.verify().damage == ()


def test_a_row_file_is_missed_also_where_it_was_not_kept_open(tmp_path: Path) -> None:
    """Another one was made, without the rows there were."""
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", SETTINGS)
        fill(client, "c", 0, 500)
        while files.relieve():  # of other tests, too
            pass
        row_file_removed(tmp_path)
        with pytest.raises(errors.ServiceError, match="could not write"):
            fill(client, "c", 1000, 5)
        assert list(tmp_path.glob("rows/*/*.vec")) == []


def test_a_new_generation_whose_files_were_removed_is_not_switched_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the transaction that wrote its rows and the one that names them."""
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", SETTINGS)
        fill(client, "c", 0, 20)
        location = client._database.snapshots.path("c", client.create_snapshot("c").name).as_uri()
        fill(client, "c", 20, 20)
        real = spaces.Filling.name

        def name(space: spaces.Filling, txn: Any) -> None:
            shutil.rmtree(tmp_path / "rows" / str(space.space))
            real(space, txn)

        with monkeypatch.context() as patched:
            patched.setattr(spaces.Filling, "name", name)
            with pytest.raises(errors.ServiceError, match="was moved or removed"):
                client.recover_snapshot("c", location)
        assert len(client.retrieve("c", list(range(40)), with_vectors=True)) == 40
        client.recover_snapshot("c", location)
        assert client.count("c").count == 20


def test_without_the_file_of_locks_nothing_is_written(tmp_path: Path) -> None:
    """Another process made a new one, and both wrote to the same pages."""
    client = QdrantClient(tmp_path)
    client.create_collection("c", SETTINGS)
    (tmp_path / "lock.mdb").unlink()
    with pytest.raises(errors.ServiceError, match="moved or removed"):
        fill(client, "c", 0, 5)
    client.close()
    with QdrantClient(tmp_path) as again:
        fill(again, "c", 0, 5)
        assert again.count("c").count == 5


def test_folders_without_truth_may_be_removed(tmp_path: Path) -> None:
    """Of what is derived, and of snapshots."""
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", SETTINGS)
        fill(client, "c", 0, 500)
        client.create_snapshot("c")
        client.create_payload_index("c", "n", models.PayloadSchemaType.INTEGER)
        client.wait_until_indexed("c", 60)
        for folder in ("derived", "snapshots"):
            shutil.rmtree(tmp_path / folder, ignore_errors=True)
        assert client.list_snapshots("c") == []
        fill(client, "c", 1000, 500)
        client.wait_until_indexed("c", 60)
        client.create_snapshot("c")
    with QdrantClient(tmp_path) as again:
        assert again.count("c").count == 1000
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
