"""`push` and `pull`: two stores keep up with each other, sending only what changed since the last time.

**What is sent.** Every record has the number of the operation that wrote it (its version), so what changed since
operation `n` are the points of versions from `n` on; the ids of deleted points are kept from the first sync on
(`collection.sync_state`). A *mark* says up to which operation a peer has been served. Points are read in batches while
others write: what changes meanwhile goes with the next push, and all writes may be repeated without harm.

**When a mark counts.** It is written here, durably, once the peer has acknowledged everything; then a random *token*,
under which the mark is filed, is left in the metadata of the peer's collection (`minidb-sync/<this store>`). A kill
before that leaves the old token, so the next push begins at the old mark. A peer that was deleted, made anew or
restored from an older snapshot shows another token or none: it is a stranger and gets everything again. With `name=`
nothing is left there; the caller vouches for the peer.

**What came from there does not go back.** A store that receives notes, in the same commit, which of its operations
wrote what came from whom. Points of these versions are unchanged since, and are left out of what is sent to that peer:
an old state would else overwrite what changed there meanwhile. A stranger gets those it lacks.

**Without a log** (a server, qdrant-client's local mode) a pull reads all pages and writes what differs. A point that is
not there any more is deleted here if it is known to have been there: it came from there, or was pushed there, and has
not changed since. That takes a token, too; a source that may not be written to is a stranger each time.

**Conflicts.** The sender wins, or, by `newest_by`, the greater value of that payload field: of equal values the
sender's, and any value is newer than none. A deletion has no such value: one the log knows of always wins. A pull
without a log cannot know of changes on both sides; a point changed here and deleted there stays, and comes back with
the next push.

**Strangers and lost logs.** Points only the receiver has stay: they may be somebody else's. `mirror=True` deletes them,
comparing ids by page. Where deletions are no longer kept back to the mark, ids are compared, too, and counted: `extra`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from minidb import models
from minidb.client import QdrantClient
from minidb.client.sync_points import Sameness, first_value, is_newer, official_point, own_point
from minidb.collection.collection import Collection, Snapshot
from minidb.collection.reads import PointReader
from minidb.collection.sync_state import (
    Peer,
    deleted,
    find_peer,
    forget_served,
    kept_since,
    meet_peer,
    put_peer,
)
from minidb.errors import BadRequest, MinidbError
from minidb.filter.json_path import JsonPath
from minidb.migration import settings
from minidb.migration.clients import ClientEnd
from minidb.migration.copying import wanted_of
from minidb.migration.paging import pages
from minidb.storage.interface import WriteTransaction
from minidb.storage.records import PointId

if TYPE_CHECKING:
    from minidb.database import Database

_TOKENS = "minidb-sync/"
_NAMED = ""
"""In place of a token, for a peer the caller vouches for."""


@dataclass(frozen=True)
class CollectionSync:
    """What became of one collection."""

    name: str
    written: int
    """Points sent and written."""
    deleted: int
    kept: int
    """Points that stayed as they were at the receiver, being newer by `newest_by`."""
    extra: int
    """Points only the receiver has, which stayed; counted where ids were compared."""
    full: bool
    """Whether all of the collection was looked at: there was no mark, no log, or too short a one."""
    seconds: float


@dataclass(frozen=True)
class SyncReport:
    """What a `push` or `pull` did, by collection."""

    collections: tuple[CollectionSync, ...]

    @property
    def written(self) -> int:
        """Points written, of all collections."""
        return sum(each.written for each in self.collections)

    @property
    def deleted(self) -> int:
        """Points deleted, of all collections."""
        return sum(each.deleted for each in self.collections)


@dataclass(frozen=True)
class Rules:
    """How two sides are brought together; see `QdrantClient.push`."""

    newest_by: str | None = None
    batch_size: int = 256
    mirror: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise BadRequest(f"batch_size must be greater than 0, got {self.batch_size}")
        if self.name == "":
            raise BadRequest("name is empty: give the peer one, or leave it away")
        if self.newest_by is not None:
            JsonPath.parse(self.newest_by)

    def keeps(self, receivers: dict[str, Any] | None, senders: dict[str, Any] | None) -> bool:
        """Whether the receiver's point stays, by the payloads of both."""
        if self.newest_by is None:
            return False
        path = JsonPath.parse(self.newest_by)
        return is_newer(first_value(path, receivers), first_value(path, senders))


