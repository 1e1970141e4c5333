"""Random damage to valid requests: the answer is a valid 2xx, or a 4xx with the error envelope that changes nothing.

`MINIDB_CASES=200 MINIDB_SEED=7 python -m pytest -s tests/rest/test_rest_fuzz.py` runs 200 times as many, others than
with another seed. What fails says the number of its request, by which `damaged_requests` makes it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from damaged_requests import KINDS_OF_REQUESTS, Damaged
from rest_world import Answer, World

TIMES = int(os.environ.get("MINIDB_CASES", "1"))
SEED = os.environ.get("MINIDB_SEED", "0")
_EVERY = 25


class Watched:
    """A world, renewed whenever a request has changed it, and what it looked like before.

    What a client can see is compared when a commit has been made, and besides after every 25th request.
    """

    def __init__(self) -> None:
        self.world: World | None = None
        self.asked = 0
        self.renewed = 0

    def check(self, request: Damaged) -> None:
        if self.world is None:
            self.world = World()
            self.before = self.world.dump()
            self.commit = self.world.commit()
            self.renewed += 1
        self.asked += 1
        changed = True
        try:
            answer = self.world.send(request.method, request.path, request.body, request.query, request.headers)
            check_form(answer)
            commit = self.world.commit()
            changed = (commit != self.commit or self.asked % _EVERY == 0) and self.world.dump() != self.before
            self.commit = commit
            kept = request.path.endswith("/points/batch") and answer.status == 404  # what came before a missing id
            assert not changed or answer.status < 300 or kept, "a refused request has changed the store"
        finally:
            if changed:
                self.close()

    def close(self) -> None:
        if self.world is not None:
            self.world.database.close()
        self.world = None


def check_form(answer: Answer) -> None:
    response = answer.response
    assert 200 <= response.status < 500, response
    if response.status >= 400:
        value = answer.json
        assert value.keys() == {"status", "time"}
        assert isinstance(value["status"]["error"], str)
        assert value["status"]["error"]
    elif response.content_type == "application/json":
        value = strict_json(response.body)
        if "title" not in value:
            assert value.keys() <= {"result", "status", "time", "usage"}
            assert value["status"] == ("accepted" if response.status == 202 else "ok")


def strict_json(body: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(body.decode("utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.close()
    print(f"{watched.asked} requests, {watched.renewed} of which found a new store")


@pytest.mark.filterwarnings("ignore:BM25 knows no language")
@pytest.mark.parametrize("kind", KINDS_OF_REQUESTS)
def test_damaged_requests(watched: Watched, kind: str) -> None:
    n_requests, make = KINDS_OF_REQUESTS[kind]

    def run() -> None:
        for number in range(n_requests * TIMES):
            request = make(Random(f"{SEED} {kind} {number}"))
            try:
                watched.check(request)
            except BaseException as error:
                shown = {"method": request.method, "path": request.path[:200], "query": request.query[:200]}
                error.args = (f"seed {SEED}, {kind}, number {number}: {shown} {request.body[:3000]!r}: {error}",)
                raise

    with ThreadPoolExecutor(1) as thread:  # in the main thread every commit is handed to another one
        thread.submit(run).result()
