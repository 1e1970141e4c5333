"""One collection: its published view, how readers get a consistent one, how an operation is committed.

Readers take a `Snapshot` (a view and a read transaction of the same commit); writers run a function on a `Draft`. What
other processes committed is replayed from the operation log at the next call. Derived data (graphs, postings) hangs on
`indexes` and is never needed for correctness.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from minidb.collection.config import StoredConfig
from minidb.collection.declared import index_key, schema_type
from minidb.collection.draft import Draft
from minidb.collection.indexes import Indexes
from minidb.collection.known_records import KnownRecords
from minidb.collection.rate import RateLimiter
from minidb.collection.sync_state import erase_sync_state
from minidb.collection.view import KnownVersions, PayloadChange, View, empty_view
from minidb.errors import CorruptionError, NotFound
from minidb.filter.answers import PayloadAnswers
from minidb.storage.interface import ReadTransaction, Store, WriteTransaction
from minidb.storage.records import Head, LogEntry, row_key, seq_key, space_range, unpack_record
from minidb.storage.spaces import erase_space

if TYPE_CHECKING:
    from minidb.collection.reads import PointReader
    from minidb.filter.index_key import TextSettings
    from minidb.filter.json_path import JsonPath

T = TypeVar("T")


class Snapshot:
    """A view and a read transaction that show the same commit."""

    __slots__ = ("collection", "txn", "view")

    def __init__(self, collection: Collection, view: View, txn: ReadTransaction) -> None:
        self.collection = collection
        self.view = view
        self.txn = txn


class Taking:
    """`with Taking(store, find) as snapshot:`; as `storage.reading`, it gives back what it has at the end of its life.

    `find` says which collection is meant, given the transaction: names may have been given away since the last call.
    """

    __slots__ = ("_find", "_reading", "_store")

    def __init__(self, store: Store, find: Callable[[ReadTransaction], Collection]) -> None:
        self._store = store
        self._find = find

    def __enter__(self) -> Snapshot:
        while True:
            self._reading = self._store.read()
            txn = self._reading.__enter__()
            try:
                collection = self._find(txn)
                published, known = collection.published
                view = published if txn.txn_id == known else collection.catch_up(txn)
            except BaseException as error:
                self._reading.__exit__(type(error), error, error.__traceback__)
                raise
            if view is not None:
                return Snapshot(collection, view, txn)
            self._reading.__exit__(None, None, None)  # a newer commit was published meanwhile: look again

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._reading.__exit__(kind, error, tb)


def snapshot_of(collection: Collection) -> Taking:
    """A snapshot of a collection that is known already. Raises `NotFound` where it has been deleted."""

    def find(txn: ReadTransaction) -> Collection:
        if txn.get("meta", collection.head_key) is None:  # by the commit that is published, where writers shared it
            raise collection.not_found()
        return collection

    return Taking(collection.store, find)


class Collection:
    """State of one collection in this process. Made and kept by `Database`."""

    def __init__(self, store: Store, number: int, name: str) -> None:
        self.store = store
        self.number = number
        self.name = name
        self.config: StoredConfig
        self.head_key = head_key(number)
        self.published: tuple[View, int] = (empty_view({}, 0, -1), -1)
        self._publishing = threading.Lock()
        self.answers = PayloadAnswers()
        self.known_records = KnownRecords()
        self._indexes = Indexes(0, store.path)
        self.seen_by_indexer = False
        self.next_check = 0
        """Number of rows at which the indexer looks at this collection again."""
        self.index_error: str | None = None
        self._payload_bytes = (-1, 0)
        self.versions: KnownVersions | None = None
        """Of the newest state that was asked for changes."""
        self.read_rate, self.write_rate = RateLimiter(), RateLimiter()
        self._text_settings: tuple[StoredConfig | None, dict[JsonPath, TextSettings]] = (None, {})
        self._uuid_paths: tuple[StoredConfig | None, set[JsonPath]] = (None, set())

    def text_settings(self, path: JsonPath) -> TextSettings | None:
        """The text index declared for a path."""
        known, settings = self._text_settings
        if known is not self.config:
            declared = self.config.payload_schema.items()
            keys = [index_key(key, schema) for key, schema in declared if schema_type(schema) == "text"]
            settings = {key.path: key.text for key in keys if key.text is not None}
            self._text_settings = (self.config, settings)
        return settings.get(path)

    def has_uuids(self, path: JsonPath) -> bool:
        """Whether a uuid index is declared for a path."""
        known, paths = self._uuid_paths
        if known is not self.config:
            declared = self.config.payload_schema.items()
            paths = {index_key(key, schema).path for key, schema in declared if schema_type(schema) == "uuid"}
            self._uuid_paths = (self.config, paths)
        return path in paths

    def payload_bytes(self, reader: PointReader) -> int:
        """About how many bytes the payloads take; counted again once the collection has changed by a percent."""
        view, (known, seq) = reader.view, self._payload_bytes
        if known < 0 or abs(view.seq - seq) > view.n_rows // 100:
            known = sum(len(record.payload) for record in reader.records_of(view.rows.tolist()))
            self._payload_bytes = (known, view.seq)
        return known

    def indexes_for(self, view: View) -> Indexes:
        """The derived data of the view's generation."""
        indexes = self._indexes
        if indexes.space != view.space:
            indexes = self._indexes = Indexes(view.space, self.store.path)
            self.answers.forget()
        return indexes

    def begin(self, txn: WriteTransaction, config: StoredConfig, view: View) -> None:
        """Take what this transaction has stored of a new collection; nobody may know it before the commit."""
        self.config = config
        self.published = (view, txn.txn_id)

    def write(self, txn: WriteTransaction, operation: Callable[[Draft], T]) -> tuple[T, int]:
        """Run one operation inside a write transaction; what it returned and its operation id."""
        view = self.staged_view(txn)
        draft = Draft(self, txn, view)
        result = operation(draft)
        self._stage(txn, draft.finish())
        return result, view.seq

    def staged_view(self, txn: WriteTransaction) -> View:
        """The state inside a write transaction: what others who share it have done is in it."""
        view: View | None = txn.staged.get(self.number)
        if view is None:
            with self._publishing:
                view = self._replayed(txn, self.published[0])
        return view

    def _stage(self, txn: WriteTransaction, view: View) -> None:
        """Make `view` the state of the transaction, and publish it with its commit.

        Only for a transaction that has written: an empty one gets no number of its own.
        """
        if self.number not in txn.staged:
            txn.on_commit(lambda: self._publish(txn))
        txn.staged[self.number] = view

    def staged_config(self, txn: WriteTransaction) -> StoredConfig:
        """The configuration inside a write transaction."""
        self.staged_view(txn)  # loads the newest
        config: StoredConfig = txn.staged.get((self.number, "config"), self.config)
        return config

    def switch_space(self, txn: WriteTransaction, head: Head, view: View) -> None:
        """Make another generation, already written, the collection's."""
        txn.put("meta", self.head_key, head.pack())
        self._stage(txn, view)

    def replace_config(self, txn: WriteTransaction, config: StoredConfig) -> int:
        """Store another configuration, under an operation number of its own, which is returned."""
        view = self.staged_view(txn)
        version = view.config_version + 1
        packed = config.pack()
        config = StoredConfig.unpack(packed)  # the request's objects may yet be changed
        txn.put("meta", config_key(self.number), packed)
        draft = Draft(self, txn, replace(view, fields=config.fields(), config_version=version))
        self._stage(txn, draft.finish())
        txn.staged[self.number, "config"] = config
        return view.seq

    def catch_up(self, txn: ReadTransaction) -> View | None:
        """The view of the commit `txn` shows, replaying what others wrote; None when `txn` is already too old."""
        with self._publishing:
            view, known = self.published
            if txn.txn_id < known:
                return None
            if txn.txn_id > known:
                view = self._replayed(txn, view)
                self.published = (view, txn.txn_id)
            return view

    def _publish(self, txn: WriteTransaction) -> None:
        with self._publishing:
            config = txn.staged.get((self.number, "config"))
            if config is not None:
                self._use(config)
            if txn.txn_id > self.published[1]:  # a reader may already have replayed this commit and later ones
                self.published = (txn.staged[self.number], txn.txn_id)

    def not_found(self) -> NotFound:
        return NotFound(f"Collection `{self.name}` doesn't exist!")

    def _use(self, config: StoredConfig) -> None:
        self.config = config
        self._indexes.keep_only(config.slots.values())

    def _replayed(self, txn: ReadTransaction, view: View) -> View:
        data = txn.get("meta", self.head_key)
        if data is None:
            raise self.not_found()
        head = Head.unpack(data)
        if head.config_version != view.config_version or head.space != view.space:
            self._use(StoredConfig.unpack(txn.get("meta", config_key(self.number)) or b""))
            fields = self.config.fields()
            if head.space != view.space:
                view = empty_view(fields, head.space, head.config_version)
            else:
                view = replace(view, fields=fields, config_version=head.config_version)
        if view.seq == head.seq:
            return view
        return self._replay_log(txn, view, head)

    def _replay_log(self, txn: ReadTransaction, view: View, head: Head) -> View:
        """Apply what the log says happened since `view`; read the records of rows that are new."""
        if not view.n_rows:
            checkpointed = self.indexes_for(view).load_view(txn, view)
            if checkpointed.seq <= head.seq and checkpointed.n_rows <= head.n_rows:
                view = checkpointed
        entries = [LogEntry.unpack(data) for _, data in txn.scan("oplog", *log_range(view.space, view.seq, head.seq))]
        if len(entries) < head.seq - view.seq:  # the log was cut: start over from the records
            view = replace(empty_view(view.fields, view.space, view.config_version), known_since=head.seq)
            entries = []
        columns = view.columns.with_capacity(head.n_rows)
        last_change = view.last_change
        for seq, entry in enumerate(entries, view.seq):
            if len(entry.changed):
                columns.rewritten[entry.changed] = True
                last_change = PayloadChange.after(last_change, seq, entry.changed)
        ids, slots, versions, rows = [], [], [], []
        for key, data in txn.scan("records", row_key(view.space, view.n_rows), space_range(view.space)[1]):
            record = unpack_record(data)
            rows.append(int.from_bytes(key[4:], "big"))
            ids.append(record.id)
            slots.append(record.slots)
            versions.append(record.version)
        n_new = head.n_rows - view.n_rows
        living = np.zeros(n_new, bool)
        living[np.array(rows, np.int64) - view.n_rows] = True
        if len(rows) == n_new:
            columns.put_many(view.n_rows, ids, slots, versions)
        else:
            for row, point_id, mask, version in zip(rows, ids, slots, versions, strict=True):
                columns.put_many(row, [point_id], [mask], version)
        gone = [entry.removed[entry.removed < view.n_rows] for entry in entries if len(entry.removed)]
        fresh_dead = (np.flatnonzero(~living) + view.n_rows).astype(np.uint32)
        removed = np.concatenate([*gone, fresh_dead])
        return view.advanced(
            seq=head.seq, removed=removed, columns=columns, n_rows=head.n_rows, n_tokens=head.n_tokens,
            last_change=last_change,
        )  # fmt: skip

    def corrupt_row(self, txn: ReadTransaction, view: View, file: str, row: int) -> CorruptionError:
        """The error for a row whose bytes are damaged, naming the point it belongs to."""
        data = txn.get("records", row_key(view.space, row))
        owner = f"point {unpack_record(data).id}" if data is not None else f"row {row}"
        return CorruptionError(f"{file}: the vector of {owner} in collection `{self.name}` does not match its checksum")


def erase(store: Store, txn: WriteTransaction, number: int) -> bool:
    """Delete all that is stored of a collection. False where `spaces.clean` has to go on with it."""
    head = Head.unpack(txn.get("meta", head_key(number)) or Head(0).pack())
    txn.delete("meta", head_key(number))
    txn.delete("meta", config_key(number))
    erase_sync_state(txn, number)
    return erase_space(store, txn, head.space)


def head_key(number: int) -> bytes:
    return b"head" + number.to_bytes(4, "big")


def config_key(number: int) -> bytes:
    return b"config" + number.to_bytes(4, "big")


def log_range(space: int, start: int, stop: int) -> tuple[bytes, bytes]:
    """Bounds of the operation log from operation `start` to before `stop`."""
    return seq_key(space, start), seq_key(space, stop)
