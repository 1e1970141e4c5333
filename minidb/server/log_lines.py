"""Lines of a log, written by a thread: whoever started the server may not be reading them.

A pipe that nobody reads is full after 64 kB, some 500 requests; a write to it then waits for ever, and with it would
the event loop. Called by `minidb serve`.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from queue import SimpleQueue

_MOST_WAITING = 10_000
_AT_THE_END_S = 2.0
"""For lines that are still to be written when the server has stopped."""


class LogLines(logging.Handler):
    """Lines to a descriptor; beyond 10,000 that wait they are left out, and how many is said later."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: SimpleQueue[str | None] = SimpleQueue()
        self._n_left_out = 0
        self._thread = threading.Thread(target=self._write, name="minidb-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._waiting.qsize() >= _MOST_WAITING:
            self._n_left_out += 1
            return
        try:
            self._waiting.put(self.format(record))
        except (TypeError, ValueError):  # a message that does not fit its arguments, as logging's own handlers
            self.handleError(record)

    def close(self) -> None:
        """Write what waits, as far as somebody reads it."""
        self._waiting.put(None)
        self._thread.join(_AT_THE_END_S)
        super().close()

    def _write(self) -> None:
        while (line := self._waiting.get()) is not None:
            n_left_out, self._n_left_out = self._n_left_out, 0
            if n_left_out:
                line = f"{n_left_out} lines of the log are left out here\n{line}"
            rest = f"{line}\n".encode("utf-8", "backslashreplace")
            with suppress(OSError):  # nobody can read any more
                while rest:  # not by `sys.stderr`, whose lock would be held at the end of the process
                    rest = rest[os.write(self._descriptor, rest) :]
