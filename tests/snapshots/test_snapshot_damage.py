"""Files that are damaged, or made by an enemy, are refused with a clear error, and nothing changes."""

from __future__ import annotations

import io
import random
import struct
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack
import numpy as np
import pytest
from snapshot_world import Doors, add_alias, contents, dump, files, new_world, opened

from minidb import models
from minidb.errors import BadInput, MinidbError
from minidb.snapshots import archive
from minidb.storage.checksum import seal_rows
from minidb.storage.records import pack_record

MAGIC = b"minidb snapshot\n"
Frames = list[Any]


@cache
def whole_store() -> bytes:
    """The snapshot of a store with a collection of everything, a small one, and aliases."""
    with opened(":memory:") as doors:
        new_world(doors.client)
        doors.client.create_collection("small", models.VectorParams(size=2, distance=models.Distance.DOT))
        doors.client.upsert("small", [models.PointStruct(id=at, vector=[1.0, at]) for at in range(3)])
        add_alias(doors.client, "name", "world")
        made = doors.client.create_full_snapshot()
        return doors.client._database.snapshots.path(None, made.name).read_bytes()


def cut(data: bytes) -> list[bytes]:
    """The bodies of all frames."""
    found, at = [], len(MAGIC)
    while at < len(data):
        (length,) = struct.unpack("<I", data[at : at + 4])
        found.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    return found


def joined(bodies: list[bytes]) -> bytes:
    """A file of these frames, with checksums that are right."""
    return MAGIC + b"".join(struct.pack("<II", len(body), crc32(body)) + body for body in bodies)


def parsed() -> Frames:
    return [msgpack.unpackb(body, strict_map_key=False) for body in cut(whole_store())]


def packed(frames: Frames) -> bytes:
    return joined([msgpack.packb(frame) for frame in frames])


def status_of(work: Callable[[], Any]) -> int:
    """What a server would answer; anything but minidb's own errors is passed on."""
    try:
        work()
    except MinidbError as error:
        return error.status_code
    return 200


class Victim:
    """A store files are thrown at; it must stay as it was."""

    def __init__(self, doors: Doors, folder: Path) -> None:
        self.doors, self.file = doors, folder / "thrown"
        new_world(doors.client)
        doors.client.create_collection("mine", models.VectorParams(size=1, distance=models.Distance.DOT))
        add_alias(doors.client, "alias", "mine")
        self.before, self.files = dump(doors.client), files(doors.client)
        self.rows = self.folders()

    def folders(self) -> list[str]:
        path = self.doors.client._database._store.path
        return [] if path is None else sorted(entry.name for entry in (path / "rows").iterdir())

    def refuses(self, data: bytes, what: object = "", name: str | None = None) -> None:
        self.file.write_bytes(data)
        database = self.doors.client._database
        status = status_of(lambda: database.snapshots.restore(name, self.file))
        assert 400 <= status < 500, (what, status)
        assert self.folders() == self.rows, what

    def is_unchanged(self) -> None:
        assert dump(self.doors.client) == self.before
        assert files(self.doors.client) == self.files


@pytest.fixture
def victim(doors: Doors, tmp_path: Path) -> Iterator[Victim]:
    victim = Victim(doors, tmp_path)
    yield victim
    victim.is_unchanged()
    path = doors.client._database._store.path
    if path is not None:
        doors.client.close()
        with opened(path) as reopened:
            assert dump(reopened.client) == victim.before
            assert files(reopened.client) == victim.files
            assert victim.folders() == victim.rows
            assert not list((path / "derived").glob("*")) or {p.name for p in (path / "derived").iterdir()} <= set(
                victim.rows
            )


