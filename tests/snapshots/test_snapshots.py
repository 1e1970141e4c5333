"""Snapshots through every door: made, listed, downloaded, deleted; restored from every place, bit for bit."""

from __future__ import annotations

import hashlib
import http.server
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from qdrant_client.http.exceptions import UnexpectedResponse
from snapshot_world import (
    MULTI,
    QUERY,
    Doors,
    N,
    add_alias,
    answers,
    contents,
    dump,
    files,
    location,
    new_world,
    opened,
    point,
)

from minidb import QdrantClient, models
from minidb.collection import chunks
from minidb.collection.vacuum import vacuum
from minidb.errors import BadInput, MinidbError, NotFound
from minidb.snapshots import snapshots

OTHER = models.VectorParams(size=1, distance=models.Distance.DOT)


@pytest.fixture
def world(doors: Doors) -> Doors:
    new_world(doors.client)
    return doors


def snapshot_bytes(doors: Doors, name: str = "world") -> bytes:
    made = doors.client.create_snapshot(name)
    return doors.http.get(f"/collections/{name}/snapshots/{made.name}").content


# Making, listing, downloading, deleting


def test_a_snapshot_is_listed_as_what_is_downloaded(world: Doors) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0, tzinfo=None)
    made = world.official.create_snapshot("world")
    assert made is not None
    answer = world.http.get(f"/collections/world/snapshots/{made.name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{made.name}"'
    assert int(answer.headers["content-length"]) == made.size == len(answer.content)
    assert made.checksum == hashlib.sha256(answer.content).hexdigest()
    assert before <= datetime.fromisoformat(made.creation_time) <= before + timedelta(seconds=60)
    assert world.official.list_snapshots("world") == [made]
    assert [found.model_dump() for found in world.client.list_snapshots("world")] == [made.model_dump()]


def test_snapshots_are_listed_the_oldest_first_and_deleted_one_by_one(world: Doors) -> None:
    names = [world.client.create_snapshot("world").name for _ in range(3)]
    assert [found.name for found in world.client.list_snapshots("world")] == names
    assert world.official.delete_snapshot("world", names[1]) is True
    assert [found.name for found in world.client.list_snapshots("world")] == [names[0], names[2]]
    with pytest.raises(NotFound, match=f"Snapshot {names[1]} not found"):
        world.client.delete_snapshot("world", names[1])
    assert world.client.delete_snapshot("world", names[0])
    assert world.client.delete_snapshot("world", names[2])
    assert files(world.client) == []


def test_what_is_not_there_is_404(world: Doors) -> None:
    for method, path in [
        ("GET", "/collections/none/snapshots"),
        ("POST", "/collections/none/snapshots"),
        ("GET", "/collections/none/snapshots/x.snapshot"),
        ("DELETE", "/collections/none/snapshots/x.snapshot"),
        ("GET", "/collections/world/snapshots/x.snapshot"),
        ("DELETE", "/collections/world/snapshots/x.snapshot"),
        ("GET", "/snapshots/x.snapshot"),
        ("DELETE", "/snapshots/x.snapshot"),
    ]:
        assert world.http.request(method, path).status_code == 404, path
    with pytest.raises(UnexpectedResponse):
        world.official.delete_snapshot("world", "x.snapshot")
    assert files(world.client) == []


def test_who_does_not_wait_is_told_it_was_accepted(world: Doors) -> None:
    answer = world.http.post("/collections/world/snapshots?wait=false")
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    (made,) = world.client.list_snapshots("world")
    body = {"location": location(world.client, "world", made.name)}
    for call in [
        lambda: world.http.put("/collections/new/snapshots/recover?wait=false", json=body),
        lambda: world.http.delete(f"/collections/world/snapshots/{made.name}?wait=false"),
    ]:
        assert call().status_code == 202
    assert world.client.list_snapshots("world") == []
    assert contents(world.client, "new") == contents(world.client, "world")


def test_a_wrong_parameter_is_refused_before_anything_is_done(world: Doors) -> None:
    assert world.http.post("/collections/world/snapshots?wait=perhaps").status_code == 400
    assert world.client.list_snapshots("world") == []
    made = world.client.create_snapshot("world")
    assert world.http.delete(f"/collections/world/snapshots/{made.name}?wait=perhaps").status_code == 400
    assert world.client.list_snapshots("world") == [made]


def test_an_aliass_snapshots_are_those_of_its_collection(world: Doors) -> None:
    add_alias(world.client, "name", "world")
    made = world.client.create_snapshot("name")
    assert world.client.list_snapshots("world") == world.client.list_snapshots("name") == [made]
    before = contents(world.client, "world")
    world.client.delete("world", models.FilterSelector(filter=models.Filter()))
    assert world.client.recover_snapshot("name", location(world.client, "name", made.name))
    assert contents(world.client, "world") == contents(world.client, "name") == before


def test_snapshots_outlive_their_collection(world: Doors) -> None:
    before = contents(world.client, "world")
    made = world.client.create_snapshot("world")
    where = location(world.client, "world", made.name)
    world.client.delete_collection("world")
    with pytest.raises(NotFound):
        world.client.list_snapshots("world")
    assert world.client.recover_snapshot("world", where)
    assert world.client.list_snapshots("world") == [made]
    assert contents(world.client, "world") == before


def test_deleting_at_the_same_time_is_no_error(world: Doors) -> None:
    for _ in range(10):
        name = world.client.create_snapshot("world").name
        failures: list[BaseException] = []

        def work(name: str = name, failures: list[BaseException] = failures) -> None:
            try:
                world.client.list_snapshots("world")
                world.client.delete_snapshot("world", name)
            except NotFound:
                pass
            except BaseException as error:  # noqa: BLE001 - reported by the test
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures
    assert files(world.client) == []


def test_no_checksum_is_removed_while_a_list_reads_it(world: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows would refuse, and the file stay for ever."""
    name = world.client.create_snapshot("world").name
    reading, removed, overlapped = threading.Event(), threading.Event(), []
    stored_checksum, remove = snapshots._stored_checksum, snapshots.files.remove

    def slow(file: Path) -> str | None:
        reading.set()
        overlapped.append(removed.wait(0.3))
        return stored_checksum(file)

    def told(path: Path) -> bool:
        if path.stem == name.removesuffix(".snapshot"):
            removed.set()
        return remove(path)

    monkeypatch.setattr(snapshots, "_stored_checksum", slow)
    monkeypatch.setattr(snapshots.files, "remove", told)
    listing = threading.Thread(target=world.client.list_snapshots, args=("world",))
    listing.start()
    assert reading.wait(60)
    world.client.delete_snapshot("world", name)
    listing.join()
    assert overlapped == [False]


# Restoring


def by_location(world: Doors, target: str, tmp_path: Path) -> None:
    made = world.client.create_snapshot("world")
    assert world.client.recover_snapshot(target, location(world.client, "world", made.name), checksum=made.checksum)


def by_official(world: Doors, target: str, tmp_path: Path) -> None:
    made = world.official.create_snapshot("world")
    assert made is not None
    assert world.official.recover_snapshot(target, location(world.client, "world", made.name), priority="snapshot")


def by_other_file(world: Doors, target: str, tmp_path: Path) -> None:
    file = tmp_path / "with space, ü and #.bin"
    file.write_bytes(snapshot_bytes(world))
    assert world.client.recover_snapshot(target, file.as_uri())


def by_upload(world: Doors, target: str, tmp_path: Path) -> None:
    data = snapshot_bytes(world)
    query = f"?priority=replica&checksum={hashlib.sha256(data).hexdigest()}"
    answer = world.http.post(f"/collections/{target}/snapshots/upload{query}", files={"snapshot": ("x.snapshot", data)})
    assert (answer.status_code, answer.json()["result"]) == (200, True)


def by_download(world: Doors, target: str, tmp_path: Path) -> None:
    with served(snapshot_bytes(world)) as (url, requests):
        assert world.client.recover_snapshot(target, url, api_key="secret")
    assert requests == ["secret"]


WAYS = [by_location, by_official, by_other_file, by_upload, by_download]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("target", ["world", "other", "new"])
def test_a_collection_comes_back_bit_for_bit(
    world: Doors, tmp_path: Path, target: str, way: Callable[[Doors, str, Path], None]
) -> None:
    client = world.client
    client.create_collection("other", OTHER)
    client.upsert("other", [models.PointStruct(id=5, vector=[1.0])])
    before, said = contents(client, "world"), answers(client, "world")
    assert len(before[0]) == N - 2
    assert said["facet"]
    assert said["words"]
    assert said["order"]
    way(world, target, tmp_path)
    assert contents(client, target) == before
    assert answers(client, target) == said
    assert contents(client, "world") == before
    assert not [name for name in files(client) if not name.endswith((".snapshot", ".sha256"))]


def test_a_restored_collection_is_as_alive_as_any(world: Doors) -> None:
    client = world.client
    made = client.create_snapshot("world")
    where = location(client, "world", made.name)
    next_operation = client.delete("world", [99]).operation_id
    client.recover_snapshot("world", where)
    assert client.delete("world", [99]).operation_id == next_operation
    client.update_collection(
        "world", optimizers_config=models.OptimizersConfigDiff(vacuum_min_vector_number=100, indexing_threshold=1)
    )
    more = [
        models.PointStruct(id=10_000 + at, vector={"f32": [at, 1.0, 2.0, 3.0], "late": [at, 1.0]}, payload={"n": at})
        for at in range(500)
    ]
    client.upsert("world", more)
    client.delete("world", list(range(10_000, 10_300)))
    client.create_vector_name(
        "world", "later", models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=1, distance="Dot"))
    )
    client.update_vectors("world", [models.PointVectors(id=10_400, vector={"later": [7.0]})])
    assert client.query_points("world", [1.0], using="later").points[0].id == 10_400
    assert client.wait_until_indexed("world", 60)
    by_graph = client.query_points("world", QUERY, using="f32", limit=10).points
    exact = client.query_points(
        "world", QUERY, using="f32", limit=10, search_params=models.SearchParams(exact=True)
    ).points
    assert [hit.id for hit in by_graph] == [hit.id for hit in exact]
    with client._database.snapshot("world") as snapshot:
        assert snapshot.view.n_rows < N + 500  # vacuumed
    again = client.create_snapshot("world")
    client.recover_snapshot("copy", location(client, "world", again.name))
    assert contents(client, "copy") == contents(client, "world")


def test_a_graph_is_built_after_restoring(world: Doors) -> None:
    client = world.client
    client.create_collection("big", models.VectorParams(size=8, distance="Euclid"), hnsw_config={"m": 8})
    client.update_collection("big", optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1))
    client.upsert("big", [models.PointStruct(id=at, vector=[float(at)] * 8) for at in range(2000)])
    made = client.create_snapshot("big")
    client.recover_snapshot("new", location(client, "big", made.name))
    assert client.query_points("new", [700.0] * 8, limit=1).points[0].id == 700
    assert client.wait_until_indexed("new", 60)
    assert client.get_collection("new").indexed_vectors_count == 2000
    assert client.query_points("new", [700.0] * 8, limit=1).points[0].id == 700


@pytest.mark.parametrize("is_restored", [True, False])
def test_who_waits_for_green_needs_no_search(tmp_path: Path, is_restored: bool) -> None:
    """As Qdrant's optimizers, the indexer begins by itself: a loop that asks for the status comes to its end."""
    settings = models.OptimizersConfigDiff(indexing_threshold=1)
    with opened(tmp_path) as doors:
        client = doors.client
        client.create_collection("c", models.VectorParams(size=8, distance="Dot"), optimizers_config=settings)
        client.upsert("c", [models.PointStruct(id=at, vector=[float(at)] * 8) for at in range(500)])
        if is_restored:
            client.recover_snapshot("c", location(client, "c", client.create_snapshot("c").name))
            assert turns_green(client)
    if not is_restored:
        with opened(tmp_path) as doors:
            assert turns_green(doors.client)


def turns_green(client: QdrantClient) -> bool:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        info = client.get_collection("c")
        if info.status == "green" and info.indexed_vectors_count == 500:
            return True
    return False


def test_a_restored_store_is_reopened(tmp_path: Path) -> None:
    with opened(tmp_path) as world:
        new_world(world.client)
        made = world.client.create_snapshot("world")
        world.client.recover_snapshot("new", location(world.client, "world", made.name))
        world.client.recover_snapshot("world", location(world.client, "world", made.name))
        before, said = dump(world.client), answers(world.client, "new")
    with opened(tmp_path) as world:
        assert dump(world.client) == before
        assert answers(world.client, "new") == said
        world.client.upsert("new", [point(1)])
        assert world.client.list_snapshots("world") == [made]
    assert len(list((tmp_path / "rows").iterdir())) == 2


def test_a_snapshot_goes_from_memory_to_disk_and_back(tmp_path: Path) -> None:
    with opened(tmp_path) as disk, opened(":memory:") as memory:
        new_world(memory.client)
        for source, target in [(memory, disk), (disk, memory)]:
            before = contents(source.client, "world")
            data = snapshot_bytes(source)
            target.client.delete_collection("world")
            answer = target.http.post("/collections/world/snapshots/upload", files={"snapshot": data})
            assert answer.status_code == 200
            assert contents(target.client, "world") == before


def test_an_empty_collection_is_restored(doors: Doors) -> None:
    doors.client.create_collection("empty", {}, sparse_vectors_config={"words": models.SparseVectorParams()})
    made = doors.client.create_snapshot("empty")
    before = contents(doors.client, "empty")
    doors.client.delete_collection("empty")
    root = doors.client._database.snapshots._root()
    (file,) = root.rglob(made.name)
    doors.client.recover_snapshot("empty", file.as_uri())
    assert contents(doors.client, "empty") == before


@pytest.mark.parametrize("right", [True, False])
def test_the_checksum_is_compared(world: Doors, right: bool) -> None:
    made = world.client.create_snapshot("world")
    before = dump(world.client)
    where = location(world.client, "world", made.name)
    assert made.checksum is not None
    if right:
        assert world.client.recover_snapshot("new", where, checksum=made.checksum.upper())
        return
    with pytest.raises(BadInput, match="Checksum mismatch: expected 0000"):
        world.client.recover_snapshot("new", where, checksum="0" * 64)
    data = snapshot_bytes(world)
    answer = world.http.post(f"/collections/new/snapshots/upload?checksum={'0' * 64}", files={"snapshot": data})
    assert answer.status_code == 400
    assert dump(world.client) == before


def test_priorities_are_taken_and_others_refused(world: Doors) -> None:
    made = world.client.create_snapshot("world")
    where, data = location(world.client, "world", made.name), snapshot_bytes(world)
    for priority, status in [("no_sync", 200), ("snapshot", 200), ("replica", 200), ("first", 400)]:
        body = {"location": where, "priority": priority}
        assert world.http.put("/collections/new/snapshots/recover", json=body).status_code == status
        path = f"/collections/newer/snapshots/upload?priority={priority}"
        assert world.http.post(path, files={"snapshot": data}).status_code == status


# Downloads


@contextmanager
def served(data: bytes, status: int = 200, cut: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """A server on this machine that gives out `data`, without its last `cut` bytes; the keys it was shown."""
    keys: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["api-key"])
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) - cut])

        def log_message(self, *arguments: Any) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x.snapshot", keys
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("how", "text"),
    [({"status": 404}, "status 404"), ({"status": 302}, "status 302"), ({"cut": 100}, "RemoteProtocolError")],
)
def test_a_download_that_fails_changes_nothing(world: Doors, how: dict[str, int], text: str) -> None:
    before, data = dump(world.client), snapshot_bytes(world)
    there = files(world.client)
    with served(data, **how) as (url, _), pytest.raises(BadInput, match=text):
        world.client.recover_snapshot("world", url)
    assert dump(world.client) == before
    assert files(world.client) == there


