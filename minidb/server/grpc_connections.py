"""How many connections of one address the gRPC port has: grpcio counts all of them, but does not ask whose they are.

So once a second the sockets of this process are looked at, and those that are too many ended. Where the system does
not tell which they are (Windows), only the limit of all of them holds. Called by `grpc_door`.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from minidb.system import machine

_EVERY_S = 1.0


class EverySecond:
    """A thread that runs checks once a second, from `start` to `stop`."""

    def __init__(self, *checks: Callable[[], None]) -> None:
        self._checks = checks
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="minidb-grpc-limits", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _work(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            for check in self._checks:
                check()


class AddressLimit:
    """Ends the newest connections to `port` of an address that has more than `most`."""

    def __init__(self, port: int, most: int) -> None:
        self._port, self._most = port, most
        self._known: dict[tuple[str, int], None] = {}
        """Who was there before, in the order of coming."""

    def check(self) -> None:
        """Look once."""
        descriptors = machine.descriptors()
        if len(descriptors) <= self._most:  # so they cannot be too many
            return
        found: dict[tuple[str, int], socket.socket] = {}
        try:
            for descriptor in descriptors:
                connection = machine.socket_of(descriptor)
                if connection is not None:
                    self._take(connection, found)
            self._end(found)
        finally:
            for connection in found.values():
                connection.close()

    def _take(self, connection: socket.socket, found: dict[tuple[str, int], socket.socket]) -> None:
        try:
            is_ours = connection.getsockname()[1] == self._port
            peer = connection.getpeername()[:2] if is_ours else None
        except (OSError, IndexError):  # not connected, or no longer; of another kind
            peer = None
        if peer is None:
            connection.close()
        else:
            found[peer] = connection

    def _end(self, found: dict[tuple[str, int], socket.socket]) -> None:
        order = [peer for peer in self._known if peer in found]
        order += [peer for peer in found if peer not in self._known]
        counts: Counter[str] = Counter()
        self._known = {}
        for peer in order:
            counts[peer[0]] += 1
            if counts[peer[0]] <= self._most:
                self._known[peer] = None
                continue
            with suppress(OSError):  # has ended
                found[peer].shutdown(socket.SHUT_RDWR)