def test_the_undamaged_file_is_taken(doors: Doors, tmp_path: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    for data in (whole_store(), packed(parsed())):
        (tmp_path / "file").write_bytes(data)
        assert doors.client.recover_full_snapshot((tmp_path / "file").as_uri())
        assert contents(doors.client, "world")[3] == 58


def test_a_changed_byte_is_noticed(victim: Victim) -> None:
    data, rng = whole_store(), random.Random(1)
    for at in {*range(60), *range(len(data) - 12, len(data)), *rng.sample(range(len(data)), 250)}:
        for mask in (0xFF, 1 << rng.randrange(8)):
            changed = bytearray(data)
            changed[at] ^= mask
            victim.refuses(bytes(changed), f"byte {at}")


def test_a_file_cut_short_is_noticed(victim: Victim) -> None:
    data, rng = whole_store(), random.Random(2)
    for length in {*range(40), *range(len(data) - 40, len(data)), *rng.sample(range(len(data)), 150)}:
        victim.refuses(data[:length], f"the first {length} bytes")


def test_a_file_with_something_behind_its_end_is_refused(victim: Victim) -> None:
    for more in (b"\0", b"x" * 100, whole_store(), MAGIC):
        victim.refuses(whole_store() + more)


def test_parts_swapped_repeated_or_left_out_are_noticed(victim: Victim) -> None:
    """With right checksums. A part with points that is left out is the one thing nobody could notice."""
    bodies = cut(whole_store())
    points = [at for at, body in enumerate(bodies) if msgpack.unpackb(body, strict_map_key=False)[0] == "points"]
    for at in range(len(bodies)):
        victim.refuses(joined([*bodies[: at + 1], *bodies[at:]]), f"part {at} twice")
        if at not in points:
            victim.refuses(joined([*bodies[:at], *bodies[at + 1 :]]), f"no part {at}")
        for other in range(at):
            swapped = list(bodies)
            swapped[at], swapped[other] = bodies[other], bodies[at]
            victim.refuses(joined(swapped), f"parts {at} and {other} swapped")


def archive_of(kind: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=kind) as tar:  # type: ignore[call-overload]
        info = tarfile.TarInfo("config.json")
        info.size = 2
        tar.addfile(info, io.BytesIO(b"{}"))
    return target.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"{}", b"a text\n" * 1000, archive_of("w"), archive_of("w:gz"), MAGIC, MAGIC[:-1], MAGIC + MAGIC,
     b"\xff" * 5000, MAGIC + b"\xff" * 8, MAGIC + b"\0" * 8, MAGIC + struct.pack("<II", 2**32 - 1, 0)],
)  # fmt: skip
def test_files_of_other_kinds_are_refused(victim: Victim, data: bytes) -> None:
    victim.refuses(data)
    answer = victim.doors.http.post("/collections/new/snapshots/upload", files={"snapshot": data})
    assert answer.status_code == 400
    assert "snapshot" in answer.json()["status"]["error"]


def test_qdrants_snapshots_are_named_as_such(victim: Victim) -> None:
    victim.file.write_bytes(archive_of("w"))
    with pytest.raises(MinidbError, match="Qdrant"):
        victim.doors.client.recover_snapshot("new", victim.file.as_uri())


# What an enemy writes: right checksums, wrong content

ODD: list[Any] = [
    None, True, -1, 0, 2**63, 2**64 - 1, 1.5, float("nan"), "", "x", b"", b"\xff" * 16, [], [1], {}, {"a": 1}, {1: 2},
    msgpack.Timestamp(1), msgpack.ExtType(5, b"x"), ["x" * 16], "x" * 16, [1] * 16, [[]] * 3, "\0/..",
]  # fmt: skip


def places(value: Any, depth: int = 4) -> Iterator[tuple[Callable[[Any], Any], Any]]:
    """Setters for the places within a value that may hold something else, and what is there."""
    if depth == 0:
        return
    keys = list(value) if isinstance(value, dict) else range(min(len(value), 6)) if isinstance(value, list) else []
    for key in keys:
        yield (lambda container, new, key=key: container.__setitem__(key, new)), (key,)
        for setter, path in places(value[key], depth - 1):
            yield (lambda container, new, key=key, setter=setter: setter(container[key], new)), (key, *path)


def test_odd_values_anywhere_are_refused_or_mean_nothing(tmp_path: Path) -> None:
    """Wherever a value is put that does not belong there, the file is refused, or the store can be used afterwards."""
    taken = set()
    frames = parsed()
    last = {frame[0]: at for at, frame in enumerate(frames)}
    for kind, at in last.items():
        for setter, path in places(frames[at]):
            for odd in random.Random(str((at, path))).sample(ODD, 8):
                changed = parsed()
                setter(changed[at], odd)
                is_empty_sparse = path[:2] == (4, SPARSE) and len(path) == 3 and odd == b""
                if not is_empty_sparse and thrown(tmp_path / "thrown", changed):
                    taken.add((kind, path))
    assert taken <= {
        ("store", (1, "minidb")),
        ("store", (1, "created_at")),
        ("store", (1, "format")),
        ("store", (1, "aliases")),
        ("collection", (3,)),
        ("collection", (4,)),
    }