@pytest.mark.parametrize(
    "where",
    [
        "", "x", "ftp://host/x", "file:///none", "file://", "file:///%00", "http://[", "http://127.0.0.1:1/x", "http://",
        "http://exa mple/x", "http://127.0.0.1:99999999/x", "file:///" + "x" * 5000, "https://\ud800/", "http:x",
    ],
)  # fmt: skip
def test_locations_that_lead_nowhere_are_refused(world: Doors, where: str) -> None:
    before = dump(world.client)
    with pytest.raises(MinidbError) as caught:
        world.client.recover_snapshot("world", where)
    assert 400 <= caught.value.status_code < 500
    assert dump(world.client) == before


def test_a_key_no_header_can_hold_is_refused(world: Doors) -> None:
    for key in ("ключ", "a\nb"):
        with pytest.raises(BadInput):
            world.client.recover_snapshot("world", "http://127.0.0.1:1/x", api_key=key)


# Uploads


def form(*parts: bytes, boundary: bytes = b"XX") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def field(headers: str, content: bytes) -> bytes:
    return headers.encode() + b"\r\n\r\n" + content


FILE = 'Content-Disposition: form-data; name="snapshot"; filename="x"\r\nContent-Type: application/octet-stream'


def upload(world: Doors, body: bytes, kind: str | None) -> httpx.Response:
    headers = {} if kind is None else {"content-type": kind}
    return world.http.post("/collections/new/snapshots/upload", content=body, headers=headers)


