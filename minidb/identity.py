"""What tells a store from any other, and the log of one of its collections from any other log.

A name is given when it is first asked for, which is a write: ask before taking a snapshot, for whose end a writer in
memory waits. `push`, `pull` and those who follow a log over HTTP know a store by it.
"""

from __future__ import annotations

from uuid import uuid4

import msgpack

from minidb.collection.collection import Collection
from minidb.collection.eras import Log, begin_era, find_log, is_begun
from minidb.collection.sync_state import find_peer, meet_peer
from minidb.storage.interface import ReadTransaction, Store, WriteTransaction
from minidb.system import files

_KEY = b"identity"
_FOLLOWERS = ""
"""In place of a peer: whoever asks for changes. Nothing tells how many there are, or whether they come back."""


def identity(store: Store) -> str:
    """The store's name; a copy of its files has another."""
    return store.write(lambda txn: _given(txn, store))


def keep_identity(store: Store, known: str) -> None:
    """Of a store whose file is another one now, but which is still the same."""
    store.write(lambda txn: _put(txn, store, known))


def renew_identity(store: Store) -> None:
    """Another name, for one of two stores that have the same."""
    store.write(lambda txn: _put(txn, store, uuid4().hex))


def known_identity(txn: ReadTransaction, store: Store) -> str | None:
    """The name, where the store has one."""
    data = txn.get("meta", _KEY)
    known, file = ("", None) if data is None else msgpack.unpackb(data)
    return str(known) if file == _file_number(store) else None


def known_log(txn: ReadTransaction, collection: Collection) -> Log | None:
    """A collection's log, where it has a name and deletions are kept. A collection that was made anew, or restored from
    a snapshot, has another number, and so another log.

    While the store may be written, what is told is told under the name of its last opening: what is written from now
    on, and told to have been written, may be lost.
    """
    name, number, store = known_identity(txn, collection.store), collection.number, collection.store
    if name is None or find_peer(txn, number, _FOLLOWERS) is None:
        return None
    return find_log(txn, number, name) if store.read_only or is_begun(txn, number, store.opening) else None


def name_log(txn: WriteTransaction, collection: Collection) -> None:
    """Give the log a name, and keep deletions from now on."""
    _given(txn, collection.store)
    seq = collection.staged_view(txn).seq
    meet_peer(txn, collection.number, _FOLLOWERS, seq)
    begin_era(txn, collection.number, collection.store.opening, seq)


def _given(txn: WriteTransaction, store: Store) -> str:
    known = known_identity(txn, store)
    if known is None:
        known = uuid4().hex
        _put(txn, store, known)
    return known


def _put(txn: WriteTransaction, store: Store, known: str) -> None:
    txn.put("meta", _KEY, msgpack.packb((known, _file_number(store))))


def _file_number(store: Store) -> int:
    """A copy's is another."""
    if store.path is None:
        return 0
    try:
        return files.system.status(store.path / "data.mdb").st_ino
    except OSError as error:
        raise files.failure(error, f"could not look at the files of {store.path}") from error
