"""Into a store, from any client: by its log where it has one, else page by page."""

from __future__ import annotations

import time
from functools import partial
from typing import Any
from uuid import uuid4

import numpy as np

from minidb import models
from minidb.client import QdrantClient
from minidb.client.sync import log
from minidb.client.sync.peers import NAMED, make, met, metadata_of, reader_of, scrolled, try_metadata
from minidb.client.sync.receiving import Receiver
from minidb.client.sync.report import CollectionSync, Counts
from minidb.client.sync.rules import Rules
from minidb.client.sync.settings import Side, carry
from minidb.collection.collection import Collection
from minidb.collection.sync_state import (
    Followed,
    Peer,
    among,
    find_followed,
    meet_peer,
    put_followed,
    put_peer,
)
from minidb.migration import checksums
from minidb.migration.clients import ClientEnd, json_point
from minidb.migration.ends import Json
from minidb.migration.paging import pages
from minidb.migration.settings import TOKENS
from minidb.models.results import with_lists
from minidb.storage.interface import WriteTransaction
from minidb.storage.records import PointId


class Reading:
    """What has changed at a source comes into a store.

    Args:
        identity: what is noted of the source is noted under this.
    """

    def __init__(self, source: Any, target: QdrantClient, identity: str, rules: Rules) -> None:
        self._source = source
        self._target = target
        self._identity = identity
        self._rules = rules

    def run(self, name: str) -> CollectionSync:
        began = time.perf_counter()
        if not self._target.collection_exists(name):
            make(self._source, self._target, name)
        collection = _Collection(self._source, self._target, name, self._identity, self._rules)
        is_full, counts = collection.run(), collection.counts
        seconds = time.perf_counter() - began
        return CollectionSync(name, counts.written, counts.deleted, counts.kept, 0, is_full, seconds, collection.unheld)


