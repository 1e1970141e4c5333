"""A request as it came in and a response as it goes out, whatever carries them: an httpx transport, a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from mmap import mmap
from pathlib import Path
from typing import Any

from minidb.rest.encoding import dumps

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks.

    Args:
        method: in capitals.
        path: percent-encoded as sent, without the query.
        query: what follows the `?`, percent-encoded.
        headers: names in lower case.
        body: of an upload it may be a mapped file.
        fill: completes the value that the body stands for, if something was left out of it.
        trusted: whether the caller is this process's own code, which may name files and addresses. A server says False.
        snapshot_urls: whether the caller may have snapshots fetched from addresses though not trusted.
        timeout: seconds after which nobody waits any more; None for no limit.
        takes_value: whether the caller makes something else than JSON of the answer.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | mmap = b""
    fill: Callable[[Any], Any] | None = None
    trusted: bool = False
    timeout: float | None = None
    snapshot_urls: bool = False
    takes_value: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What the client gets: `body`, or the content of `file` when there is one.

    Args:
        value: in the place of a body, what it would be the JSON of; only who takes a value gets one.
    """

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    value: Mapping[str, Any] | None = None

    def as_json(self) -> Response:
        """The same with a body."""
        return self if self.value is None else replace(self, body=dumps(self.value), value=None)
