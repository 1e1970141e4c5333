"""`with store.read() as txn:` for every store."""

from __future__ import annotations

from types import TracebackType
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Readable(Protocol[T]):
    """What a store does at the two ends of a read transaction."""

    def begin_read(self) -> T: ...

    def end_read(self, read: T, error: BaseException | None) -> None:
        """Give everything back; may raise another exception in place of `error`."""


class Reading(Generic[T]):
    """A class because a generator costs a microsecond more."""

    __slots__ = ("_read", "_store")

    def __init__(self, store: Readable[T]) -> None:
        self._store = store

    def __enter__(self) -> T:
        self._read = self._store.begin_read()
        return self._read

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._store.end_read(self._read, error)
