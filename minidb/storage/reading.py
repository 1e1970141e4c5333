"""`with store.read() as txn:` for every store."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Protocol, TypeVar

from minidb.storage.gate import PhaseFairGate, Token

T = TypeVar("T")


class Readable(Protocol[T]):
    """What a store does at the two ends of a read transaction."""

    gate: PhaseFairGate
    """Readers are inside."""

    def prepare_read(self) -> None:
        """Called outside the gate, before it."""

    def begin_read(self) -> T | None:
        """A transaction; None when readers have to leave the gate for a moment: then all of it once more."""

    def end_read(self, read: T, error: BaseException | None) -> None:
        """Give the transaction back; may raise another exception in place of `error`."""


class Reading(Generic[T]):
    """Holds gate and transaction, and gives them back at the end of its life: the `with` statement is the only place
    that has it, so Ctrl-C may fall anywhere. (The transaction ends with its last reference; a `__del__` here would
    swallow the interrupt that falls into it.) A class because a generator costs a microsecond more.
    """

    __slots__ = ("_hold", "_read", "_store")

    def __init__(self, store: Readable[T]) -> None:
        self._store = store
        self._hold: Token | None = None
        self._read: T | None = None

    def __enter__(self) -> T:
        store = self._store
        while True:
            store.prepare_read()
            self._hold = store.gate.token or store.gate.wait()
            try:
                self._read = store.begin_read()
            except BaseException:
                self._hold = None
                raise
            if self._read is not None:
                return self._read
            self._hold = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        read, self._read = self._read, None
        try:
            if read is not None:
                self._store.end_read(read, error)
        finally:
            self._hold = None