def push(source: QdrantClient, target: Any, names: Sequence[str] | None, rules: Rules) -> SyncReport:
    """See `QdrantClient.push`."""
    target = _plain(target)
    here, identity = source._database.identity(), _identity(target, rules)
    if here == identity:
        raise BadRequest("both are the same store")
    sending = _Sending(source, here, _Receiver(target, here), identity, rules)
    return SyncReport(tuple(sending.run(name) for name in wanted_of(ClientEnd(source), names)))


def pull(target: QdrantClient, source: Any, names: Sequence[str] | None, rules: Rules) -> SyncReport:
    """See `QdrantClient.pull`."""
    source = _plain(source)
    if isinstance(source, QdrantClient) and not source._database.read_only:
        there, identity = source._database.identity(), target._database.identity()
        if there == identity:
            raise BadRequest("both are the same store")
        # what came from there is noted under the same name a push to it would look for
        sending = _Sending(source, there, _Receiver(target, rules.name or there), identity, rules)
        return SyncReport(tuple(sending.run(name) for name in wanted_of(ClientEnd(source), names)))
    reading = _Reading(source, target, _identity(source, rules), rules)
    return SyncReport(tuple(reading.run(name) for name in wanted_of(ClientEnd(source), names)))


class _Receiver:
    """Whoever is written to. A store of minidb's notes which operations wrote what came from `sender`."""

    def __init__(self, client: Any, sender: str) -> None:
        self.client = client
        self._sender = sender
        self._database: Database | None = client._database if isinstance(client, QdrantClient) else None

    def upsert(self, name: str, points: list[models.PointStruct]) -> None:
        if self._database is not None:
            request = models.UpsertOperation(upsert=models.PointsList(points=points))
            self._database.update(name, [request], note=self._note)
        else:
            self.client.upsert(name, [official_point(point) for point in points], wait=True)

    def delete(self, name: str, ids: list[PointId]) -> None:
        if self._database is not None:
            request = models.DeleteOperation(delete=models.PointIdsList(points=ids))
            self._database.update(name, [request], note=self._note)
        else:
            self.client.delete(name, points_selector=ids, wait=True)

    def _note(self, txn: WriteTransaction, collection: Collection, numbers: list[int]) -> None:
        peer = meet_peer(txn, collection.number, self._sender, numbers[0])
        peer.receive(numbers)
        put_peer(txn, collection.number, self._sender, peer)


