"""Arguments that say where: a store's directory, the address of a server, its key. Called by argparse, as types."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from urllib.parse import urlsplit

_SCHEMES = ("http", "https")
_ADDRESS = re.compile(r"(localhost|\d+(\.\d+){3}|\[[\da-f:.]+]|[\w.-]+:\d+)(:\d+)?(/.*)?", re.IGNORECASE | re.ASCII)
_MISSPELT = re.compile(r"https?[:/]", re.IGNORECASE)
_BEGINS = "an address begins with http:// or https://"


def directory(text: str) -> Path:
    """A path. Without a name it would be the working directory: a variable that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; the working directory is .")
    return Path(text)


def address(text: str) -> str:
    """The address of a server, http:// where it has no scheme."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # a wrong port is found when it is asked for
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{without_password(url)} is no address: {error}") from None
    if parts.scheme not in _SCHEMES or (url != text and _MISSPELT.match(text)):
        raise argparse.ArgumentTypeError(f"{without_password(text)} is no address ({_BEGINS})")
    if not host or re.search(r"\s", url):
        raise argparse.ArgumentTypeError(f"{without_password(text)!r} is no address: it has no host, or a space")
    return url


def place(text: str) -> Path | str:
    """A store's directory, or the address of a server.

    An address has a scheme or a port, or is localhost or an IP address; a directory called so is `./localhost`.
    """
    if "://" in text or _ADDRESS.fullmatch(text) or _MISSPELT.match(text):
        return address(text)
    return directory(text)


def key(text: str) -> str:
    """An API key, which goes into a header. One that is empty is none: a variable that is set to nothing."""
    if not (text.isascii() and text.isprintable()):
        raise argparse.ArgumentTypeError("an API key has printable ASCII characters only")
    return text


def without_password(url: str) -> str:
    """As it may be shown."""
    return re.sub("//[^/]*@", "//", url)
