"""Addresses of servers, in the place of a path: `QdrantClient(url="http://localhost:6333")` opens no connection.

Who answers is the innermost block of `minidb.intercept` for that address, else a store in memory that all clients of
the address share for the life of the process. Called by the doors that take an address.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict
from urllib.parse import urlsplit

from minidb.database import Database
from minidb.errors import BadRequest
from minidb.inference import InferenceSettings
from minidb.opening import MEMORY
from minidb.system import files
from minidb.system.processes import open_in_child

if TYPE_CHECKING:
    from minidb.client import QdrantClient

_SCHEMES = ("http://", "https://")
_HOST = re.compile(r"(?P<host>[\w-]+(\.[\w-]+)*|\[[\da-f:.]+])(:(?P<port>\d*))?", re.IGNORECASE)
_ONLY_A_HOST = re.compile(r"localhost|\d+(\.\d+){3}|\[.*]", re.IGNORECASE)


class Address(NamedTuple):
    """What tells one server from another. `prefix` is what comes before Qdrant's paths: "" or "/…"."""

    scheme: str
    host: str
    port: int
    prefix: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"


def is_address(location: str, has_options: bool) -> bool:
    """Whether a client's first argument is an address rather than a directory.

    What only a server has is one (a URL, localhost, an IP address, host:port), and so is any host name among options
    of an address. A directory has a separator, begins with "." or "~", or is there.

    Args:
        location: neither empty nor ":memory:".
        has_options: whether the caller gave options that only an address has: a key, a port, …

    Raises:
        BadRequest: it may be meant either way.
    """
    if "://" in location:
        return True
    head, slash, _ = location.partition("/")
    name = _HOST.fullmatch(head)
    if name is not None:
        is_known = _ONLY_A_HOST.fullmatch(name["host"]) is not None
        if name["port"] and (not slash or is_known or "." in name["host"]):
            return True
        if is_known and not slash:
            return True
    if slash or "\\" in location or location[0] in ".~" or files.is_folder(Path(location)):
        return False
    if has_options and name is not None:
        return True
    url = "http://host:port" if name is None or ":" in location else f"http://{location}:6333"
    raise BadRequest(
        f"{location!r} may be a directory or a server: write path={location!r} or {'./' + location!r} for a directory, "
        f"url={url!r} for a server"
    )


def address_of(
    url: str | None = None,
    host: str | None = None,
    port: int | None = 6333,
    https: bool | None = None,
    prefix: str | None = None,
    api_key: str | None = None,
) -> Address:
    """The address a client's arguments stand for, by qdrant-client's rules.

    Args:
        url: `[scheme://]host[:port][/prefix]`.
        host: instead of a URL; "localhost" by default.
        port: for a URL without one; None for the scheme's own (80 or 443).
        https: whether a URL without a scheme means https; by default, whether there is a key.
        prefix: instead of a path in the URL.
        api_key: only whether there is one matters.

    Raises:
        BadRequest: they contradict each other, or the URL is none.
    """
    if url is not None and host is not None:
        raise BadRequest(f"Only one of (url, host) can be set. url is {url}, host is {host}")
    if host is not None and host.startswith(_SCHEMES):
        raise BadRequest(
            "`host` param is not expected to contain protocol (http:// or https://). "
            "Try to use `url` parameter instead."
        )
    is_https = api_key is not None if https is None else https
    scheme, name, path = "https" if is_https else "http", host or "localhost", prefix or ""
    if url:
        try:
            parts = urlsplit(url if "://" in url or url.startswith("//") else f"//{url}")
            port = parts.port or port
        except ValueError as error:
            raise BadRequest(f"{url!r} is no address: {error}") from None
        if not parts.hostname:
            raise BadRequest(f"{url!r} is no address: there is no host")
        if path and parts.path:
            raise BadRequest(f"Prefix can be set either in `url` or in `prefix`. url is {url}, prefix is {parts.path}")
        scheme, name, path = parts.scheme or scheme, parts.hostname, path or parts.path
        if scheme not in ("http", "https"):
            raise BadRequest(f"Unknown scheme: {scheme}")
    if port is None:
        port = 443 if scheme == "https" else 80
    path = path.strip("/")
    return Address(scheme, name.lower(), _number(port), f"/{path}" if path else "")


def _number(port: int | str) -> int:
    """A port, which may be in digits, as from a variable of the environment."""
    try:
        return int(port)
    except ValueError:
        raise BadRequest(f"{port!r} is no port") from None


class ConnectionOptions(TypedDict, total=False):
    """What qdrant-client takes for its connections beside named arguments; there are none here to give it to."""

    auth: Any
    base_url: Any
    cert: Any
    cookies: Any
    default_encoding: Any
    event_hooks: Any
    follow_redirects: bool
    grpc_compression: Any
    http1: bool
    http2: bool
    limits: Any
    max_redirects: int
    metadata: Mapping[str, str] | None
    mounts: Any
    params: Any
    proxy: Any
    transport: Any
    trust_env: bool
    verify: Any


_lock = open_in_child(threading.Lock())
_blocks: list[tuple[Address, QdrantClient]] = []  # of `minidb.intercept`; the innermost is the last
_stores: dict[Address, Database] = {}


def begin_block(address: Address, client: QdrantClient) -> None:
    """From now on `client`'s store answers for an address."""
    with _lock:
        _blocks.append((address, client))


def end_block(client: QdrantClient) -> bool:
    """What `begin_block` began; whether it was the last one."""
    with _lock:
        _blocks[:] = [block for block in _blocks if block[1] is not client]
        return not _blocks


def intercepted(address: Address) -> QdrantClient | None:
    """The client whose store answers for an address inside a block of `minidb.intercept`."""
    with _lock:
        return next((client for own, client in reversed(_blocks) if own == address), None)


def database_at(address: Address, inference: InferenceSettings) -> Database:
    """What answers for an address; a store that is made for it gets these settings, and a warning goes out."""
    block = intercepted(address)
    if block is not None:
        return block._database
    with _lock:
        database = _stores.get(address)
        if database is None:
            warnings.warn(
                f"minidb connects to nothing: {address} is a store in the memory of this process, gone when it ends. "
                "Use path=… to keep data, or qdrant-client for a server.",
                UserWarning,
                stacklevel=4,
            )
            database = _stores[address] = Database(MEMORY, inference=inference)
    return database