class _Collection:
    """One collection on its way."""

    def __init__(self, source: Any, target: QdrantClient, name: str, identity: str, rules: Rules) -> None:
        self.counts = Counts()
        self.unheld: tuple[str, ...] = ()
        self._source = source
        self._database = target._database
        self._name = name
        self._receiver = Receiver(target, identity)
        self._identity = identity
        self._rules = rules
        self._rounding: dict[str, float] = {}
        self._peer = met(self._database, name, identity)

    def run(self) -> bool:
        """Whether all of it was looked at."""
        with self._database.snapshot(self._name) as snapshot:
            followed = find_followed(snapshot.txn, snapshot.collection.number, self._identity)
        page = self._page(followed)
        if page is not None and page.continued:
            assert followed is not None
            self._carry(is_known=True)
            return self._follow(followed, page)
        self._read_all(page)
        return True

    def _carry(self, *, is_known: bool) -> None:
        """Settings come before the points: there may be vectors among them."""
        source = Side(ClientEnd(self._source), None, "")
        self.unheld = carry(self._name, source, self._receiver.side, is_known=is_known)
        self._rounding = checksums.rounding(self._receiver.side.end.info(self._name))

    # By the log

    def _page(self, followed: Followed | None) -> log.Page | None:
        sent = {} if followed is None else followed.sent
        return log.changes(self._source, self._name, followed, sent, self._rules.batch_size)

    def _follow(self, followed: Followed, page: log.Page) -> bool:
        """Take in a log's pages, up to what was its end at the first; whether ids had to be compared."""
        end, compared = page.head, 0
        while True:
            if page.deletions_since > max(followed.seq, compared):  # before the cursor moves on
                self._compare_ids()
                compared = page.head
            following = page.followed
            following.sent = followed.sent_from(following.seq)
            if following != followed:
                self._take(page)
            followed = following
            if followed.seq >= end:
                break
            next_page = self._page(followed)
            if next_page is None or not next_page.continued:
                self._read_all(next_page)
                return True
            page = next_page
        if self._rules.mirror:
            self._compare_ids()
        return compared > 0 or self._rules.mirror

    def _take(self, page: log.Page) -> None:
        """Write what a page has, and in the same commit where the next one begins."""
        different = self._differing(page.points)
        with self._database.snapshot(self._name) as snapshot:
            reader = reader_of(snapshot)
            gone = [each for each in map(models.normalize_id, page.deleted) if reader.row_of(each) is not None]
        note = partial(self._keep, page.followed)
        if different or gone:
            self._receiver.write(self._name, different, gone, note)
        else:
            self._database.remember(self._name, note)
        self.counts.written += len(different)
        self.counts.deleted += len(gone)

    def _keep(self, cursor: Followed, txn: WriteTransaction, collection: Collection) -> None:
        """How far the log has been followed; of what was sent there, what is not past stays known."""
        known = find_followed(txn, collection.number, self._identity)
        cursor.sent = {} if known is None else known.sent_from(cursor.seq)
        put_followed(txn, collection.number, self._identity, cursor)

    # Page by page

    def _read_all(self, start: log.Page | None) -> None:
        """Compare all there is.

        Args:
            start: of a log that was asked before, and is followed from there the next time.
        """
        served = self._peer.served(self._token())
        self._carry(is_known=served is not None)
        here = self._known(served) if served is not None or self._rules.mirror else {}
        for page in scrolled(self._source, self._name, self._rules.batch_size, with_payload=True, with_vectors=True):
            there = {models.normalize_id(record.id): json_point(record) for record in page}
            for each in there:
                here.pop(each, None)
            if different := self._differing(there):
                self._receiver.write(self._name, different, [])
                self.counts.written += len(different)
        self._delete(here)
        if start is not None:
            self._database.remember(self._name, partial(self._keep, start.followed))
        elif served is None:
            self._leave_token()

    def _compare_ids(self) -> None:
        """Delete what is known to have been there, and is not any more."""
        here = self._known(self._peer.served(self._token()))
        for page in scrolled(self._source, self._name, 1000, with_payload=False, with_vectors=False):
            for record in page:
                here.pop(models.normalize_id(record.id), None)
        self._delete(here)

    def _known(self, served: int | None) -> dict[PointId, int]:
        """Points, with their versions, that were deleted there if they are not there now."""
        with self._database.snapshot(self._name) as snapshot:
            versions = reader_of(snapshot).versions_of(snapshot.view.rows)
            known = among(self._peer.received, versions) | (versions < np.uint64(served or 0)) | self._rules.mirror
            ids = snapshot.view.ids_of(snapshot.view.rows[known])
        return dict(zip(ids, versions[known].tolist(), strict=True))

    def _delete(self, here: dict[PointId, int]) -> None:
        """Those that are really not there (pages are no snapshot), and that nobody has changed here meanwhile."""
        for ids in pages(list(here), self._rules.batch_size):
            found = self._source.retrieve(self._name, ids, with_payload=False, with_vectors=False)
            there = {models.normalize_id(each.id) for each in found}
            with self._database.snapshot(self._name) as snapshot:
                reader = reader_of(snapshot)
                rows = {each: row for each in ids if each not in there and (row := reader.row_of(each)) is not None}
                versions = reader.versions_of(np.array(list(rows.values()), np.uint32))
            missing = [each for each, version in zip(rows, versions, strict=True) if version == here[each]]
            if missing:
                self._receiver.write(self._name, [], missing)
                self.counts.deleted += len(missing)

    def _differing(self, there: dict[PointId, Json]) -> list[Json]:
        """Points that are not the same here, but for those that are newer here."""
        with self._database.snapshot(self._name) as snapshot:
            reader = reader_of(snapshot)
            rows = [row for row in map(reader.row_of, there) if row is not None]
            here = {record.id: json_point(record) for record in with_lists(reader.records(rows, True, True))}
        different = []
        for each, point in there.items():
            own = here.get(each)
            if own is not None and checksums.same(own, point, self._rounding):
                continue
            if own is not None and self._rules.keeps(own["payload"], point.get("payload")):
                self.counts.kept += 1
            else:
                different.append(point)
        return different

    # The token

    @property
    def _key(self) -> str:
        return TOKENS + self._database.identity()

    def _token(self) -> str | None:
        return NAMED if self._rules.name is not None else metadata_of(self._source, self._name).get(self._key)

    def _leave_token(self) -> None:
        """Know the source again, if it may be written to; nothing of this store has been pushed there yet."""
        new = NAMED if self._rules.name is not None else uuid4().hex

        def note(txn: WriteTransaction, collection: Collection) -> None:
            peer: Peer = meet_peer(txn, collection.number, self._identity, collection.staged_view(txn).seq)
            peer.serve(new, 0, None)
            put_peer(txn, collection.number, self._identity, peer)

        self._database.remember(self._name, note)
        if self._rules.name is None:
            try_metadata(self._source, self._name, {self._key: new})
