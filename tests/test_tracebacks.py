"""Tracebacks end with the method of the client that was called; frames of the user's own stay."""

from __future__ import annotations

import asyncio
import inspect
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import minidb
from minidb import AsyncQdrantClient, QdrantClient, models
from minidb.aio import public_methods
from minidb.errors import BadInput, MinidbError, ServiceError

OURS = str(Path(minidb.__file__).parent)
PARAMS = models.VectorParams(size=2, distance=models.Distance.DOT)


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINIDB_TRACEBACK")


def refused(call: Callable[[], object]) -> MinidbError:
    with pytest.raises(MinidbError) as caught:
        call()
    return caught.value


def our_frames(error: BaseException) -> list[str]:
    """Names of the functions of minidb in a traceback, from the user's down."""
    return [frame.name for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(OURS)]


CALLS: dict[str, Callable[[Any], Any]] = {
    "query_points": lambda client: client.query_points("c", [1.0]),
    "upsert": lambda client: client.upsert("c", [models.PointStruct(id=1, vector=[1.0])]),
    "upload_points": lambda client: client.upload_points("c", [models.PointStruct(id=1, vector=[1.0])]),
    "recreate_collection": lambda client: client.recreate_collection("a/b", PARAMS),
    "count": lambda client: client.count("d"),
    "scroll": lambda client: client.scroll("c", limit=0),
    "create_payload_index": lambda client: client.create_payload_index("c", "a", "keywrd"),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_last_frame_is_the_method_that_was_called(client: QdrantClient, name: str) -> None:
    client.create_collection("c", PARAMS)
    assert our_frames(refused(lambda: CALLS[name](client))) == ["call", name]


@pytest.mark.parametrize("name", CALLS)
def test_that_of_an_asynchronous_client_too(name: str) -> None:
    async def program() -> None:
        async with AsyncQdrantClient(":memory:") as client:
            await client.create_collection("c", PARAMS)
            await CALLS[name](client)

    assert our_frames(refused(lambda: asyncio.run(program()))) == ["run", name]


def test_the_text_of_an_error_is_short(client: QdrantClient) -> None:
    client.create_collection("c", PARAMS)
    error = refused(lambda: CALLS["upsert"](client))
    assert len("".join(traceback.format_exception(error))) < 1500


def test_an_error_of_opening_keeps_its_cause_without_frames(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    error = refused(lambda: QdrantClient(file))
    assert our_frames(error) == ["call", "__init__"]
    assert isinstance(error, ServiceError)
    assert isinstance(error.__cause__, OSError)
    assert error.__cause__.__traceback__ is None


def test_frames_of_the_users_own_stay(client: QdrantClient) -> None:
    def points() -> Iterator[models.PointStruct]:
        yield models.PointStruct(id=1, vector=[1.0, 2.0])
        yield models.PointStruct(id="no", vector=[1.0, 2.0])

    client.create_collection("c", PARAMS)
    error = refused(lambda: client.upload_points("c", points()))
    assert traceback.extract_tb(error.__traceback__)[-1].name == "points"


def test_what_a_user_was_handling_stays_the_context(client: QdrantClient) -> None:
    def call() -> None:
        try:
            raise KeyError("mine")
        except KeyError:
            client.count("missing")

    assert isinstance(refused(call).__context__, KeyError)


def test_every_frame_stays_for_who_asks(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.create_collection("c", PARAMS)
    monkeypatch.setenv("MINIDB_TRACEBACK", "full")
    assert len(our_frames(refused(lambda: CALLS["query_points"](client)))) > 5


def test_what_is_no_error_of_minidbs_keeps_its_frames(client: QdrantClient) -> None:
    def points() -> Iterator[models.PointStruct]:
        raise ZeroDivisionError
        yield

    client.create_collection("c", PARAMS)
    with pytest.raises(ZeroDivisionError) as caught:
        client.upload_points("c", points())
    assert our_frames(caught.value)[:2] == ["call", "upload_points"]


def test_every_public_method_is_a_border_and_keeps_its_signature() -> None:
    for name, method in public_methods().items():
        assert method.__wrapped__.__name__ == name, name  # type: ignore[attr-defined]
    assert list(inspect.signature(QdrantClient.count).parameters)[:3] == ["self", "collection_name", "count_filter"]
    assert "location" in inspect.signature(QdrantClient).parameters


def test_an_error_raised_again_is_still_short(client: QdrantClient) -> None:
    def call() -> None:
        try:
            client.count("missing")
        except MinidbError as error:
            raise BadInput("x") from error

    cause = refused(call).__cause__
    assert cause is not None
    assert our_frames(cause) == ["call", "count"]
