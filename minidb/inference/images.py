"""The images of a request as Pillow images, for models that run here: from a URL, base64, a data URL, bytes or a file.

One decoder with limits of bytes, pixels and formats (`ImageRules`). Files are read only if the rules allow it; what is
behind a URL is fetched by `fetch`. Services get images in the form they were given (`providers.images`). Called by
`fastembed`; imports Pillow, which comes with it, at the first image.
"""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from minidb.errors import InferenceError
from minidb.inference.providers.images import picture
from minidb.inference.settings import ImageRules

if TYPE_CHECKING:
    from PIL.Image import Image

    from minidb.inference.execute import Request

_THREADS = 8
_LONGEST_PATH = 4096


def load_images(contents: Sequence[Any], request: Request) -> list[Image]:
    """The images of a request, decoded; those behind URLs are fetched side by side.

    Raises:
        InferenceError: one cannot be had, or is beyond the limits; the text says which limit.
        Timeout: the request's deadline passed.
    """

    def load(content: Any) -> Image:
        return load_image(content, request)

    if sum(_is_url(content) for content in contents) < 2:
        return [load(content) for content in contents]
    with ThreadPoolExecutor(min(_THREADS, len(contents)), "minidb-images") as pool:
        return list(pool.map(load, contents))


def load_image(content: Any, request: Request) -> Image:
    """One image, decoded. A Pillow image is taken as it is."""
    rules = request.settings.images
    if hasattr(content, "getbands") and hasattr(content, "convert"):
        image: Image = content
        return image
    if _is_url(content):
        from minidb.inference.fetch import fetch

        data = fetch(content, rules, request.context)
    else:
        data = _bytes_of(content, rules, request)
    if len(data) > rules.max_bytes:
        raise InferenceError(f"an image has {len(data)} bytes, at most {rules.max_bytes} are allowed")
    return decode(data, rules, content[:200] if _is_url(content) else "")


def decode(data: bytes, rules: ImageRules, source: str = "") -> Image:
    """The image encoded in some bytes.

    Args:
        data: of the file.
        rules: formats and pixels allowed. Pixels are counted before they are decoded.
        source: where it comes from, for the words of an error.
    """
    from PIL import Image, UnidentifiedImageError

    where = f" from {source}" if source else ""
    allowed = ", ".join(rules.formats)
    try:
        image = Image.open(io.BytesIO(data), formats=rules.formats)
    except UnidentifiedImageError:
        raise InferenceError(f"an image{where} is no {allowed}: only these are read") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InferenceError(f"an image{where} cannot be read: {error}") from error
    width, height = image.size
    if width * height > rules.max_pixels:
        raise InferenceError(
            f"an image{where} has {width} x {height} pixels, at most {rules.max_pixels} in all are allowed"
        )
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InferenceError(f"an image{where} cannot be decoded: {error}") from error
    return image


def _is_url(content: Any) -> bool:
    return isinstance(content, str) and content[:8].lower().startswith(("http://", "https://"))


def _bytes_of(content: Any, rules: ImageRules, request: Request) -> bytes:
    if isinstance(content, (bytes, bytearray)):
        return bytes(content)
    path = _path(content)
    if path is not None and (rules.allow_files and request.context.trusted):
        return _read(path, rules)
    if isinstance(content, str) and not content.startswith("file:"):
        if len(content) > rules.max_bytes * 4 // 3 + _LONGEST_PATH:
            raise InferenceError(f"an image has more than the {rules.max_bytes} bytes that are allowed")
        with suppress(InferenceError):
            return b64decode(picture(content, request.model).base64)
    raise InferenceError(
        f"an image for {request.model} must be an http(s) URL, a data URL, base64 or bytes; local files are read only "
        "if the client has ImageRules(allow_files=True)"
    )


def _path(content: Any) -> Path | None:
    """The file a path, a file: URL or a string means; a string only if there is such a file."""
    if isinstance(content, Path):
        return content
    if not isinstance(content, str) or len(content) > _LONGEST_PATH:
        return None
    if content.startswith("file:"):
        return Path(unquote(urlsplit(content).path))
    with suppress(OSError, ValueError):
        path = Path(content)
        return path if path.is_file() else None
    return None


def _read(path: Path, rules: ImageRules) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(rules.max_bytes + 1)
    except OSError as error:
        raise InferenceError(f"the image {path} cannot be read: {error.strerror}") from error
