"""Words of a string for full-text conditions on fields without a text index: Qdrant's `word` tokenizer, lowercased.

Text indexes with other tokenizers, stop words or stemmers bring their own; this module is only the default. Called by
conditions; knows nothing of payloads.
"""

from __future__ import annotations

import re
from typing import Final

from minidb.filter.alphanumeric import ALPHANUMERIC

_WORD: Final = re.compile(f"{ALPHANUMERIC}+")
_ASCII_WORD: Final = re.compile("[0-9A-Za-z]+")


def words(text: str) -> list[str]:
    """The maximal runs of alphanumeric characters, each lowercased, in order."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word.lower() for word in _WORD.findall(text)]


def contains_phrase(tokens: list[str], phrase: tuple[str, ...]) -> bool:
    """Whether `phrase` stands in `tokens` as consecutive words; an empty phrase never does."""
    length = len(phrase)
    if length == 0:
        return False
    first = phrase[0]
    return any(
        token == first and tuple(tokens[at : at + length]) == phrase
        for at, token in enumerate(tokens[: len(tokens) - length + 1])
    )
