"""Connections of strangers: how many at once, and how long for a handshake, a request's head, an answer.

Around uvicorn's protocol, before any request is parsed or key is checked. Called by `listen`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from minidb.server.body import LEAST_BYTES_PER_S

_READ_IN_PATIENCES = 20
"""A client has that many times our patience for an answer, which is in memory until it has been read."""
_MOST_PIPELINED_BYTES = 1 << 20
"""Sent behind a request that is not answered yet."""
_MOST_UNREAD_BYTES = 1 << 30
"""Of all answers together that are in memory until their clients have read them."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Admitted(Protocol):
    """A protocol for which a place can be taken before its connection is made."""

    def admit(self, address: str) -> bool: ...
    def leave(self) -> None: ...
    def connection_made(self, transport: Any) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> None: ...


def limited(most: int, most_per_address: int, patience_s: float) -> type[asyncio.Protocol]:
    """The protocol of one server, which counts its own connections."""
    open_by_address: Counter[str] = Counter()
    unread: dict[Limited, None] = {}  # in the order of coming

    class Limited(H11Protocol):
        """Closes what is too much or too slow."""

        _address: str | None = None
        _head: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def admit(self, address: str) -> bool:
            """Take a place, once; whether there is one."""
            if self._address is None:
                if open_by_address.total() >= most or open_by_address[address] >= most_per_address:
                    return False
                self._address = address
                open_by_address[address] += 1
            return True

        def leave(self) -> None:
            """Give the place back, if there is one."""
            if self._address is not None:
                open_by_address[self._address] -= 1
                if not open_by_address[self._address]:
                    del open_by_address[self._address]
                self._address = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if not self.admit(self.client[0] if self.client else ""):
                transport.write(_BUSY)
                transport.close()
                return
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._head, self._unread):
                if timer is not None:
                    timer.cancel()
            self.leave()
            unread.pop(self, None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._address is None:
                return
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._check_pipelined()
                if self._head is not None:
                    self._head.cancel()
                    self._head = None
            else:
                self._expect_head()

        def _check_pipelined(self) -> None:
            """While a request is answered reading goes on, 256 kB for each, though thousands more may be waiting."""
            if self.conn.their_state is h11.DONE and len(self.conn.trailing_data[0]) > _MOST_PIPELINED_BYTES:
                self.transport.abort()

        def _expect_head(self) -> None:
            if self._head is None and not self.transport.is_closing():
                self._head = self.loop.call_later(patience_s, self.transport.abort)

        def pause_writing(self) -> None:
            self.flow.pause_writing()
            waiting_bytes = self.transport.get_write_buffer_size()
            self._watch(waiting_bytes, max(LEAST_BYTES_PER_S * patience_s, waiting_bytes / _READ_IN_PATIENCES))
            unread[self] = None
            while len(unread) > 1 and sum(map(_unread_bytes, unread)) > _MOST_UNREAD_BYTES:
                longest = next(iter(unread))
                del unread[longest]
                longest.transport.abort()

        def resume_writing(self) -> None:
            self.flow.resume_writing()
            unread.pop(self, None)
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _watch(self, waiting_bytes: int, least_bytes: float) -> None:
            self._unread = self.loop.call_later(patience_s, self._check_progress, waiting_bytes, least_bytes)

        def _check_progress(self, before_bytes: int, least_bytes: float) -> None:
            waiting_bytes = self.transport.get_write_buffer_size()
            if waiting_bytes > before_bytes - least_bytes:
                self.transport.abort()
            else:
                self._watch(waiting_bytes, least_bytes)

    return Limited


def _unread_bytes(protocol: H11Protocol) -> int:
    return protocol.transport.get_write_buffer_size()


class Handshake(asyncio.Protocol):
    """A connection from accept to the end of TLS's handshake, with the place its protocol then goes on with.

    asyncio's own `create_server(ssl=…)` tells nobody of a connection before its handshake is over. Beyond the limits a
    connection is closed at once: there is no way to say 503 yet.

    Args:
        make: makes the protocol that follows.
    """

    def __init__(self, make: Callable[[], Admitted], context: ssl.SSLContext, patience_s: float) -> None:
        self._next = make()
        self._context = context
        self._patience_s = patience_s
        self._early = b""
        self._has_ended = self._is_lost = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        if self._next.admit(str(peer[0]) if peer else ""):
            self._task = asyncio.get_running_loop().create_task(self._go_on(transport))
        else:
            transport.abort()

    async def _go_on(self, transport: asyncio.Transport) -> None:
        tls: asyncio.Transport | None = None
        try:
            if self._is_lost:
                return
            tls = await asyncio.get_running_loop().start_tls(
                transport, self, self._context, server_side=True, ssl_handshake_timeout=self._patience_s
            )
        except OSError:  # the client's, as of a certificate it does not like: nobody's to hear of
            pass
        finally:
            if tls is None or self._is_lost:
                self._next.leave()
        if tls is None or self._is_lost:
            return
        tls.set_protocol(self._next)  # type: ignore[arg-type]
        self._next.connection_made(tls)
        if self._early:
            self._next.data_received(self._early)
        if self._has_ended:
            self._next.eof_received()

    def data_received(self, data: bytes) -> None:
        """What came with the end of the handshake."""
        self._early += data

    def eof_received(self) -> None:
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