class _Sending:
    """From a store, by its log, to any client."""

    def __init__(self, source: QdrantClient, here: str, receiver: _Receiver, identity: str, rules: Rules) -> None:
        self._source = source
        self._database = source._database
        self._receiver = receiver
        self._target = receiver.client
        self._identity = identity
        self._rules = rules
        self._key = _TOKENS + here

    def run(self, name: str) -> CollectionSync:
        began = time.perf_counter()
        token = self._token(name)
        _met(self._database, name, self._identity)
        changes = _changes(self._database, name, self._identity, token)
        written = kept = 0
        for ids in pages(changes.own, self._rules.batch_size):
            written, kept = _sums((written, kept), self._send(name, ids))
        for ids in pages(changes.theirs, self._rules.batch_size):
            there = {models.normalize_id(each.id) for each in self._found(name, ids, False)}
            written, kept = _sums((written, kept), self._send(name, [each for each in ids if each not in there]))
        for ids in pages(changes.deleted, self._rules.batch_size):
            self._receiver.delete(name, ids)
        n_deleted, extra = len(changes.deleted), 0
        if self._rules.mirror or not changes.has_all_deletions:
            extra = self._compare_ids(name)
            if self._rules.mirror:
                n_deleted, extra = n_deleted + extra, 0
        self._mark(name, token, changes, changed=written + n_deleted > 0)
        full = changes.served is None or not changes.has_all_deletions
        return CollectionSync(name, written, n_deleted, kept, extra, full, time.perf_counter() - began)

    def _token(self, name: str) -> str | None:
        """What was left in the collection there, which is made when it is missing."""
        if not self._target.collection_exists(name):
            _make(self._source, self._target, name)
            return None
        return _NAMED if self._rules.name is not None else _metadata(self._target, name).get(self._key)

    def _send(self, name: str, ids: list[PointId]) -> tuple[int, int]:
        """Points as they are now; how many were written, and how many are newer there."""
        with self._database.snapshot(name) as snapshot:
            reader = _reader(snapshot)
            rows = [row for row in map(reader.row_of, ids) if row is not None]
            records = reader.records(rows, True, True)
        n_found = len(records)
        if self._rules.newest_by is not None and records:
            fields = [self._rules.newest_by]
            there = {models.normalize_id(each.id): each.payload for each in self._found(name, ids, fields)}
            records = [
                each for each in records if each.id not in there or not self._rules.keeps(there[each.id], each.payload)
            ]
        if records:
            self._receiver.upsert(name, [own_point(record) for record in records])
        return len(records), n_found - len(records)

    def _found(self, name: str, ids: list[PointId], with_payload: Any) -> Any:
        return self._target.retrieve(name, ids, with_payload=with_payload, with_vectors=False)

    def _compare_ids(self, name: str) -> int:
        """How many points only the receiver has; a mirror deletes them."""
        n_extra, limit = 0, 4 * self._rules.batch_size
        for page in _pages(self._target, name, limit, with_payload=False, with_vectors=False):
            ids = [models.normalize_id(each.id) for each in page]
            with self._database.snapshot(name) as snapshot:
                reader = _reader(snapshot)
                extra = [each for each in ids if reader.row_of(each) is None]
            if extra and self._rules.mirror:
                self._receiver.delete(name, extra)
            n_extra += len(extra)
        return n_extra

    def _mark(self, name: str, token: str | None, changes: _Changes, *, changed: bool) -> None:
        """Note how far the peer is served: first here, then there."""
        if not changed and changes.served == changes.seq:
            return
        is_named = self._rules.name is not None
        is_new = not is_named and (changed or changes.served is None)
        new = uuid4().hex if is_new else token or _NAMED

        def note(txn: WriteTransaction, collection: Collection) -> None:
            peer = meet_peer(txn, collection.number, self._identity, changes.seq)
            peer.serve(new, changes.seq, token)
            put_peer(txn, collection.number, self._identity, peer)
            forget_served(txn, collection.number)

        self._database.remember(name, note)
        if is_new:
            self._target.update_collection(name, metadata={self._key: new})


@dataclass(frozen=True)
class _Changes:
    """What a peer has not been told of, as of operation `seq`."""

    seq: int
    served: int | None
    own: list[PointId]
    theirs: list[PointId]
    """Points that came from the peer and are unchanged since; of a stranger only."""
    deleted: list[PointId]
    has_all_deletions: bool


