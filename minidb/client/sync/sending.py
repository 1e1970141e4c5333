"""From a store, by its log, to any client."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

from minidb import models
from minidb.client import QdrantClient
from minidb.client.sync import log
from minidb.client.sync.peers import NAMED, make, met, metadata_of, reader_of, scrolled
from minidb.client.sync.receiving import Receiver
from minidb.client.sync.report import CollectionSync, Counts
from minidb.client.sync.rules import Rules
from minidb.client.sync.settings import Side, carry
from minidb.collection.changes import written_since
from minidb.collection.collection import Collection
from minidb.collection.sync_state import (
    Followed,
    Peer,
    among,
    deleted,
    find_followed,
    find_peer,
    forget_served,
    kept_since,
    meet_peer,
    put_followed,
    put_peer,
)
from minidb.database import Database
from minidb.migration.clients import ClientEnd, json_point
from minidb.migration.ends import Json
from minidb.migration.paging import pages
from minidb.migration.settings import TOKENS
from minidb.models.results import with_lists
from minidb.storage.interface import WriteTransaction
from minidb.storage.records import PointId


class Sending:
    """What has changed in a store goes to a receiver.

    Args:
        here: the sending store's identity.
        identity: what is noted of the receiver is noted under this.
    """

    def __init__(self, source: QdrantClient, here: str, receiver: Receiver, identity: str, rules: Rules) -> None:
        self._source = source
        self._database = source._database
        self._receiver = receiver
        self._target = receiver.client
        self._identity = identity
        self._rules = rules
        self._key = TOKENS + here
        self._logs: dict[str, str | None] = {}
        self._side = Side(ClientEnd(source), source._database, identity)

    def run(self, name: str) -> CollectionSync:
        began = time.perf_counter()
        token = self._token(name)
        met(self._database, name, self._identity)
        changes = _changes(self._database, name, self._identity, token)
        is_known = changes.served is not None or self._log(name) is not None
        unheld = carry(name, self._side, self._receiver.side, is_known=is_known)
        counts = Counts()
        for ids in pages(changes.own, self._rules.batch_size):
            self._send(name, ids, counts)
        for ids in pages(self._perhaps_lost(name, changes.theirs), self._rules.batch_size):
            there = {models.normalize_id(each.id) for each in self._found(name, ids, False)}
            self._send(name, [each for each in ids if each not in there], counts)
        for ids in pages(changes.deleted, self._rules.batch_size):
            self._write(name, [], ids)
            counts.deleted += len(ids)
        extra = 0
        if self._rules.mirror or not changes.has_all_deletions:
            extra = self._compare_ids(name)
            if self._rules.mirror:
                counts.deleted, extra = counts.deleted + extra, 0
        self._mark(name, token, changes, changed=counts.written + counts.deleted > 0)
        full = changes.served is None or not changes.has_all_deletions
        seconds = time.perf_counter() - began
        return CollectionSync(name, counts.written, counts.deleted, counts.kept, extra, full, seconds, unheld)

    def _token(self, name: str) -> str | None:
        """What was left in the collection there, which is made when it is missing."""
        if not self._target.collection_exists(name):
            make(self._source, self._target, name)
            return None
        return NAMED if self._rules.name is not None else metadata_of(self._target, name).get(self._key)

    def _perhaps_lost(self, name: str, theirs: list[PointId]) -> list[PointId]:
        """Points that came from there and were not deleted there since: one that is missing was lost."""
        if not theirs:
            return []
        gone = self._receiver.deleted(name) | self._deleted_by_log(name)
        return [each for each in theirs if each not in gone]

    def _deleted_by_log(self, name: str) -> set[PointId]:
        """What the log there says was deleted since it was last followed; nothing where there is none."""
        gone: set[PointId] = set()
        followed, end = self._followed(name), None
        while followed is not None and (end is None or followed.seq < end):
            page = log.changes(self._target, name, followed, {}, self._rules.batch_size)
            if page is None or not page.continued:
                break
            gone.update(map(models.normalize_id, page.deleted))
            followed, end = page.followed, page.head if end is None else end
        return gone

    def _log(self, name: str) -> str | None:
        """The name of the log there, if it is one that is followed by pulls."""
        if name not in self._logs:
            followed = self._followed(name)
            page = None if followed is None else log.changes(self._target, name, followed, {}, 1)
            self._logs[name] = page.log if page is not None and page.continued else None
        return self._logs[name]

    def _followed(self, name: str) -> Followed | None:
        with self._database.snapshot(name) as snapshot:
            return find_followed(snapshot.txn, snapshot.collection.number, self._identity)

    def _write(self, name: str, points: list[Json], gone: list[PointId]) -> None:
        """Where the other side has a log that is followed, the numbers this got there: it is not to come back.

        The log's name was asked for before: if what is written now is lost there, and others take its numbers, these
        are of a later name.
        """
        log_name = self._log(name)
        numbers = self._receiver.write(name, points, gone)
        if log_name is None:
            return

        def note(txn: WriteTransaction, collection: Collection) -> None:
            followed = find_followed(txn, collection.number, self._identity)
            if followed is not None:
                followed.add_sent(log_name, numbers)
                put_followed(txn, collection.number, self._identity, followed)

        self._database.remember(name, note)

    def _send(self, name: str, ids: list[PointId], counts: Counts) -> None:
        """Points as they are now, but for those that are newer there."""
        with self._database.snapshot(name) as snapshot:
            reader = reader_of(snapshot)
            rows = [row for row in map(reader.row_of, ids) if row is not None]
            records = with_lists(reader.records(rows, True, True))
        n_found = len(records)
        if self._rules.newest_by is not None and records:
            fields = [self._rules.newest_by]
            there = {models.normalize_id(each.id): each.payload for each in self._found(name, ids, fields)}
            records = [
                each for each in records if each.id not in there or not self._rules.keeps(there[each.id], each.payload)
            ]
        counts.written += len(records)
        counts.kept += n_found - len(records)
        if records:
            self._write(name, list(map(json_point, records)), [])

    def _found(self, name: str, ids: list[PointId], with_payload: Any) -> Any:
        return self._target.retrieve(name, ids, with_payload=with_payload, with_vectors=False)

    def _compare_ids(self, name: str) -> int:
        """How many points only the receiver has; a mirror deletes them."""
        n_extra, limit = 0, 4 * self._rules.batch_size
        for page in scrolled(self._target, name, limit, with_payload=False, with_vectors=False):
            ids = [models.normalize_id(each.id) for each in page]
            with self._database.snapshot(name) as snapshot:
                reader = reader_of(snapshot)
                extra = [each for each in ids if reader.row_of(each) is None]
            if extra and self._rules.mirror:
                self._write(name, [], extra)
            n_extra += len(extra)
        return n_extra

    def _mark(self, name: str, token: str | None, changes: _Changes, *, changed: bool) -> None:
        """Note how far the peer is served: first here, then there."""
        if not changed and changes.served == changes.seq:
            return
        is_named = self._rules.name is not None
        is_new = not is_named and (changed or changes.served is None)
        new = uuid4().hex if is_new else token or NAMED

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
        number, view, txn, reader = snapshot.collection.number, snapshot.view, snapshot.txn, reader_of(snapshot)
        peer, since = find_peer(txn, number, identity) or Peer(view.seq), kept_since(txn, number)
        served = peer.served(token)
        rows, versions = written_since(reader, served or 0)
        came = among(peer.received, versions)
        theirs = rows[came] if served is None else rows[:0]
        gone: dict[PointId, None] = {}
        start = max(served or 0, peer.met)
        if served is not None or peer.received:
            told = list(deleted(txn, number, start))
            came_deleted = among(peer.received, np.array([seq for seq, _ in told], np.uint64))
            for (_, ids), is_theirs in zip(told, came_deleted, strict=True):
                if not is_theirs:
                    gone.update((each, None) for each in ids if reader.row_of(each) is None)
        reaches = served is None or (since is not None and since <= start)
        return _Changes(view.seq, served, view.ids_of(rows[~came]), view.ids_of(theirs), list(gone), reaches)