def test_a_form_may_look_in_many_ways(world: Doors) -> None:
    data = snapshot_bytes(world)
    other = field('Content-Disposition: form-data; name="comment"', b"--\r\nfirst")
    plain = "multipart/form-data; boundary=XX"
    odd = b"a'b(c)+_,-./:=?d"
    for body, kind in [
        (form(field(FILE, data)), plain),
        (form(other, field(FILE, data)), plain),
        (form(field(FILE, data), other), plain),
        (b"what comes before\r\n" + form(field(FILE, data)) + b"what comes after", plain),
        (form(field('content-disposition:form-data; name="snapshot"', data)), plain),
        (form(field('CONTENT-DISPOSITION: form-data; name="other"; filename="ü x"', data)), plain),
        (form(field("Content-Disposition: form-data; name=x; filename*=UTF-8''%C3%BC", data)), plain),
        (form(field(FILE, data), boundary=odd), f'multipart/form-data; charset=x; boundary="{odd.decode()}"'),
        (form(field(FILE, data), boundary=b"-" * 60), f"Multipart/Form-Data; Boundary={'-' * 60}"),
    ]:
        world.client.delete_collection("new")
        answer = upload(world, body, kind)
        assert answer.status_code == 200, (answer.text, kind, body[:200])
        assert contents(world.client, "new") == contents(world.client, "world")


