"""A shared/exclusive gate that starves neither side and that no interrupted reader can leave shut.

A plain lock lets a looping writer starve readers for seconds, a reader-preferring one lets busy readers starve the
writer (both measured). Here an arriving writer stops new readers, and a leaving writer lets every reader that waited go
before the next writer: phase-fair. Used around what must not happen under readers: growing LMDB's map, inserting into
a graph.

A reader holds a reference to the gate's token and nothing else; a writer takes the token away, so that new readers
wait, and waits until the last reference is gone. Ctrl-C may therefore fall anywhere in a reader, also into the first
step of its `__exit__`: the reference ends with whatever held it. Writers must be out of its reach (`system.threads`).
"""

from __future__ import annotations

import weakref
from _thread import allocate_lock
from queue import SimpleQueue
from types import TracebackType


class Token:
    """A reader is inside as long as it has one."""

    __slots__ = ("__weakref__",)


class _Waiting:
    __slots__ = ("go", "is_gone", "token")

    def __init__(self) -> None:
        self.is_gone = False
        self.token: Token | None = None
        self.go = allocate_lock()
        self.go.acquire()


class _Shared:
    """Lives on the stack of the `with` statement, and there only."""

    __slots__ = ("_gate", "_token")

    def __init__(self, gate: PhaseFairGate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._token = self._gate.token or self._gate.wait()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        del self._token


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
        self._turn = allocate_lock()
        self._lock = allocate_lock()
        self._waiting: list[_Waiting] = []
        self.token: Token | None = Token()
        """For readers to keep; None while a writer is inside or waits. `gate.token or gate.wait()`."""
        self.exclusive = _Exclusive(self)

    @property
    def shared(self) -> _Shared:
        return _Shared(self)

    def wait(self) -> Token | None:
        """The token, once the writer has left."""
        waiting = _Waiting()
        with self._lock:
            if self.token is not None:
                return self.token
            self._waiting.append(waiting)
        try:
            waiting.go.acquire()
        except BaseException:  # a traceback may keep this frame, and the frame what waited
            with self._lock:
                waiting.is_gone, waiting.token = True, None
            raise
        return waiting.token

    def acquire_exclusive(self) -> None:
        self._turn.acquire()
        gone: SimpleQueue[object] = SimpleQueue()
        with self._lock:
            token, self.token = self.token, None
        assert token is not None
        last = weakref.ref(token, gone.put)
        del token
        gone.get()
        del last

    def release_exclusive(self) -> None:
        token = Token()
        with self._lock:
            waiting, self._waiting = self._waiting, []
            for each in waiting:  # their turn has begun, though they have yet to wake up
                each.token = None if each.is_gone else token
            self.token = token
        for each in waiting:
            each.go.release()
        self._turn.release()