def thrown(file: Path, frames: Frames) -> bool:
    """Whether a store takes the file; if so, it must be of use."""
    file.write_bytes(packed(frames))
    with opened(":memory:") as fresh:
        status = status_of(lambda: fresh.client.recover_full_snapshot(file.as_uri()))
        assert status == 200 or 400 <= status < 500
        if status == 200:
            use(fresh)
    return status == 200


def use(doors: Doors) -> None:
    """Read, search, write and change every collection."""
    client = doors.client
    dump(client)
    for found in client.get_collections().collections:
        info = client.get_collection(found.name)
        for name, params in info.config.params.vectors.items() if isinstance(info.config.params.vectors, dict) else ():
            if params.multivector_config is None:
                client.query_points(found.name, [1.0] * params.size, using=name, limit=100)
        client.upsert(found.name, [models.PointStruct(id=12345, vector={}, payload={"n": 1})])
        client.delete(found.name, [12345])
        client.create_vector_name(
            found.name, "new", models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=1, distance="Dot"))
        )
        client.update_vectors(found.name, [models.PointVectors(id=1, vector={"new": [1.0]})])
        client.create_snapshot(found.name)
        assert client.wait_until_indexed(found.name, 60)


def configured(change: Callable[[list[Any]], Any]) -> Frames:
    """The frames, with the configuration of `world` changed."""
    frames = parsed()
    frame = next(frame for frame in frames if frame[:2] == ["collection", "world"])
    config = list(msgpack.unpackb(frame[2]))
    change(config)
    frame[2] = msgpack.packb(config)
    return frames


def test_odd_values_in_the_configuration_are_refused_or_mean_nothing(tmp_path: Path) -> None:
    config = list(msgpack.unpackb(next(frame for frame in parsed() if frame[:2] == ["collection", "world"])[2]))
    thrown_there = [(setter, odd) for setter, _ in places(config, 3) for odd in ODD]
    n_taken = 0
    for setter, odd in random.Random(3).sample(thrown_there, 200):
        n_taken += thrown(tmp_path / "thrown", configured(lambda config, setter=setter, odd=odd: setter(config, odd)))
    assert 0 < n_taken < 100


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config[1].update(f32=1),  # two vectors of one number
        lambda config: config[1].update(f32=-1),
        lambda config: config[1].update(f32=1000),
        lambda config: config[1].update(f32=True),
        lambda config: config[1].update(nobody=4),
        lambda config: config[1].pop("f32"),
        lambda config: config.__setitem__(2, 1),
        lambda config: config.__setitem__(2, 10**9),
        lambda config: config[3].update(indexing_threshold="many"),
        lambda config: config[3].update(other=1),
        lambda config: config.__setitem__(4, 5),
        lambda config: config.__setitem__(4, "yesterday"),
        lambda config: config[5].update({"tag": "no such type"}),
        lambda config: config[5].update({"[": "keyword"}),
        lambda config: config[5].update({"tag": {"type": "text", "min_token_len": -1}}),
        lambda config: config[0]["params"]["vectors"]["f32"].update(size=0),
        lambda config: config[0]["params"]["vectors"]["f32"].update(size=10**12),
        lambda config: config[0]["params"]["vectors"]["f32"].update(size=8),
        lambda config: config[0]["params"]["vectors"]["f32"].update(distance="Near"),
        lambda config: config[0]["params"]["vectors"]["f32"].update(datatype="uint8"),
        lambda config: config[0]["params"].update(vectors=None),
        lambda config: config[0]["params"].update(sparse_vectors={"f32": {}}),
        lambda config: config[0].update(unknown=1),
        lambda config: config.append(1),
        lambda config: config.pop(),
        list.clear,
    ],
)  # fmt: skip
def test_configurations_that_cannot_be_are_refused(victim: Victim, change: Callable[[list[Any]], Any]) -> None:
    victim.refuses(packed(configured(change)))
    victim.refuses(packed(configured(change)), name="world")


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def packed_deep(levels: int) -> bytes:
    """Lists in lists, deeper than `packb` would go."""
    return b"\x91" * levels + b"\x01"


