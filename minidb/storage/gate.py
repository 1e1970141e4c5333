"""A shared/exclusive gate that starves neither side.

A plain lock lets a looping writer starve readers for seconds, a reader-preferring one lets busy readers starve the
writer (both measured). Here an arriving writer stops new readers, and a leaving writer lets every reader that waited go
before the next writer: phase-fair. Used around what must not happen under readers: growing LMDB's map, inserting into
a graph.
"""

from __future__ import annotations

import threading
from types import TracebackType


class _Shared:
    """Reusable context manager; `with` on a slotted object is cheaper than a generator."""

    __slots__ = ("_gate",)

    def __init__(self, gate: PhaseFairGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.acquire_shared()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._gate.release_shared()


class _Exclusive:
    __slots__ = ("_gate",)

    def __init__(self, gate: PhaseFairGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.acquire_exclusive()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._gate.release_exclusive()


class PhaseFairGate:
    """`with gate.shared:` for many readers, `with gate.exclusive:` for one writer. Not reentrant."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # entered itself, not through the Condition, whose methods are Python
        self._changed = threading.Condition(self._lock)
        self._readers = 0
        self._waiting_readers = 0
        self._waiting_writers = 0
        self._writing = False
        self._reader_turns = 0  # readers that were waiting when a writer left: they go before the next writer
        self.shared = _Shared(self)
        self.exclusive = _Exclusive(self)

    def acquire_shared(self) -> None:
        with self._lock:
            if not self._writing and not self._waiting_writers:
                self._readers += 1
                return
            self._waiting_readers += 1
            try:
                while self._writing or (self._waiting_writers and not self._reader_turns):
                    self._changed.wait()
                self._readers += 1
            finally:  # a wait may be interrupted by Ctrl-C: its turn must not stay behind
                self._waiting_readers -= 1
                if self._reader_turns:
                    self._reader_turns -= 1
                    if not self._reader_turns and not self._readers:
                        self._changed.notify_all()

    def release_shared(self) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers and self._waiting_writers:
                self._changed.notify_all()

    def acquire_exclusive(self) -> None:
        with self._lock:
            self._waiting_writers += 1
            try:
                while self._writing or self._readers or self._reader_turns:
                    self._changed.wait()
                self._writing = True
            finally:
                self._waiting_writers -= 1
                if not self._writing:
                    self._changed.notify_all()

    def release_exclusive(self) -> None:
        with self._lock:
            self._writing = False
            self._reader_turns = self._waiting_readers
            self._changed.notify_all()
