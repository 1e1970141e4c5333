"""What a caller over the network may not do: name files and addresses, or leave the folder of snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from snapshot_world import Doors, dump, files, location, new_world

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
        "http://[",
        "ftp://host/x",
        str(outside),
        "",
    ]:
        for base in ("/collections/new", "/collections/world", ""):
            assert recover(world, where, base) == 403, where
    assert dump(world.client) == before
    assert files(world.client) == there


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
