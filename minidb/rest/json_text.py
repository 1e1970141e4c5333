"""A JSON text that is walked through from front to back, so that of a large array only some items are values at a time.

Whatever is not walked into is read as it stands. Only valid JSON is walked through to its end: all between the signs
passed here has been read by `loads`. Called by `pieces`.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from minidb.errors import FormatError
from minidb.rest.encoding import loads

PIECE_BYTES = 1 << 18
_VALUE_BYTES = 1 << 10
_SHORT_BYTES = 1 << 13
_NAME = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:\s*')
_SPACE = re.compile(rb"\s*")
_SIGNS = bytes(chr(byte) in '[]{}"' for byte in range(256))
"""What is a bracket or a quotation mark."""
_STEPS = np.zeros(256, np.int8)
_STEPS[[ord("["), ord("{")]], _STEPS[[ord("]"), ord("}")]] = 1, -1


class NotInPieces(FormatError):
    """A text that is no JSON, or not to be read in pieces; nobody is shown this error."""


class JsonText:
    """Where one stands in a text. Every method raises `FormatError` where the text is not as expected."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._at = self._depth = 0
        self._skip_space()

    def enters(self, bracket: bytes) -> bool:
        """Whether the value that stands here begins with this bracket; then that is passed."""
        is_there = self._passes(bracket)
        self._depth += is_there
        return is_there

    def members(self) -> Iterator[str]:
        """The names in an object whose bracket was passed; each value has to be passed before the next name."""
        names: set[str] = set()
        goes_on = not self._leaves(b"}")
        while goes_on:
            found = _NAME.match(self._text, self._at)
            if found is None:
                raise NotInPieces("no name")
            name = loads(found[1])
            if name in names:
                raise NotInPieces("of a name that comes twice the last one counts")
            names.add(name)
            self._at = found.end()
            yield name
            goes_on = self._goes_on(b"}")

    def items(self) -> Iterator[None]:
        """Stands at each item of an array whose bracket was passed; the item has to be passed before the next."""
        goes_on = not self._leaves(b"]")
        while goes_on:
            yield
            goes_on = self._goes_on(b"]")

    def pieces(self) -> Iterator[list[Any]]:
        """All items of an array whose bracket was passed, some at a time; once none when it is empty."""
        if self._leaves(b"]"):
            yield []
            return
        n_bytes = 2 * _SHORT_BYTES
        while True:
            yield self._values(n_bytes, is_one=False)
            if not self._goes_on(b"]"):
                return
            n_bytes = min(2 * n_bytes, PIECE_BYTES)  # most arrays are short, and few are looked at beyond their end

    def value(self) -> Any:
        """The value that stands here."""
        return self._values(_VALUE_BYTES, is_one=True)[0]

    def short_values(self) -> list[Any]:
        """Items of an array that stand here; none where the first is long, to be taken apart."""
        if _end(self._text[self._at : self._at + _SHORT_BYTES], is_first=False) is None:
            return []
        return self._values(_SHORT_BYTES, is_one=False)

    def ends(self) -> None:
        """Nothing may follow."""
        if self._at < len(self._text):
            raise NotInPieces("something follows")

    def _skip_space(self) -> None:
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]

    def _passes(self, sign: bytes) -> bool:
        is_there = self._text.startswith(sign, self._at)
        if is_there:
            self._at += 1
            self._skip_space()
        return is_there

    def _leaves(self, bracket: bytes) -> bool:
        is_there = self._passes(bracket)
        self._depth -= is_there
        return is_there

    def _goes_on(self, bracket: bytes) -> bool:
        """Whether a comma follows, or else the closing bracket; it is passed."""
        self._skip_space()
        if self._passes(b","):
            return True
        if self._leaves(bracket):
            return False
        raise NotInPieces("neither a comma nor an end")

    def _values(self, n_bytes: int, is_one: bool) -> list[Any]:
        """Values that stand here, between commas: one, or those of about so many bytes."""
        found = None
        while found is None:
            window = self._text[self._at : self._at + n_bytes]
            found = _end(window, is_one)
            if found is None and len(window) < n_bytes:
                raise NotInPieces("no end")
            n_bytes *= 2
        end, depth = found
        with _no_collection():
            values = loads(b"[" + window[:end] + b"]", self._depth + depth)
        if not values or (is_one and len(values) > 1):
            raise NotInPieces("not between two commas")
        self._at += end
        return values  # type: ignore[no-any-return]


def _end(window: bytes, is_first: bool) -> tuple[int, int] | None:
    """Where values that begin a text end: at its first comma that is within none of them, or at the last one or the
    bracket around them. And how deep they are nested at most. None where there is no such end.
    """
    if b"\\" in window:
        window = window.replace(rb"\\", b"__").replace(rb"\"", b"__")
    signs = np.flatnonzero(np.frombuffer(window.translate(_SIGNS), np.bool_))
    found = np.frombuffer(window, np.uint8)[signs]
    is_quoted = np.cumsum(found == ord('"'), dtype=np.uint8) & 1 == 1
    depth = np.cumsum(np.where(is_quoted, 0, _STEPS[found]), dtype=np.int32)
    around = np.flatnonzero(depth < 0)[:1].tolist()
    n = around[0] if around else len(signs)
    deepest = int(depth[:n].max(initial=0))
    if around and not is_first:
        return int(signs[n]), deepest
    outside = np.flatnonzero((depth[:n] == 0) & ~is_quoted[:n])  # behind these signs nothing is open
    find = window.find if is_first else window.rfind
    for gap in range(len(outside) + 1) if is_first else range(len(outside), -1, -1):
        at = int(outside[gap - 1]) if gap else -1
        comma = find(b",", int(signs[at]) if gap else 0, int(signs[at + 1]) if at + 1 < len(signs) else len(window))
        if comma >= 0:
            return comma, deepest
    return (int(signs[n]), deepest) if around else None


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for garbage among what is being made: in small points it takes half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
