"""Plain tables for a terminal: columns as wide as their content, one that takes what is left and is cut short.

Knows nothing of what the cells mean. Called by the commands.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence

_WIDEST = 100
_NARROWEST = 40
_NARROWEST_ELASTIC = 8
_GAP = "  "


def terminal_width() -> int:
    """Columns to fill: the terminal's, within reason; 100 where there is none."""
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))


def render(header: Sequence[str], rows: Sequence[Sequence[str]], width: int, *, right: Sequence[int] = ()) -> list[str]:
    """Lines of a table at most `width` columns wide: the header, a rule, the rows.

    Args:
        header: the columns' names; the last column is the elastic one.
        rows: cells, as many per row as the header has.
        width: columns of the terminal.
        right: numbers of the columns set to the right.
    """
    *fixed, elastic = (max(map(_columns, column)) for column in zip(header, *rows, strict=True))
    left = width - sum(fixed) - len(_GAP) * len(fixed)
    widths = [*fixed, min(elastic, max(left, _NARROWEST_ELASTIC))]
    rule = ["-" * columns for columns in widths]
    return [
        clip(
            _GAP.join(
                _set(cell, columns, n in right) for n, (cell, columns) in enumerate(zip(row, widths, strict=True))
            ),
            width,
        ).rstrip()
        for row in (header, rule, *rows)
    ]


def clip(text: str, width: int) -> str:
    """`text`, cut to at most `width` columns; an ellipsis stands for what was cut."""
    if _columns(text) <= width:
        return text
    mark = _ellipsis()
    room = width - len(mark)
    kept: list[str] = []
    for character in text:
        room -= _columns(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + mark


def _set(cell: str, width: int, to_the_right: bool) -> str:
    text = clip(cell, width)
    padding = " " * (width - _columns(text))
    return padding + text if to_the_right else text + padding


def _columns(text: str) -> int:
    """Columns a terminal gives the text: two for wide East Asian characters, none for combining marks."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 0 if unicodedata.combining(character) else 1
        for character in text
    )


def _ellipsis() -> str:
    try:
        "…".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "..."
    return "…"
