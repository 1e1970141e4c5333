"""Lucene's ASCII folding ("ação" → "acao", "ﬁ" → "fi") and Rust's lower-casing, the two character maps of a token.

Python lower-cases as its own Unicode version does; the capitals younger than that are mapped here, so that an index
built under one Python answers under another. Called by `pipeline`.
"""

from __future__ import annotations

from functools import lru_cache

from minidb.text.data import load


@lru_cache(maxsize=1)
def _folding_table() -> dict[int, str]:
    return str.maketrans(load()["folding"])


@lru_cache(maxsize=1)
def _young_capitals() -> dict[int, str]:
    return str.maketrans(load()["lower"])


def fold(text: str) -> str:
    """`text` with every character of Lucene's ASCIIFoldingFilter replaced by its ASCII form, the others kept."""
    return text if text.isascii() else text.translate(_folding_table())


def lower(text: str) -> str:
    """`text` in lower case by Unicode 17's full mapping, final sigma included."""
    return text.lower() if text.isascii() else text.translate(_young_capitals()).lower()