def point_with(payload: bytes) -> bytes:
    return bytes(pack_record(1, 0, 0, payload))


def sparse(indices: list[int], values: list[float]) -> bytes:
    return np.array(indices, "<u4").tobytes() + np.array(values, "<f4").tobytes()


def rows(*vectors: list[float]) -> bytes:
    return seal_rows(np.array(vectors, "<f4").view(np.uint8).reshape(len(vectors), -1)).tobytes()


PAYLOADS = {
    "a list": msgpack.packb([1]), "a number": msgpack.packb(5), "nothing": b"", "nil": msgpack.packb(None),
    "no text as a key": msgpack.packb({1: 2}), "bytes": msgpack.packb({"x": b"y"}),
    "nan": msgpack.packb({"x": float("nan")}),
    "a time": msgpack.packb({"x": msgpack.Timestamp(1)}), "an extension": msgpack.packb({"x": msgpack.ExtType(1, b"")}),
    "cut": msgpack.packb({"x": 1})[:-1], "more behind": msgpack.packb({"x": 1}) + b"\0",
    "no unicode": b"\x81\xa1x\xa1\xff",
    "deep": b"\x81\xa1x" + packed_deep(10**6),
    "a huge count": b"\xdf\xff\xff\xff\xff", "a huge list": b"\x81\xa1x\xdd\xff\xff\xff\xff",
}  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_payloads_that_are_no_json_objects_are_refused(victim: Victim, payload: bytes) -> None:
    refuse_points(victim, [point_with(payload)])


def small_with(*points: Any) -> Frames:
    """The frames, with another part of points for `small`."""
    frames = parsed()
    at = next(at for at, frame in enumerate(frames) if frame[:2] == ["collection", "small"])
    frames[at + 1] = ["points", *points]
    return frames


def refuse_points(victim: Victim, records: Any, dense: Any = None, counts: Any = None, sparse: Any = None) -> None:
    frames = small_with(records, dense or {}, counts or {}, sparse or {})
    victim.refuses(packed(frames))
    victim.refuses(packed(frames), name="small")


EMPTY = msgpack.packb({})
RECORDS: dict[str, Any] = {
    "an id twice": [pack_record(1, 0, 0, EMPTY)] * 2,
    "a negative id": [msgpack.packb((-1, 0, 0, EMPTY))],
    "a text as an id": [msgpack.packb(("x" * 16, 0, 0, EMPTY))],
    "a list as an id": [msgpack.packb(([1] * 16, 0, 0, EMPTY))],
    "a short UUID": [msgpack.packb((b"x", 0, 0, EMPTY))],
    "true as an id": [msgpack.packb((True, 0, 0, EMPTY))],
    "a negative version": [msgpack.packb((1, -1, 0, EMPTY))],
    "a huge version": [msgpack.packb((1, 2**64 - 1, 0, EMPTY))],
    "a text as a version": [msgpack.packb((1, "x", 0, EMPTY))],
    "negative slots": [msgpack.packb((1, 0, -1, EMPTY))],
    "slots nobody knows": [msgpack.packb((1, 0, 2, EMPTY))],
    "many slots": [msgpack.packb((1, 0, b"\xff" * 100_000, EMPTY))],
    "a vector that is not there": [pack_record(1, 0, 1, EMPTY)],
    "a short record": [msgpack.packb((1, 0, 0))],
    "a long record": [msgpack.packb((1, 0, 0, EMPTY, 5))],
    "no record": [b""],
    "a map": [msgpack.packb({})],
    "texts": ["x"],
    "not even a list": "x" * 5,
    "a deep one": [packed_deep(100_000)],
}


@pytest.mark.parametrize("records", RECORDS.values(), ids=RECORDS.keys())
def test_records_that_cannot_be_are_refused(victim: Victim, records: Any) -> None:
    refuse_points(victim, records)