def test_a_form_without_a_snapshot_is_refused(world: Doors) -> None:
    data, plain = snapshot_bytes(world), "multipart/form-data; boundary=XX"
    whole, there = form(field(FILE, data)), files(world.client)
    for body, kind in [
        (b"", plain),
        (b"--", plain),
        (b"--XX", plain),
        (b"--XX--", plain),
        (b"--XX\r\n\r\n", plain),
        (form(), plain),
        (form(b""), plain),
        (form(field('Content-Disposition: form-data; name="x"', data)), plain),
        (form(field("Content-Type: text/plain", data)), plain),
        (whole[: len(whole) - 8], plain),
        (whole, None),
        (whole, "application/json"),
        (whole, "multipart/form-data"),
        (whole, "multipart/form-data; boundary="),
        (whole, "multipart/form-data; boundary=YY"),
        (whole, "multipart/form-data; boundary*=utf-8''XX"),
        (whole, "multipart/mixed; boundary=XX"),
        (form(field(FILE, b"")), plain),
        (form(*[field('Content-Disposition: form-data; name="x"', b"")] * 100, field(FILE, data)), plain),
        (form(field(FILE + "\r\nX: " + "x" * 10_000, data)), plain),
    ]:
        answer = upload(world, body, kind)
        assert answer.status_code == 400, (answer.text, kind, body[:200])
    assert not world.client.collection_exists("new")
    assert files(world.client) == there


