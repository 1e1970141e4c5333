"""Spaces that no collection names: one being filled over several commits, one whose entries go over several.

A generation of a collection is written in steps, so that writers come in between, and named by one commit at the end.
Until then an entry in `meta` says that its space is being filled, and who fills it holds a lock that ends with the
process (`Store.hold_space`): what is found unlocked was left behind, and goes. A generation that is named no longer
loses its entries a few thousand at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from minidb.errors import MinidbError, ServiceError
from minidb.storage.interface import SPACE_TABLES, ReadTransaction, Store, Table, WriteTransaction
from minidb.storage.records import new_space, space_range

_KEY = b"unused"
_FILLING, _ERASING = b"filling", b"erasing"
_ENTRIES_PER_COMMIT = 4_000
_SMALL_TABLES: tuple[Table, ...] = ("wal", "checkpoints")
"""Gone with the commit that stops naming a space: they bring files back, or are asked for by their number."""
_PAUSE_S = 0.001
"""Between steps: a writer who waited goes first, which Python's locks do not see to."""


class Filling:
    """A new space that is filled in several transactions; `name` belongs into the last one."""

    def __init__(self, store: Store, space: int) -> None:
        self.space = space
        self.is_named = False
        self._store = store

    def check(self, txn: ReadTransaction) -> None:
        """Raises `ServiceError` where another process took the space for one left behind."""
        if txn.get("meta", _key(self.space)) != _FILLING:
            raise ServiceError("what was being written was removed by another process: try again")

    def name(self, txn: WriteTransaction) -> None:
        """From this transaction on a collection names the space."""
        self.check(txn)
        self._store.check_space(self.space)  # of rows that were written in transactions before
        txn.delete("meta", _key(self.space))

        def publish() -> None:
            self.is_named = True

        txn.on_commit(publish)


@contextmanager
def filling(store: Store) -> Iterator[Filling]:
    """A new space for the block; unless it is named in there, it is erased after it."""

    def begin(txn: WriteTransaction) -> int:
        space = new_space(txn)
        store.hold_space(space)  # in the transaction: others look at locks in theirs
        txn.put("meta", _key(space), _FILLING)
        return space

    space = Filling(store, store.write(begin))
    try:
        yield space
    finally:
        if space.is_named:
            store.let_go_of_space(space.space)
        else:
            with suppress(MinidbError):  # a full disk, a store that closes: who opens it next does this
                store.write(lambda txn: _erase_entries(txn, space.space))
            store.discard_space(space.space)


def erase_space(store: Store, txn: WriteTransaction, space: int) -> bool:
    """Delete a generation: nothing finds it after the commit, and its files go once no reader needs them.

    False where it had many entries, most of which are left for `clean`.
    """
    txn.on_commit(lambda: store.drop_space(space))
    return _erase_entries(txn, space)


def _erase_entries(txn: WriteTransaction, space: int) -> bool:
    for table in _SMALL_TABLES:
        txn.delete_range(table, *space_range(space))
    is_gone = _delete_some(txn, space)
    if is_gone:
        txn.delete("meta", _key(space))
    else:
        txn.put("meta", _key(space), _ERASING)
    return is_gone


def left_behind(txn: WriteTransaction, is_held: Callable[[int], bool]) -> list[int]:
    """Spaces somebody was filling who is gone."""
    return [space for space, state in _unused(txn) if state == _FILLING and not is_held(space)]


def being_filled(txn: ReadTransaction) -> set[int]:
    """Spaces that somebody fills, or has left behind."""
    return {space for space, state in _unused(txn) if state == _FILLING}


def has_erased(txn: ReadTransaction) -> bool:
    """Whether there is anything for `clean`."""
    return any(state == _ERASING for _, state in _unused(txn))


def clean(store: Store, go_on: Callable[[], None] = lambda: None) -> None:
    """Delete what is left of erased spaces, in steps. `go_on` is called before each, and may raise."""
    with store.read() as txn:
        is_needed = has_erased(txn)
    while is_needed:
        go_on()
        is_needed = store.write(_clean_some)
        pause()


def pause() -> None:
    """Between two steps of long work: whoever waits for the store has it first."""
    time.sleep(_PAUSE_S)


def _clean_some(txn: WriteTransaction) -> bool:
    """Whether there may be more."""
    space = next((space for space, state in _unused(txn) if state == _ERASING), None)
    if space is None:
        return False
    if _delete_some(txn, space):
        txn.delete("meta", _key(space))
    return True


def _delete_some(txn: WriteTransaction, space: int) -> bool:
    """Whether nothing is left."""
    most = _ENTRIES_PER_COMMIT
    for table in SPACE_TABLES:
        most -= txn.delete_range(table, *space_range(space), most)
    return most > 0


def _unused(txn: ReadTransaction) -> list[tuple[int, bytes]]:
    return [(int.from_bytes(key[-4:], "big"), state) for key, state in txn.scan("meta", _KEY, _KEY + b"\xff" * 5)]


def _key(space: int) -> bytes:
    return _KEY + space.to_bytes(4, "big")
