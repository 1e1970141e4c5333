"""Tells the forms of an image apart that a caller may give: an address, a data URL, base64, bytes. Called by providers.

Reads no files and opens no connection: what is not in the request is not sent to a service.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from minidb.errors import InferenceError

_DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


@dataclass(frozen=True)
class Picture:
    """An image of a request: its `url`, or its `base64` and, where it can be told, its `media_type`."""

    url: str | None = None
    base64: str = ""
    media_type: str | None = None

    def data_url(self, model: str) -> str:
        """The image as a data URL. Raises InferenceError for an image of unknown type."""
        if self.media_type is None:
            raise InferenceError(f"the image for {model} is no PNG, JPEG, GIF or WebP; a data URL can say what it is")
        return f"data:{self.media_type};base64,{self.base64}"


def picture(content: Any, model: str) -> Picture:
    """Reads the content of an image object.

    Raises:
        InferenceError: it is none of the forms; local paths are not read.
    """
    if isinstance(content, (bytes, bytearray)):
        return Picture(base64=b64encode(content).decode(), media_type=_media_type(bytes(content)))
    if isinstance(content, str):
        if content[:8].lower().startswith(("http://", "https://")):
            return Picture(url=content)
        match = _DATA_URL.match(content)
        encoded = content[match.end() :] if match else content
        raw = _decoded(encoded)
        if raw:
            encoded = "".join(encoded.split())
            return Picture(base64=encoded, media_type=match.group(1).lower() if match else _media_type(raw))
    raise InferenceError(
        f"an image for {model} must be an http(s) URL, a data URL, base64 or bytes; files are not read from here"
    )


def _decoded(encoded: str) -> bytes:
    try:
        return b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _media_type(raw: bytes) -> str | None:
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    return next((name for beginning, name in _BEGINNINGS if raw.startswith(beginning)), None)