# The whole store


@pytest.fixture
def three(world: Doors) -> Doors:
    world.client.create_collection("second", OTHER)
    world.client.upsert("second", [models.PointStruct(id=5, vector=[1.0])])
    world.client.create_collection("third", OTHER)
    add_alias(world.client, "name", "world")
    add_alias(world.client, "nom", "second")
    return world


def test_the_whole_store_comes_back_and_other_collections_stay(three: Doors) -> None:
    client = three.client
    before, said = dump(client), answers(client, "world")
    made = three.official.create_full_snapshot()
    assert made is not None
    assert three.official.list_full_snapshots() == [made]
    assert client.list_snapshots("world") == []
    answer = three.http.get(f"/snapshots/{made.name}")
    assert hashlib.sha256(answer.content).hexdigest() == made.checksum
    client.delete_collection("second")
    client.delete("world", models.FilterSelector(filter=models.Filter()))
    client.create_collection("later", OTHER)
    add_alias(client, "nom", "later")
    add_alias(client, "mine", "later")
    later = contents(client, "later")
    assert client.recover_full_snapshot(location(client, None, made.name), made.checksum)
    found, aliases = dump(client)
    assert found.pop("later") == later
    assert aliases == [("mine", "later"), *before[1]]
    assert found == before[0]
    assert answers(client, "name") == said
    assert three.official.delete_full_snapshot(made.name)
    assert client.list_full_snapshots() == []


