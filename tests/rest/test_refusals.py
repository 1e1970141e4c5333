"""The table `refusals.txt` through every door that speaks REST: in process, by the transport, over a socket."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from rest_world import World
from serving import serving

import minidb
from minidb.rest.routes import ROUTES

Send: TypeAlias = Callable[[str, str, "bytes | None"], "tuple[int, str]"]
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Refusal:
    """A line of the table."""

    status: int
    method: str
    path: str
    body: bytes | None
    text: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path[:60]} {(self.body or b'').decode()[:120]}"


def _read() -> list[Refusal]:
    found = []
    for line in (Path(__file__).parent / "refusals.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        line = re.sub("<(201|256)>", lambda match: "x" * int(match[1]), line)
        status, asked, body, text, *reason = line.split(" | ")
        method, _, path = asked.replace(" ~", " /collections/c").partition(" ")
        content = None if body == "-" else body.encode()
        assert content is None or json.loads(content) is not None
        found.append(Refusal(int(status), method, path, content, text, *reason))
    return found


TABLE = _read()


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[str, Send]]:
    with ExitStack() as stack:
        world = stack.enter_context(World())
        server = stack.enter_context(serving(world.database))
        over_socket = stack.enter_context(httpx.Client(base_url=server.url))
        client = minidb.QdrantClient(":memory:")
        client._database = world.database
        in_process = stack.enter_context(httpx.Client(base_url="http://minidb", transport=minidb.Transport(client)))

        def by_function(method: str, path: str, body: bytes | None) -> tuple[int, str]:
            plain, _, query = path.partition("?")
            answer = world.send(method, plain, body or b"", query)
            return answer.status, answer.error

        def by(client: httpx.Client) -> Send:
            def send(method: str, path: str, body: bytes | None) -> tuple[int, str]:
                response = client.request(method, path, content=body, headers=JSON)
                return response.status_code, response.json()["status"]["error"]

            return send

        before = world.dump()
        yield {"function": by_function, "transport": by(in_process), "server": by(over_socket)}
        assert world.dump() == before


def test_the_table_is_long_and_says_nothing_twice() -> None:
    assert len(TABLE) >= 150
    asked = [(refusal.method, refusal.path, refusal.body) for refusal in TABLE]
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("refusal", TABLE, ids=str)
def test_a_request_is_refused_with_this_code_and_text(doors: dict[str, Send], refusal: Refusal) -> None:
    answers = {name: send(refusal.method, refusal.path, refusal.body) for name, send in doors.items()}
    status, error = answers["function"]
    assert (status, refusal.text in error) == (refusal.status, True), error
    assert set(answers.values()) == {(status, error)}


WITH_A_NAME = [route for route in ROUTES if "{collection_name}" in route.path]


@pytest.mark.parametrize("route", WITH_A_NAME, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize(("name", "fault"), [("x" * 256, "must be from 1 to 255 characters"), ("a%2Fb", '"/" char')])
def test_every_route_checks_the_collections_name_first(
    doors: dict[str, Send], route: Any, name: str, fault: str
) -> None:
    path = re.sub(r"\{\w+\}", "1", route.path.replace("{collection_name}", name))
    for send in doors.values():
        status, error = send(route.method, path, b"{")
        assert status == 422
        assert error.startswith("Validation error in path parameters: [collection_name: ")
        assert fault in error
