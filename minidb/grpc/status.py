"""gRPC's status codes, and which one an error of minidb's has. Numbers: this room does without grpcio."""

from __future__ import annotations

import math
import re
from enum import IntEnum

from minidb import errors


class Code(IntEnum):
    """gRPC's status codes, those that are answered here."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    405: Code.UNIMPLEMENTED,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ALREADY_EXISTS,
    413: Code.RESOURCE_EXHAUSTED,
    422: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    503: Code.UNAVAILABLE,
    507: Code.RESOURCE_EXHAUSTED,
}
_PARTS = re.compile(r"\b(?:internal|\w+_request)\.")
"""Parts of requests that only REST's have."""
_PLACE = re.compile(r"^(\w+ error in )(?:JSON body|query parameters|path parameters)\b")


def code(error: errors.MinidbError) -> Code:
    """The code of an error."""
    return code_of(error.status_code)


def code_of(status_code: int) -> Code:
    """The code of an error that REST answers with this status."""
    return _CODES.get(status_code, Code.INTERNAL)


def text(error: errors.MinidbError) -> str:
    """What is said of an error: REST's words, but there is no JSON and no query in a message."""
    words = _PLACE.sub(r"\1body", error.answer())
    if words.startswith("Validation error in "):
        words = _PARTS.sub("", words)
    return words.encode("utf-8", "backslashreplace").decode()


def metadata(error: errors.MinidbError) -> tuple[tuple[str, str], ...]:
    """What accompanies an error: when to come back, if it knows, and the mark of a full disk."""
    if isinstance(error, errors.RateLimitExceeded) and error.retry_after is not None:
        return (("retry-after", str(max(1, math.ceil(error.retry_after)))),)
    return (("qdrant-insufficient-storage", "1"),) if isinstance(error, errors.InsufficientStorage) else ()
