"""Connections of strangers: how many at once, and how long one may take to send a request's head or to read an answer.

Around uvicorn's protocol, before any request is parsed or key is checked. Called by `listen`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from minidb.server.body import LEAST_BYTES_PER_S

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def limited(most: int, most_per_address: int, patience_s: float) -> type[asyncio.Protocol]:
    """The protocol of one server, which counts its own connections."""
    open_by_address: Counter[str] = Counter()

    class Limited(H11Protocol):
        """Closes what is too much or too slow."""

        _address: str | None = None
        _head: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            address = self.client[0] if self.client else ""
            if open_by_address.total() >= most or open_by_address[address] >= most_per_address:
                transport.write(_BUSY)
                transport.close()
                return
            self._address = address
            open_by_address[address] += 1
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            for timer in (self._head, self._unread):
                if timer is not None:
                    timer.cancel()
            if self._address is not None:
                open_by_address[self._address] -= 1
                if not open_by_address[self._address]:
                    del open_by_address[self._address]
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._address is None:
                return
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                if self._head is not None:
                    self._head.cancel()
                    self._head = None
            else:
                self._expect_head()

        def _expect_head(self) -> None:
            if self._head is None and not self.transport.is_closing():
                self._head = self.loop.call_later(patience_s, self.transport.abort)

        def pause_writing(self) -> None:
            self.flow.pause_writing()
            self._watch(self.transport.get_write_buffer_size())

        def resume_writing(self) -> None:
            self.flow.resume_writing()
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _watch(self, waiting_bytes: int) -> None:
            self._unread = self.loop.call_later(patience_s, self._check_progress, waiting_bytes)

        def _check_progress(self, before_bytes: int) -> None:
            waiting_bytes = self.transport.get_write_buffer_size()
            if waiting_bytes > before_bytes - LEAST_BYTES_PER_S * patience_s:
                self.transport.abort()
            else:
                self._watch(waiting_bytes)

    return Limited
