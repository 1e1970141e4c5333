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
        grpc_port: of the gRPC door, 0 for a free one; None for no such door.
        api_key: whoever has it may do everything.
        read_only_api_key: whoever has it may ask. With neither key nobody needs one.
        allow_origins: web pages whose scripts may use the server from a browser; "*" for all.
        max_request_bytes: of a body; uploads of snapshots have no limit.
        tls_cert, tls_key: PEM files; with them every port speaks TLS only.
        tls_client_ca: a PEM file; then only clients with a certificate of this authority are let in.
        max_connections: how many connections may be open, of each port; one more is answered 503, of gRPC closed.
        max_connections_per_address: the same, of one client's address.
        patience_s: for a TLS handshake, for the head of a request, for each next piece of its body, and for a client
            that reads too slowly; bodies and answers also have to move by a thousand bytes a second.
        snapshot_urls: whether who may write may also have the server fetch snapshots from http(s) URLs.
        web_ui: folder of a built page to show at `/dashboard` in place of our own.
    """

    host: str = "127.0.0.1"
    port: int = 6333
    api_key: str | None = field(default=None, repr=False)
    read_only_api_key: str | None = field(default=None, repr=False)
    allow_origins: tuple[str, ...] = ()
    max_request_bytes: int = 32 << 20
    tls_cert: str | None = None
    tls_key: str | None = None
    tls_client_ca: str | None = None
    max_connections: int = 512
    max_connections_per_address: int = 256
    patience_s: float = 30
    grpc_port: int | None = None
    web_ui: Path | None = None
    snapshot_urls: bool = False

    @property
    def needs_key(self) -> bool:
        return self.api_key is not None or self.read_only_api_key is not None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