def _changes(database: Database, name: str, identity: str, token: str | None) -> _Changes:
    with database.snapshot(name) as snapshot:
        number, view, txn, reader = snapshot.collection.number, snapshot.view, snapshot.txn, _reader(snapshot)
        peer, since = find_peer(txn, number, identity) or Peer(view.seq), kept_since(txn, number)
        served = peer.served(token)
        rows, versions = view.rows, reader.versions_of(view.rows)
        came = peer.has_sent(versions)
        is_new = versions >= np.uint64(served or 0)
        theirs = rows[came] if served is None else rows[:0]
        gone: dict[PointId, None] = {}
        start = max(served or 0, peer.met)
        if served is not None or peer.received:
            told = list(deleted(txn, number, start))
            came_deleted = peer.has_sent(np.array([seq for seq, _ in told], np.uint64))
            for (_, ids), is_theirs in zip(told, came_deleted, strict=True):
                if not is_theirs:
                    gone.update((each, None) for each in ids if reader.row_of(each) is None)
        reaches = served is None or (since is not None and since <= start)
        own = view.ids_of(rows[is_new & ~came])
        return _Changes(view.seq, served, own, view.ids_of(theirs), list(gone), reaches)


class _Reading:
    """From any client, page by page, into a store."""

    def __init__(self, source: Any, target: QdrantClient, identity: str, rules: Rules) -> None:
        self._source = source
        self._target = target
        self._database = target._database
        self._receiver = _Receiver(target, identity)
        self._identity = identity
        self._rules = rules
        self._key = _TOKENS + self._database.identity()

    def run(self, name: str) -> CollectionSync:
        began = time.perf_counter()
        if not self._target.collection_exists(name):
            _make(self._source, self._target, name)
        peer, token = _met(self._database, name, self._identity), self._token(name)
        served = peer.served(token)
        here = self._here(name, peer, served)
        written = kept = 0
        for page in _pages(self._source, name, self._rules.batch_size, with_payload=True, with_vectors=True):
            there = {models.normalize_id(record.id): record for record in page}
            for each in there:
                here.pop(each, None)
            written, kept = _sums((written, kept), self._write(name, there))
        n_deleted = sum(self._delete(name, ids, here) for ids in pages(list(here), self._rules.batch_size))
        if served is None:
            self._leave_token(name)
        return CollectionSync(name, written, n_deleted, kept, 0, True, time.perf_counter() - began)

    def _token(self, name: str) -> str | None:
        return _NAMED if self._rules.name is not None else _metadata(self._source, name).get(self._key)

    def _here(self, name: str, peer: Peer, served: int | None) -> dict[PointId, int]:
        """Points, with their versions, that were deleted there if they are not there now."""
        if served is None and not self._rules.mirror:
            return {}
        with self._database.snapshot(name) as snapshot:
            versions = _reader(snapshot).versions_of(snapshot.view.rows)
            known = peer.has_sent(versions) | (versions < np.uint64(served or 0)) | self._rules.mirror
            ids = snapshot.view.ids_of(snapshot.view.rows[known])
        return dict(zip(ids, versions[known].tolist(), strict=True))

    def _write(self, name: str, there: dict[PointId, Any]) -> tuple[int, int]:
        """What differs; how many points were written, and how many are newer here."""
        with self._database.snapshot(name) as snapshot:
            reader = _reader(snapshot)
            rows = [row for row in map(reader.row_of, there) if row is not None]
            here = {record.id: record for record in reader.records(rows, True, True)}
            same = Sameness(snapshot.view.fields.values())
        different, kept = [], 0
        for each, record in there.items():
            own = here.get(each)
            if own is None or not same(own, record):
                is_newer = own is not None and self._rules.keeps(own.payload, record.payload)
                kept += is_newer
                if not is_newer:
                    different.append(own_point(record))
        if different:
            self._receiver.upsert(name, different)
        return len(different), kept

    def _delete(self, name: str, ids: list[PointId], here: dict[PointId, int]) -> int:
        """Those that are really not there (pages are no snapshot), and that nobody has changed here meanwhile."""
        found = self._source.retrieve(name, ids, with_payload=False, with_vectors=False)
        there = {models.normalize_id(each.id) for each in found}
        with self._database.snapshot(name) as snapshot:
            reader = _reader(snapshot)
            rows = {each: row for each in ids if each not in there and (row := reader.row_of(each)) is not None}
            versions = reader.versions_of(np.array(list(rows.values()), np.uint32))
        missing = [each for each, version in zip(rows, versions, strict=True) if version == here[each]]
        if missing:
            self._receiver.delete(name, missing)
        return len(missing)

    def _leave_token(self, name: str) -> None:
        """Know the source again, if it may be written to; nothing of this store has been pushed there yet."""
        new = _NAMED if self._rules.name is not None else uuid4().hex

        def note(txn: WriteTransaction, collection: Collection) -> None:
            peer = meet_peer(txn, collection.number, self._identity, collection.staged_view(txn).seq)
            peer.serve(new, 0, None)
            put_peer(txn, collection.number, self._identity, peer)

        self._database.remember(name, note)
        if self._rules.name is None:
            _try_metadata(self._source, name, {self._key: new})


