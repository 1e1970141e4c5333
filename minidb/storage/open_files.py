"""How many row files of this process have a descriptor and a map: the least used give theirs back.

A descriptor and, before Python 3.13, another one for the map of every file: a thousand small collections would be more
than a process may have.
"""

from __future__ import annotations

import threading
from typing import Protocol

from minidb.system import files

try:
    import resource
except ImportError:  # Windows, whose limit is far away
    resource = None  # type: ignore[assignment]

_SHARE = 6
"""A file takes two descriptors; most are for others in this process, sockets among them."""
_LEAST, _MOST = 8, 1024


class Held(Protocol):
    """A file with resources it can do without."""

    is_used: bool
    """Set by every use; cleared here to see whether another follows."""

    def close(self) -> None:
        """Give them back; the next use gets them again."""


class OpenFiles:
    """A bounded set. Asked only when a file is opened, so that uses cost nothing but the mark they leave."""

    _process: OpenFiles | None = None

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._files: dict[Held, None] = {}
        self._lock = threading.Lock()
        files.relieves(self)

    @classmethod
    def of_process(cls) -> OpenFiles:
        if cls._process is None:
            cls._process = cls(_limit())
        return cls._process

    @classmethod
    def forget_process(cls) -> None:
        """In a child of `fork`, whose parent's other threads may have held the lock."""
        cls._process = None

    def opened(self, file: Held) -> None:
        """`file` has resources now; files not used for longest go where there are too many."""
        with self._lock:
            self._files[file] = None
            surplus = self._idle(len(self._files) - self._limit, file)
        for idle in surplus:
            idle.close()

    def forget(self, file: Held) -> None:
        with self._lock:
            self._files.pop(file, None)

    def relieve(self) -> bool:
        """Give back half of what there is; whether that was anything."""
        with self._lock:
            surplus = self._idle((len(self._files) + 1) // 2, None)
        for idle in surplus:
            idle.close()
        return bool(surplus)

    def _idle(self, n: int, spared: Held | None) -> list[Held]:
        """Take out `n`: the first that were not used since they were last looked at here."""
        found: list[Held] = []
        for _ in range(2):
            for file in list(self._files):
                if len(found) >= n:
                    return found
                if file is spared:
                    continue
                del self._files[file]
                if file.is_used:
                    file.is_used = False
                    self._files[file] = None
                else:
                    found.append(file)
        return found


def _limit() -> int:
    if resource is None:
        return _MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(_LEAST, min(_MOST, soft // _SHARE))
