"""Cuts a text into raw tokens as Qdrant's `word`, `whitespace` and `prefix` tokenizers do.

A word is a run of Unicode alphanumerics (Alphabetic or Number), neither Python's `isalnum` nor `\\w`: those cut Indic
words at vowel signs and know only the Unicode version Python was built with. So the ranges come from `data`.
Called by `pipeline`; folding, stopwords and stems come after.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal

from minidb.text.data import load

Tokenizer = Literal["word", "whitespace", "prefix", "multilingual", "code"]
Splitter = Callable[[str], list[str]]

# Unicode's White_Space. `str.split()` would also split at U+001C to U+001F.
_split_at_white_space = re.compile(r"[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+").findall

# `translate` on an ASCII text is a table look-up per byte: three times the speed of a regular expression.
_ASCII_SEPARATORS = {code: " " for code in range(128) if not chr(code).isalnum()}


def splitter(tokenizer: Tokenizer) -> Splitter:
    """The function that cuts a text for `tokenizer` (`prefix` cuts into words; `segmenters` has the others)."""
    if tokenizer in ("multilingual", "code"):
        raise ValueError(f"the {tokenizer} tokenizer does not split by rules")
    return _split_at_white_space if tokenizer == "whitespace" else split_words


def split_words(text: str) -> list[str]:
    """The maximal runs of alphanumeric characters of `text`."""
    if text.isascii():
        return text.translate(_ASCII_SEPARATORS).split()
    return _unicode_words()(text)


def is_alphanumeric(text: str) -> bool:
    """Whether every character is one that words are made of; true for an empty text."""
    return not text or split_words(text) == [text]


@lru_cache(maxsize=1)
def _unicode_words() -> Splitter:
    # Characters beyond U+FFFF are tried in a class of their own: `re` compiles the first class to a bitmap, and would
    # walk through the hundreds of ranges of a joint one at every blank.
    low = _character_class((first, last) for first, last in load()["alphanumeric"] if last <= 0xFFFF)
    high = _character_class((first, last) for first, last in load()["alphanumeric"] if first > 0xFFFF)
    low_only = re.compile(f"[{low}]+").findall
    full = re.compile(f"(?:[{low}]|[{high}])+").findall
    has_high = re.compile(r"[\U00010000-\U0010ffff]").search

    def split(text: str) -> list[str]:
        return full(text) if has_high(text) else low_only(text)

    return split


def _character_class(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in ranges)