ONE = [pack_record(1, 0, 1, EMPTY)]
ROWS: dict[str, Any] = {
    "nan": {0: rows([float("nan"), 1.0])},
    "infinite": {0: rows([float("inf"), 1.0])},
    "too wide": {0: rows([1.0, 2.0, 3.0])},
    "too many": {0: rows([1.0, 2.0], [1.0, 2.0])},
    "a wrong checksum": {0: rows([1.0, 2.0])[:-1] + b"\0"},
    "zeros": {0: bytes(12)},
    "cut": {0: rows([1.0, 2.0])[:-1]},
    "a text": {0: "x" * 12},
    "a number": {0: 5},
    "a list": {0: [1.0, 2.0]},
    "another slot": {1: rows([1.0, 2.0])},
    "no map": [rows([1.0, 2.0])],
}


@pytest.mark.parametrize("dense", ROWS.values(), ids=ROWS.keys())
def test_vectors_that_cannot_be_are_refused(victim: Victim, dense: Any) -> None:
    refuse_points(victim, ONE, dense)


def other_world(**parts: Any) -> Frames:
    """The frames, with some of the parts of the points of `world` changed."""
    frames = parsed()
    at = next(at for at, frame in enumerate(frames) if frame[:2] == ["collection", "world"])
    points = frames[at + 1]
    for place, name in enumerate(("records", "dense", "counts", "sparse"), 1):
        if name in parts:
            parts[name](points[place])
    return frames


MULTI, SPARSE = 3, 5


def counted(*counts: int) -> Callable[[dict[int, Any]], Any]:
    def change(parts: dict[int, Any]) -> None:
        old = np.frombuffer(parts[MULTI], "<i8").copy()
        old[: len(counts)] = counts
        parts[MULTI] = old.tobytes()

    return change


def spoilt(vector: bytes) -> Callable[[dict[int, Any]], Any]:
    return lambda parts: parts[SPARSE].__setitem__(0, vector)


PARTS: dict[str, dict[str, Any]] = {
    "no tokens": {"counts": counted(0)},
    "fewer tokens than none": {"counts": counted(-1, 5)},
    "huge counts": {"counts": counted(2**62, 2**62, 2**62, 2**62)},
    "one count less": {"counts": lambda parts: parts.update({MULTI: parts[MULTI][:-8]})},
    "half a count": {"counts": lambda parts: parts.update({MULTI: parts[MULTI][:-3]})},
    "no counts": {"counts": dict.clear},
    "unsorted": {"sparse": spoilt(sparse([5, 1], [1.0, 1.0]))},
    "an index twice": {"sparse": spoilt(sparse([5, 5], [1.0, 1.0]))},
    "a sparse nan": {"sparse": spoilt(sparse([1], [float("nan")]))},
    "half a sparse one": {"sparse": spoilt(b"\0" * 9)},
    "a sparse text": {"sparse": spoilt("x" * 8)},  # type: ignore[arg-type]
    "a sparse one less": {"sparse": lambda parts: parts[SPARSE].pop()},
    "a sparse one more": {"sparse": lambda parts: parts[SPARSE].append(sparse([1], [1.0]))},
    "a record less": {"records": list.pop},
    "no vectors": {"dense": dict.clear},
}


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS.keys())
def test_multivectors_and_sparse_ones_that_cannot_be_are_refused(victim: Victim, parts: dict[str, Any]) -> None:
    victim.refuses(packed(other_world(**parts)))
    victim.refuses(packed(other_world(**parts)), name="world")


def about(**changes: Any) -> Frames:
    frames = parsed()
    frames[0][1].update(changes)
    return frames


def collection(name: Any = "small", seq: Any = 1, version: Any = 0) -> Frames:
    frames = parsed()
    at = next(at for at, frame in enumerate(frames) if frame[:2] == ["collection", "small"])
    frames[at] = ["collection", name, frames[at][2], seq, version]
    frames[0][1]["collections"][frames[0][1]["collections"].index("small")] = name
    return frames


