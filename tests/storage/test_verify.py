"""`client.verify()` and `minidb verify`: all there is is read, and what is damaged is told, by collection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from minidb import AsyncQdrantClient, QdrantClient, models
from minidb.cli import main
from minidb.errors import CorruptionError, MinidbError


def fill(client: QdrantClient, name: str) -> None:
    client.create_collection(
        name,
        vectors_config={
            "dense": models.VectorParams(size=8, distance=models.Distance.DOT),
            "multi": models.VectorParams(
                size=4,
                distance=models.Distance.DOT,
                multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
            ),
        },
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
    )
    client.upsert(
        name,
        [
            models.PointStruct(
                id=at,
                vector={
                    "dense": [float(at)] * 8,
                    "multi": [[float(at)] * 4] * 2,
                    "sparse": models.SparseVector(indices=[at, 10_000], values=[1.0, 2.0]),
                },
                payload={"text": f"payload {name} {at}"},
            )
            for at in range(50)
        ],
    )
    client.delete(name, [3, 4])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    with QdrantClient(path) as client:
        fill(client, "first")
        fill(client, "second")
        client.create_snapshot("first")
    return path


def test_a_whole_store_is_whole(client: QdrantClient) -> None:
    fill(client, "first")
    report = client.verify()
    assert report.is_whole
    assert [(found.name, found.points, found.vectors) for found in report.collections] == [("first", 48, 3 * 48)]


def test_the_async_client_verifies(store: Path) -> None:
    async def verify() -> bool:
        async with AsyncQdrantClient(store) as client:
            return (await client.verify()).is_whole

    assert asyncio.run(verify())


def flip(file: Path, content: bytes) -> None:
    data = bytearray(file.read_bytes())
    at = data.find(content)
    assert at >= 0
    while at >= 0:
        data[at + len(content) - 1] ^= 1
        at = data.find(content, at + 1)
    file.write_bytes(data)


def rows(store: Path, name: str, value: float) -> None:
    """Damage the row with this value in the second collection's file."""
    import numpy as np

    [file] = sorted((store / "rows").glob(f"*/{name}"))[1:]
    flip(file, np.full(4, value, "<f4").tobytes())


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a vector": (lambda store: rows(store, "0.vec", 7.0), "point 7 "),
    "a token": (lambda store: rows(store, "1.tok", 9.0), "point 9 "),
    "a record": (lambda store: flip(store / "data.mdb", b"payload second 11"), "records "),
    "a lost file": (lambda store: sorted((store / "rows").glob("*/0.vec"))[1].unlink(), "point 0 "),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_told_by_collection(store: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    damage, text = DAMAGE[kind]
    (store / "data.crc").unlink()  # so that it is found by reading, and not on opening
    damage(store)
    with QdrantClient(store) as client:
        report = client.verify()
    assert not report.is_whole
    assert not report.damage
    first, second = report.collections
    assert (first.damage, first.points) == ((), 48)
    assert any(text in place for place in second.damage), second
    (store / "data.crc").unlink()
    assert main(["verify", "--path", str(store)]) == 1
    assert text in capsys.readouterr().out


def test_a_damaged_snapshot_is_told(store: Path) -> None:
    [snapshot] = (store / "snapshots").glob("*/*.snapshot")
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    with QdrantClient(store) as client:
        assert str(snapshot) in str(client.verify().damage)


def test_the_command_says_whole_and_changes_nothing(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--path", str(store)]) == 0
    assert "second: 48 points, 144 vectors" in capsys.readouterr().out
    assert main(["verify", "--path", str(store / "elsewhere")]) == 1
    assert not (store / "elsewhere").exists()


def test_a_checksum_that_is_none_is_an_error_that_names_the_file(store: Path) -> None:
    [checksum] = (store / "snapshots").glob("*/*.sha256")
    checksum.write_bytes(b"\xff\xfe\x80")
    with QdrantClient(store) as client:
        with pytest.raises(CorruptionError, match=checksum.name):
            client.list_snapshots("first")
        assert str(checksum) in str(client.verify().damage)
        assert client.delete_snapshot("first", checksum.with_suffix(".snapshot").name)
        assert client.list_snapshots("first") == []


@pytest.mark.parametrize("name", ["data.crc", "lock.mdb"])
@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\xff" * 40_000])
def test_a_foreign_file_beside_the_data_is_no_harm(store: Path, name: str, content: bytes) -> None:
    (store / name).write_bytes(content)
    with QdrantClient(store) as client:
        assert client.verify().is_whole


@pytest.mark.parametrize("name", ["data.crc", "lock.mdb", "data.mdb", "rows", "derived", "snapshots"])
def test_a_directory_for_a_file_and_a_file_for_a_directory(store: Path, name: str) -> None:
    """An error that names it, or no harm."""
    place = store / name
    if place.is_dir():
        place.rename(store / "before")
        place.write_text("foreign")
    else:
        place.unlink()
        place.mkdir()
    texts = []
    try:
        with QdrantClient(store) as client:
            client.count("first")
            client.scroll("first", with_vectors=True)
    except MinidbError as error:
        texts.append(str(error))
    assert all(name in text for text in texts)