def test_one_collection_comes_out_of_the_whole_stores_snapshot(three: Doors) -> None:
    client = three.client
    before = dump(client)
    made = client.create_full_snapshot()
    client.delete("world", [1, 2, 4])
    client.upsert("second", [models.PointStruct(id=6, vector=[2.0])])
    second = contents(client, "second")
    client.recover_snapshot("world", location(client, None, made.name))
    assert contents(client, "world") == before[0]["world"]
    assert contents(client, "second") == second
    with pytest.raises(BadInput, match="holds no collection `fourth`"):
        client.recover_snapshot("fourth", location(client, None, made.name))
    assert not client.collection_exists("fourth")


def test_the_whole_store_can_be_uploaded(three: Doors) -> None:
    made, before = three.client.create_full_snapshot(), dump(three.client)
    data = three.http.get(f"/snapshots/{made.name}").content
    for name in ("world", "second", "third"):
        three.client.delete_collection(name)
    assert three.http.post("/snapshots/upload", files={"snapshot": data}).status_code == 200
    assert dump(three.client) == before


def test_names_that_clash_refuse_the_whole_restore(three: Doors) -> None:
    client = three.client
    where = location(client, None, client.create_full_snapshot().name)
    client.delete_collection("second")
    add_alias(client, "second", "world")
    before = dump(client)
    with pytest.raises(MinidbError):
        client.recover_full_snapshot(where)
    assert dump(client) == before
    client.delete_collection("world")
    client.create_collection("name", OTHER)
    before = dump(client)
    with pytest.raises(MinidbError):
        client.recover_full_snapshot(where)
    assert dump(client) == before


