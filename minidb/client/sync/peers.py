"""Who the other side is: a client of some kind, an identity under which things are noted of it, a token left there."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from minidb.client import QdrantClient
from minidb.client.sync.rules import Rules
from minidb.collection.collection import Collection, Snapshot
from minidb.collection.reads import PointReader
from minidb.collection.sync_state import Peer, find_peer, kept_since, meet_peer
from minidb.database import Database
from minidb.errors import BadRequest, MinidbError
from minidb.migration import settings
from minidb.migration.clients import ClientEnd
from minidb.storage.interface import WriteTransaction

NAMED = ""
"""In place of a token, for a peer the caller vouches for."""


def plain(client: Any) -> Any:
    """The synchronous client inside minidb's asynchronous one. Raises `BadRequest` for what is no such client."""
    from minidb.aio import AsyncQdrantClient

    if isinstance(client, AsyncQdrantClient):
        return vars(client)["_sync"]
    if not hasattr(client, "get_collections") or type(client).__name__.startswith("Async"):
        raise BadRequest(f"expected a client of minidb or a synchronous one of qdrant-client, got {client!r}")
    return client


def identity_of(client: Any, rules: Rules) -> str:
    """What things are noted under: a name, a store's own, an address or a path."""
    if rules.name is not None:
        return rules.name
    if isinstance(client, QdrantClient):
        database = client._database
        return database.location if database.read_only else database.identity()
    inner = getattr(client, "_client", None)
    address, place = getattr(inner, "rest_uri", None), getattr(inner, "location", None)
    if address is not None:
        return str(address)
    if place is None:
        raise BadRequest(f"cannot tell where {client!r} leads: give it a name")
    return str(place) if place == ":memory:" else str(Path(place).absolute())


def told_apart(source: QdrantClient, target: Any) -> None:
    """Refuse one store on both sides; of two copies of one disk the receiver is given an identity of its own."""
    if not isinstance(target, QdrantClient) or target._database.read_only or source._database.read_only:
        return
    if source._database.is_same_store(target._database):
        raise BadRequest("both are the same store")
    if source._database.identity() == target._database.identity():
        target._database.renew_identity()


def met(database: Database, name: str, identity: str) -> Peer:
    """What is known of a peer, for whom deletions are kept from now on."""
    with database.snapshot(name) as snapshot:
        number = snapshot.collection.number
        peer = find_peer(snapshot.txn, number, identity)
        if peer is not None and kept_since(snapshot.txn, number) is not None:
            return peer

    def meet(txn: WriteTransaction, collection: Collection) -> Peer:
        return meet_peer(txn, collection.number, identity, collection.staged_view(txn).seq)

    return database.remember(name, meet)


def reader_of(snapshot: Snapshot) -> PointReader:
    return PointReader(snapshot.collection, snapshot.view, snapshot.txn)


def metadata_of(client: Any, name: str) -> dict[str, Any]:
    return dict(getattr(client.get_collection(name).config, "metadata", None) or {})


def try_metadata(client: Any, name: str, metadata: dict[str, Any]) -> None:
    """Set it where that is allowed. Raises what is no refusal."""
    refusals: tuple[type[Exception], ...] = (MinidbError,)
    if type(client).__module__.startswith("qdrant_client"):
        refusals += (import_module("qdrant_client.http.exceptions").UnexpectedResponse,)
    try:
        client.update_collection(name, metadata=metadata)
    except refusals as error:
        if getattr(error, "status_code", None) not in (401, 403):
            raise


def make(source: Any, target: Any, name: str) -> None:
    """A collection that is missing, with the configuration it has at the source."""
    here, there = ClientEnd(source), ClientEnd(target)
    info = here.info(name)
    there.create(name, settings.creation(info))
    if body := settings.completion(info):
        there.update(name, body)


def scrolled(client: Any, name: str, limit: int, **wanted: bool) -> Iterator[list[Any]]:
    """All points there, a page of records at a time."""
    offset: Any = None
    while True:
        page, offset = client.scroll(name, limit=limit, offset=offset, **wanted)
        if page:
            yield page
        if offset is None:
            return
