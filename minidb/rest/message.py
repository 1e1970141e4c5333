"""A request as it came in and a response as it goes out, whatever carries them: an httpx transport, a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from mmap import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
        vectors: of an upsert whose points have none in the body: one row for each, (n, d).
        trusted: whether the caller is this process's own code, which may name files and addresses. A server says False.
        snapshot_urls: whether the caller may have snapshots fetched from addresses though not trusted.
        timeout: seconds after which nobody waits any more; None for no limit.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | mmap = b""
    vectors: NDArray[np.float32] | None = None
    trusted: bool = False
    timeout: float | None = None
    snapshot_urls: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What the client gets: `body`, or the content of `file` when there is one."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