def _met(database: Database, name: str, identity: str) -> Peer:
    """What is known of a peer, for whom deletions are kept from now on."""
    with database.snapshot(name) as snapshot:
        number = snapshot.collection.number
        peer = find_peer(snapshot.txn, number, identity)
        if peer is not None and kept_since(snapshot.txn, number) is not None:
            return peer

    def meet(txn: WriteTransaction, collection: Collection) -> Peer:
        return meet_peer(txn, collection.number, identity, collection.staged_view(txn).seq)

    return database.remember(name, meet)


def _reader(snapshot: Snapshot) -> PointReader:
    return PointReader(snapshot.collection, snapshot.view, snapshot.txn)


def _plain(client: Any) -> Any:
    """The synchronous client inside minidb's asynchronous one. Raises `BadRequest` for what is no such client."""
    from minidb.aio import AsyncQdrantClient

    if isinstance(client, AsyncQdrantClient):
        return vars(client)["_sync"]
    if not hasattr(client, "get_collections") or type(client).__name__.startswith("Async"):
        raise BadRequest(f"expected a client of minidb or a synchronous one of qdrant-client, got {client!r}")
    return client


def _identity(client: Any, rules: Rules) -> str:
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


def _metadata(client: Any, name: str) -> dict[str, Any]:
    return dict(getattr(client.get_collection(name).config, "metadata", None) or {})


def _try_metadata(client: Any, name: str, metadata: dict[str, Any]) -> None:
    """Raises what is no refusal."""
    refusals: tuple[type[Exception], ...] = (MinidbError,)
    if type(client).__module__.startswith("qdrant_client"):
        refusals += (import_module("qdrant_client.http.exceptions").UnexpectedResponse,)
    try:
        client.update_collection(name, metadata=metadata)
    except refusals as error:
        if getattr(error, "status_code", None) not in (401, 403):
            raise


def _make(source: Any, target: Any, name: str) -> None:
    """A collection that is missing, with all the settings, payload indexes and aliases it has at the source."""
    here, there = ClientEnd(source), ClientEnd(target)
    info = here.info(name)
    there.create(name, settings.creation(info))
    for field, schema in settings.index_schemas(info).items():
        there.create_index(name, field, schema)
    if body := settings.completion(info):
        there.update(name, body)
    _set_aliases(name, here, there)


def _set_aliases(name: str, here: ClientEnd, there: ClientEnd) -> None:
    """Give a collection that was made the aliases it has, but for those that mean something else there."""
    taken = {*there.aliases(), *there.collections()}
    for alias, meant in here.aliases().items():
        if meant == name and alias not in taken:
            there.create_alias(name, alias)


def _pages(client: Any, name: str, limit: int, **wanted: bool) -> Iterator[list[Any]]:
    offset: Any = None
    while True:
        page, offset = client.scroll(name, limit=limit, offset=offset, **wanted)
        if page:
            yield page
        if offset is None:
            return


def _sums(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    return left[0] + right[0], left[1] + right[1]