@pytest.mark.parametrize(
    "frames",
    [
        lambda: about(format=2),
        lambda: about(format=2, aliases=5, collections={}),
        lambda: about(format="1"),
        lambda: about(collections=["small"]),
        lambda: about(collections=["world", "small"]),
        lambda: about(collections=["small", "world", "third"]),
        lambda: about(aliases={"x": "nobody"}),
        lambda: about(aliases={"small": "world"}),
        lambda: about(aliases={"mine": "world"}),  # a collection of the store
        lambda: about(aliases={1: "world"}),
        lambda: about(aliases={b"x": "world"}),
        lambda: about(aliases={"x": ["world"]}),
        lambda: collection("alias"),  # an alias of the store
        lambda: collection("world"),
        lambda: collection(""),
        lambda: collection("a/b"),
        lambda: collection("x" * 300),
        lambda: collection(b"small"),
        lambda: collection(seq=-1),
        lambda: collection(seq=0),  # points of an operation that was not
        lambda: collection(seq=2**64 - 1),
        lambda: collection(seq="1"),
        lambda: collection(version=-1),
        lambda: collection(version=2**64 - 1),
        lambda: [parsed()[0], parsed()[2], *parsed()[1:]],  # points before any collection
        lambda: [parsed()[0], ["else", 1], *parsed()[1:]],
        lambda: [*parsed()[:-1], ["else"], ["end"]],
        lambda: [*parsed()[:-1], ["end", 5]],
        lambda: [parsed()[0], ["end"]],
        lambda: [["end"]],
        lambda: [[]],
        lambda: [5],
        lambda: [{}],
        lambda: [[["store"]], *parsed()],
        lambda: [deep(500), *parsed()],
    ],
)  # fmt: skip
def test_parts_that_cannot_be_are_refused(victim: Victim, frames: Callable[[], Frames]) -> None:
    victim.refuses(packed(frames()))


@pytest.mark.parametrize(
    "body",
    [b"\x91" * 100_000 + b"\x01", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\x81\x90\x01", b"\x81\x80\x01",
     b"\xc1", b"", b"\x92\xa5store", b"\xc6\xff\xff\xff\xff", b"\x91\xa1\xff",
     b"\xd6\xff\0\0\0\0", b"\xc7\x0c\xff" + b"\xff" * 12],
)  # fmt: skip
def test_parts_that_cannot_be_read_are_refused(victim: Victim, body: bytes) -> None:
    bodies = cut(whole_store())
    victim.refuses(joined([body, *bodies]))
    victim.refuses(joined([bodies[0], body, *bodies[1:]]))
    victim.refuses(joined([*bodies[:3], body, *bodies[3:]]), name="small")


def test_the_file_is_closed_when_its_error_is_kept(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an error that comes before the file is read to its end; Windows could not remove it."""
    files_read: list[Any] = []
    monkeypatch.setattr(archive, "_opened", lambda path: files_read.append(path.open("rb")) or files_read[-1])
    victim.file.write_bytes(packed(small_with([b"nothing"], {}, {}, {})))
    with pytest.raises(BadInput) as kept:
        victim.doors.client._database.snapshots.restore(None, victim.file)
    assert kept.value.__traceback__ is not None
    assert [file.closed for file in files_read] == [True]


def test_a_frame_of_very_many_lists_takes_little_memory(victim: Victim) -> None:
    """It took 64 times its size."""
    n = 2_000_000
    victim.file.write_bytes(joined([b"\x92\xa5store\xdd" + struct.pack(">I", n) + b"\x90" * n]))
    tracemalloc.start()
    try:
        with pytest.raises(BadInput):
            victim.doors.client._database.snapshots.restore(None, victim.file)
        assert tracemalloc.get_traced_memory()[1] < 16 * n
    finally:
        tracemalloc.stop()


def test_a_length_beyond_the_files_end_takes_no_memory(victim: Victim) -> None:
    """A file of 32 bytes had a gigabyte asked for."""
    victim.file.write_bytes(MAGIC + struct.pack("<II", 1 << 30, 0) + b"\x91" * 8)
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match="damaged"):
            victim.doors.client._database.snapshots.restore(None, victim.file)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_newer_format_is_named(victim: Victim) -> None:
    victim.file.write_bytes(packed(about(format=7)))
    with pytest.raises(MinidbError, match="format 7"):
        victim.doors.client.recover_snapshot("small", victim.file.as_uri())
