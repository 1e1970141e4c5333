"""When are two inputs the same to an embedder? A digest per input, of everything that decides its vector but no key.

`sharing` uses digests to ask once for what several calls want at once, `cache` to keep vectors under. An embedder that
takes part says, by its method `identity`, what besides the input decides; one without the method is always asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from minidb.inference.plan import Input

if TYPE_CHECKING:
    from minidb.inference.execute import Request

_VERSION = "minidb embedding 1"
_SHORTEST_IMAGE = 48  # characters of base64; what is shorter, or has a dot, is a path


@runtime_checkable
class Identified(Protocol):
    """An embedder whose vectors depend on the input and on what `identity` says, and on nothing else."""

    def identity(self, request: Request) -> Mapping[str, Any] | None:
        """JSON that is equal for requests with equal vectors; None if inputs depend on each other, or nobody knows.

        Raises:
            InferenceError: the request would be refused whatever the inputs are, for want of a key say.
        """


def digests(identity: Mapping[str, Any], inputs: list[Input]) -> list[bytes | None]:
    """The 32-byte digest of each input; None for one that has no content to go by, such as an object in memory."""
    head = _json({"version": _VERSION, "identity": identity})
    if head is None:
        return [None] * len(inputs)
    start = blake2b(head + b"\0", digest_size=32)
    found: list[bytes | None] = []
    for kind, content in inputs:
        data = _bytes_of(content)
        if data is None:
            found.append(None)
            continue
        digest = start.copy()
        digest.update(kind.encode() + b"\0" + data)
        found.append(digest.digest())
    return found


def is_lasting(given: Input) -> bool:
    """Whether the input says today what it says tomorrow: a text, or an image itself, not its address or path."""
    kind, content = given
    if kind == "image":
        if isinstance(content, str):
            return content[:5].lower() == "data:" or (len(content) >= _SHORTEST_IMAGE and "." not in content)
        return isinstance(content, (bytes, bytearray))
    return kind == "text"


def _bytes_of(content: Any) -> bytes | None:
    if isinstance(content, str):
        return b"s" + content.encode("utf-8", "surrogatepass")
    if isinstance(content, (bytes, bytearray)):
        return b"b" + content
    data = _json(content)
    return None if data is None else b"j" + data


def _json(value: Any) -> bytes | None:
    """Equal bytes for equal values; None for what JSON has no words for."""
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=True, allow_nan=True).encode()
    except (TypeError, ValueError):
        return None
