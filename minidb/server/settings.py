"""What the one who starts a server decides about it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """A server's address and limits.

    Args:
        host: a name or an address to listen on.
        port: 0 for a free one.
        api_key: whoever has it may do everything.
        read_only_api_key: whoever has it may ask. With neither key nobody needs one.
        allow_origins: web pages whose scripts may use the server from a browser; "*" for all.
        max_request_bytes: of a body; uploads of snapshots have no limit.
        web_ui: folder of a built page to show at `/dashboard` in place of our own.
    """

    host: str = "127.0.0.1"
    port: int = 6333
    api_key: str | None = field(default=None, repr=False)
    read_only_api_key: str | None = field(default=None, repr=False)
    allow_origins: tuple[str, ...] = ()
    max_request_bytes: int = 32 << 20
    web_ui: Path | None = None

    @property
    def needs_key(self) -> bool:
        return self.api_key is not None or self.read_only_api_key is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