# Corners


def test_large_points_are_cut_into_small_parts(world: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is too large for memory, or to be read back, once followed from many tokens or long payloads."""
    monkeypatch.setattr(chunks, "_CHUNK_BYTES", 20_000)
    monkeypatch.setattr(chunks, "_LOOK_ROWS", 1)
    client = world.client
    client.create_collection(
        "large",
        {"": models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=MULTI)},
        sparse_vectors_config={"words": models.SparseVectorParams()},
    )
    sparse = models.SparseVector(indices=list(range(1500)), values=[1.0] * 1500)
    client.upsert(
        "large",
        [models.PointStruct(id=at, vector={"": [[1.0, at]] * 1500}) for at in range(5)]
        + [models.PointStruct(id=10 + at, vector={}, payload={"x": "y" * 12_000}) for at in range(5)]
        + [models.PointStruct(id=20 + at, vector={"words": sparse}) for at in range(5)],
    )
    with client._database.reading("large") as (_, readers):
        sizes = [len(chunk.records) for chunk in chunks.read_chunks(readers["large"])]
    assert sizes == [2, 2, 2, 2, 2, 2, 2, 1]
    client.recover_snapshot("copy", location(client, "large", client.create_snapshot("large").name))
    assert contents(client, "copy") == contents(client, "large")


def test_a_configuration_changed_meanwhile_is_not_in_the_snapshot(
    world: Doors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The points' vectors and the configuration are of one commit."""
    if world.client._database.location == ":memory:":
        pytest.skip("a snapshot of a store in memory keeps writers waiting")
    before = contents(world.client, "world")
    real = snapshots.archive.store_frame

    def and_then_change(*arguments: Any) -> Any:
        thread = threading.Thread(target=world.client.delete_vector_name, args=("world", "f32"))
        thread.start()
        thread.join()
        return real(*arguments)

    monkeypatch.setattr(snapshots.archive, "store_frame", and_then_change)
    made = world.client.create_snapshot("world")
    world.client.recover_snapshot("new", location(world.client, "world", made.name))
    assert contents(world.client, "new") == before
    assert "f32" not in world.client.get_collection("world").config.params.vectors


def test_a_write_prepared_for_the_old_collection_is_prepared_again(
    world: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The collection restored meanwhile may have other vectors under the same version of its configuration."""
    from minidb.collection import operations

    client = world.client
    client.create_collection("a", models.VectorParams(size=2, distance="Dot"))
    client.create_collection("b", models.VectorParams(size=3, distance="Dot"))
    where = location(client, "b", client.create_snapshot("b").name)
    real, restored = operations.prepare, []

    def prepare(*arguments: Any) -> Any:
        step = real(*arguments)
        if not restored:
            restored.append(client.recover_snapshot("a", where))
        return step

    monkeypatch.setattr(operations, "prepare", prepare)
    with pytest.raises(BadInput, match="dimension"):
        client.upsert("a", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    client.upsert("a", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0])])
    assert client.retrieve("a", [1], with_vectors=True)[0].vector == [1.0, 2.0, 3.0]


def test_what_a_failed_restore_wrote_is_nobodys(world: Doors, tmp_path: Path) -> None:
    """The next collection gets the number of the failed one's generation, and once got its files, too."""
    data = snapshot_bytes(world)
    file = tmp_path / "cut"
    file.write_bytes(data[:-10])
    with pytest.raises(BadInput, match="damaged"):
        world.client.recover_snapshot("new", file.as_uri())
    world.client.create_collection("new", models.VectorParams(size=50, distance="Dot"))
    world.client.upsert("new", [models.PointStruct(id=1, vector=[1.5] * 50)])
    assert world.client.retrieve("new", [1], with_vectors=True)[0].vector == [1.5] * 50


def test_vacuum_of_what_was_restored(world: Doors) -> None:
    client = world.client
    client.recover_snapshot("new", location(client, "world", client.create_snapshot("world").name))
    client.update_collection(
        "new", optimizers_config=models.OptimizersConfigDiff(vacuum_min_vector_number=100, deleted_threshold=0.01)
    )
    client.upsert("new", [point(at) for at in range(23, 50)] + [point(at) for at in range(23, 50)])
    client.upsert("new", [models.PointStruct(id=at, vector={}) for at in range(200, 300)])
    client.delete("new", list(range(200, 300)))
    before = contents(client, "new")[0]
    with client._database.snapshot("new") as snapshot:
        collection = snapshot.collection
    vacuum(client._database._store, collection)
    assert contents(client, "new")[0] == before


def test_a_closed_client_makes_no_snapshots(tmp_path: Path) -> None:
    client = QdrantClient(tmp_path)
    client.close()
    with pytest.raises(MinidbError, match="closed"):
        client.create_snapshot("x")
    assert not list(tmp_path.rglob("*.part"))


QUANTIZATIONS: list[Any] = [
    {"turbo": {}},
    *({"turbo": {"bits": bits, "always_ram": False}} for bits in models.TurboQuantBitSize),
    *({"turbo": {"bits": "bits2", "memory": memory}} for memory in models.Memory),
    *({"product": {"compression": ratio, "always_ram": True}} for ratio in models.CompressionRatio),
    {"binary": {"encoding": "one_and_half_bits", "query_encoding": "scalar4bits"}},
    {"scalar": {"type": "int8", "quantile": 0.75, "always_ram": False}},
]


@pytest.mark.parametrize("quantization", QUANTIZATIONS, ids=str)
def test_a_restored_collection_keeps_all_it_was_made_with(doors: Doors, quantization: Any) -> None:
    client, in_mind = doors.client, {"quantization": {"rescore": False, "oversampling": 2.0}}
    client.create_collection(
        "made",
        {
            datatype.value: models.VectorParams(
                size=8,
                distance=models.Distance.COSINE,
                datatype=datatype,
                quantization_config=quantization,
                hnsw_config=models.HnswConfigDiff(m=4, on_disk=True),
            )
            for datatype in models.Datatype
        },
        quantization_config=quantization,
    )
    rng = random.Random(7)
    vectors = {datatype.value: [rng.randrange(1, 200) / 2 for _ in range(8)] for datatype in models.Datatype}
    client.upsert("made", [models.PointStruct(id=at, vector={**vectors, "float32": [at, 1.0] * 4}) for at in range(9)])
    before = client.get_collection("made").config

    made = client.create_snapshot("made")
    client.delete_collection("made")
    (file,) = client._database.snapshots._root().rglob(made.name)
    client.recover_snapshot("again", file.as_uri())

    assert client.get_collection("again").config == before
    found = client.query_points("again", [0.5] * 8, using="float32", search_params=in_mind, with_vectors=True).points
    assert len(found) == 9
    assert all(client.query_points("again", vectors[name], using=name).points for name in vectors)


def test_a_clock_that_stands_still_does_not_replace_a_snapshot(world: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=tz)

    monkeypatch.setattr(snapshots, "datetime", Stopped)
    made = [world.client.create_snapshot("world").name for _ in range(3)]
    assert [each.name for each in world.client.list_snapshots("world")] == made
    assert len(set(made)) == 3


def test_a_time_beyond_the_calendar_is_none(world: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems keep years of twelve digits; such a snapshot could not be listed, nor any beside it."""
    made = world.client.create_snapshot("world")
    real = Path.stat

    def late(path: Path, **more: Any) -> os.stat_result:
        status = real(path, **more)
        fields = {name: getattr(status, name) for name in dir(status) if name.startswith("st_")}
        return SimpleNamespace(**{**fields, "st_mtime": 2.0**45})  # type: ignore[return-value]

    monkeypatch.setattr(Path, "stat", late)
    assert [(each.name, each.creation_time) for each in world.client.list_snapshots("world")] == [(made.name, None)]
