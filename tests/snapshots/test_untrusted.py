"""What a caller over the network may not do: name files and addresses, or leave the folder of snapshots."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from serving import serving
from snapshot_world import Doors, contents, dump, files, location, new_world

from minidb.rest import Request, Response


@pytest.fixture
def world(doors: Doors) -> Doors:
    new_world(doors.client)
    return doors


def ask(doors: Doors, method: str, path: str, body: Any = None, query: str = "") -> Response:
    content = b"" if body is None else json.dumps(body).encode()
    return doors.api.answer(Request(method, path, query, {"content-type": "application/json"}, content, trusted=False))


def recover(doors: Doors, where: str, base: str = "/collections/new") -> int:
    return ask(doors, "PUT", f"{base}/snapshots/recover", {"location": where}).status


def root_of(doors: Doors) -> Path:
    return doors.client._database.snapshots._root()


def test_snapshots_of_this_store_can_be_named(world: Doors) -> None:
    made = world.client.create_snapshot("world")
    assert recover(world, location(world.client, "world", made.name)) == 200
    full = world.client.create_full_snapshot()
    assert recover(world, location(world.client, None, full.name), "") == 200
    assert ask(world, "POST", "/collections/world/snapshots").status == 200
    assert ask(world, "GET", f"/collections/world/snapshots/{made.name}").file is not None
    assert ask(world, "DELETE", f"/collections/world/snapshots/{made.name}").status == 200


def test_other_files_and_addresses_are_forbidden(world: Doors, tmp_path: Path) -> None:
    made = world.client.create_snapshot("world")
    inside = world.client._database.snapshots.path("world", made.name)
    outside = tmp_path / "outside.snapshot"
    outside.write_bytes(inside.read_bytes())
    root = root_of(world)
    (root / "under-way.part").write_bytes(inside.read_bytes())
    (inside.parent / "link.snapshot").symlink_to(outside)
    (inside.parent / "circle.snapshot").symlink_to(inside.parent / "circle.snapshot")
    (root / "folder").symlink_to(tmp_path)
    up = "/".join([".."] * 12)
    before, there = dump(world.client), files(world.client)
    for where in [
        outside.as_uri(),
        f"file://{root}/folder/outside.snapshot",
        f"file://{inside.parent}/link.snapshot",
        f"file://{inside.parent}/circle.snapshot",
        f"file://{root}/{up}{outside}",
        f"file://{root}/{quote(up, safe='.')}{outside}",
        f"file://{root}/{up.replace('.', '%2e').replace('/', '%2f')}{outside}",
        f"file://{root}/under-way.part",
        f"file://{root}-other/x.snapshot",
        f"file://{root}/%00.snapshot",
        f"file://{root}",
        "file:///etc/passwd",
        "file:///none.snapshot",
        "FILE:///etc/passwd",
        "file:relative.snapshot",
        "http://127.0.0.1:1/x.snapshot",
        "HTTPS://127.0.0.1:1/x.snapshot",
    ]:
        for base in ("/collections/new", "/collections/world", ""):
            assert recover(world, where, base) == 403, where
    assert dump(world.client) == before
    assert files(world.client) == there


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("http://[", 'invalid value: string "http://[", expected invalid IPv6 address'),
        ("http://host:port/x", 'string "http://host:port/x", expected invalid port number'),
        ("https:///x", "expected empty host"),
        ("/etc/passwd", "expected relative URL without a base"),
        ("x.snapshot", "expected relative URL without a base"),
        ("", 'invalid value: string "", expected relative URL without a base'),
        ("ftp://host/x", "Bad request: URL ftp://host/x with scheme ftp is not supported"),
        ("file://host/etc/passwd", "Bad request: Invalid snapshot URI, file path must be absolute or on localhost"),
    ],
)
def test_what_is_no_url_of_a_snapshot_is_400(world: Doors, where: str, text: str) -> None:
    before = dump(world.client)
    for trusted in (False, True):
        request = Request("PUT", "/collections/new/snapshots/recover", "", {}, json.dumps({"location": where}).encode())
        answer = world.api.answer(replace(request, trusted=trusted, snapshot_urls=True))
        assert answer.status == 400
        assert text in json.loads(answer.body)["status"]["error"]
    assert dump(world.client) == before


@pytest.mark.parametrize("checksum", ["0a", "g" * 64, "A" * 63, ""])
def test_a_checksum_that_is_none_is_422(world: Doors, checksum: str) -> None:
    where = location(world.client, "world", world.client.create_snapshot("world").name)
    body = {"location": where, "checksum": checksum}
    for answer, part in (
        (ask(world, "PUT", "/collections/new/snapshots/recover", body), "JSON body"),
        (ask(world, "POST", "/collections/new/snapshots/upload", query=f"checksum={checksum}"), "query parameters"),
    ):
        error = json.loads(answer.body)["status"]["error"]
        assert answer.status == 422, error
        assert error.startswith(f"Validation error in {part}: [checksum: ")


def test_addresses_are_asked_only_by_a_server_that_allows_it(world: Doors) -> None:
    """And then a caller may still name no file outside."""
    made = world.client.create_snapshot("world")
    with serving(world.client._database) as server:
        body = {"location": f"{server.url}/collections/world/snapshots/{made.name}", "checksum": made.checksum}
        recover = f"{server.url}/collections/new/snapshots/recover"
        assert httpx.put(recover, json=body).status_code == 403
        assert "disabled in the configuration" in httpx.put(recover, json=body).json()["status"]["error"]
        with serving(world.client._database, snapshot_urls=True) as allowing:
            recover = f"{allowing.url}/collections/new/snapshots/recover"
            assert httpx.put(recover, json=body).json()["result"] is True
            assert httpx.put(recover, json={"location": "file:///etc/passwd"}).status_code == 403
            nobody = {"location": f"{server.url}/collections/world/snapshots/none.snapshot"}
            assert httpx.put(recover, json=nobody).status_code == 400
    assert contents(world.client, "new") == contents(world.client, "world")


def test_a_snapshot_that_is_not_there_is_400(world: Doors) -> None:
    for name in ("none.snapshot", "x" * 300 + ".snapshot"):
        assert recover(world, f"{root_of(world).as_uri()}/{name}") == 400


def test_names_of_snapshots_lead_nowhere_else(world: Doors, tmp_path: Path) -> None:
    full = world.client.create_full_snapshot().name
    made = world.client.create_snapshot("world").name
    folder = world.client._database.snapshots.path("world", made).parent.name
    (root_of(world) / "bare.snapshot").write_bytes(b"x")
    there = files(world.client)
    names = [
        f"../store/{full}", f"../{folder}/{made}", "../bare.snapshot", "..", ".", "", "*", "*.snapshot", f"{made}\0",
        made.replace(".snapshot", ".sha256"), f"./{made}", "\ud800", "/etc/passwd", "../../data.mdb",
    ]  # fmt: skip
    for base in ("/collections/world/snapshots", "/snapshots"):
        for name in names:
            for part in (quote(name.encode("utf-8", "surrogatepass"), safe=""), name.replace("\ud800", "%ED%A0%80")):
                for method in ("GET", "DELETE"):
                    answer = ask(world, method, f"{base}/{part}")
                    is_list = method == "GET" and not part.strip("/")
                    assert answer.status in ((200,) if is_list else (400, 404)), (base, part, answer)
                    assert answer.file is None
    assert files(world.client) == there


@pytest.mark.parametrize("name", ["..", "../../x", "a/b", "C:\\x", "%2e%2e", "."])
def test_names_of_collections_lead_nowhere_else(world: Doors, name: str) -> None:
    made = world.client.create_snapshot("world")
    where = location(world.client, "world", made.name)
    status = recover(world, where, f"/collections/{quote(name, safe='')}")
    assert status in (200, 422)
    if status == 200:
        assert ask(world, "POST", f"/collections/{quote(name, safe='')}/snapshots").status == 200
    assert all(len(Path(path).parts) == 2 for path in files(world.client))
    if world.client._database.location != ":memory:":
        store = root_of(world).parent
        assert not {path.name for path in store.iterdir()} & {name, "x", "b"}
        assert not (store.parent / "x").exists()
