"""Where a snapshot is, and the sum it must have: a URL as Qdrant parses it, a SHA-256 in hexadecimal."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from minidb.models.faults import out_of_range, shown, wrong_shape

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE).match
_HEX = re.compile("[0-9a-fA-F]*").fullmatch


def check_url(value: Any) -> str:
    """A text that is a URL of whatever kind."""
    if not isinstance(value, str):
        raise wrong_shape(f"invalid value {shown(value)}, expected a URL")
    fault = _fault(value)
    if fault is not None:
        raise wrong_shape(f'invalid value: string "{value}", expected {fault}')
    return value


def _fault(url: str) -> str | None:
    if not _SCHEME(url):
        return "relative URL without a base"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return "invalid port number" if "ort" in str(error) else "invalid IPv6 address"
    return "empty host" if parts.scheme in ("http", "https") and not parts.hostname else None


def checksum_fault(value: str) -> str | None:
    """What is wrong with a SHA-256, in Qdrant's words."""
    if len(value) != 64:
        expected = f'"length": Number({len(value.encode("utf-8", "replace"))}), "expected_length": Number(64)'
        return f'Validation error: invalid_sha256_hash [{{{expected}, "value": String("{value}")}}]'
    return None if _HEX(value) else "invalid characters, expected 0-9, a-f, A-F"


def check_checksum(value: Any) -> str:
    """A SHA-256 in hexadecimal."""
    if not isinstance(value, str):
        raise wrong_shape(f"invalid value {shown(value)}, expected a string")
    fault = checksum_fault(value)
    if fault is not None:
        raise out_of_range(fault)
    return value
