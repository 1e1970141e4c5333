"""Random changes on both sides, with pushes and pulls between them, against the table of who wins (`docs/sync.md`)."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qdrant_client
from doors.test_sync import NAME, create, points, state, upsert

from minidb import QdrantClient, Transport
from minidb.client.sync.receiving import Receiver
from minidb.database import Database

CASES = 6 * int(os.environ.get("MINIDB_CASES", "1"))
IDS = 12

pytestmark = pytest.mark.filterwarnings("ignore:Failed to obtain server version")


@pytest.fixture(params=["store", "server"])
def centre(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with QdrantClient(tmp_path / "centre", durability="off") as store:
        if request.param == "store":
            yield store
            return
        served = qdrant_client.QdrantClient(url="http://centre", transport=Transport(store))
        yield served
        served.close()


class Model:
    """One side: what it holds, and what was changed here since the other side was told."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}
        self.changed: set[int] = set()

    def write(self, ids: list[int], value: int | None) -> None:
        for each in ids:
            if value is None:
                self.changed |= {each} if self.held.pop(each, None) is not None else set()
            else:
                self.held[each] = value
                self.changed.add(each)

    def send(self, other: Model, *, newest: bool) -> None:
        for each in self.changed:
            value, theirs = self.held.get(each), other.held.get(each)
            if value is None:
                other.held.pop(each, None)
            elif not newest or theirs is None or theirs < value:
                other.held[each] = value
            else:
                continue  # it stays, and is told the other way
            other.changed.discard(each)
        self.changed.clear()


def write(client: Any, ids: list[int], value: int | None) -> None:
    if value is None:
        client.delete(NAME, ids)
    elif isinstance(client, QdrantClient):
        client.upsert(NAME, points(ids, at=value))
    else:
        upsert(client, ids, at=value)


def held(client: Any) -> dict[int, int]:
    return {each: payload["at"] for each, (payload, _) in state(client).items()}


@pytest.mark.parametrize("newest_by", [None, "at"])
def test_who_wins(client: QdrantClient, centre: Any, newest_by: str | None) -> None:
    create(client)
    client.push(centre)
    client.pull(centre)
    for seed in range(CASES):
        rng = random.Random(seed)
        sides = [(client, Model()), (centre, Model())]
        for _, model in sides:
            model.held = held(client)
        for value in range(40):
            if rng.random() < 0.7:
                ids = rng.sample(range(IDS), rng.randrange(1, 4))
                told, model = rng.choice(sides)
                at = None if rng.random() < 0.3 else 1000 * seed + value
                write(told, ids, at)
                model.write(ids, at)
                continue
            is_push = rng.random() < 0.5
            (client.push if is_push else client.pull)(centre, batch_size=rng.randrange(1, 9), newest_by=newest_by)
            sender, receiver = (sides[0][1], sides[1][1]) if is_push else (sides[1][1], sides[0][1])
            sender.send(receiver, newest=newest_by is not None)
            for told, model in sides:
                assert held(told) == model.held, (seed, value)
        client.push(centre, newest_by=newest_by)
        client.pull(centre, newest_by=newest_by)
        assert state(client) == state(centre), seed


class _Stopped(Exception):
    pass


def test_the_newest_value_is_there_in_the_end_however_often_it_was_stopped(
    client: QdrantClient, centre: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(client)
    client.push(centre)
    rng = random.Random(IDS)
    newest: dict[int, int] = {}
    n_stopped = 0
    for at in range(20 * CASES):
        if rng.random() < 0.6:
            ids = rng.sample(range(IDS), 3)
            write(rng.choice([client, centre]), ids, at)
            newest |= dict.fromkeys(ids, at)
            continue
        with monkeypatch.context() as stopping:
            _stop_at(stopping, centre, rng.randrange(12))
            try:
                (client.push if rng.random() < 0.5 else client.pull)(centre, newest_by="at", batch_size=2)
            except (_Stopped, qdrant_client.http.exceptions.UnexpectedResponse):  # the server runs here, too
                n_stopped += 1
    client.push(centre, newest_by="at")
    client.pull(centre, newest_by="at")
    assert n_stopped
    assert held(client) == held(centre) == newest


def _stop_at(monkeypatch: pytest.MonkeyPatch, centre: Any, step: int) -> None:
    """Before or after one of the writes of either side."""
    passed = 0

    def stopping(work: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal passed
            for do in (None, work):
                result = None if do is None else do(*args, **kwargs)
                passed += 1
                if passed == step:
                    raise _Stopped
            return result

        return run

    for owner, name in ((Receiver, "write"), (Database, "remember"), (type(centre), "update_collection")):
        monkeypatch.setattr(owner, name, stopping(getattr(owner, name)))
