"""Words of a string for full-text conditions on fields without a text index: Qdrant's `word` tokenizer, lowercased.

Text indexes with other tokenizers, stop words or stemmers bring their own; this module is only the default. Called by
conditions; knows nothing of payloads.
"""

from __future__ import annotations

from minidb.text.folding import lower
from minidb.text.tokenizers import split_words


def words(text: str) -> list[str]:
    """The maximal runs of alphanumeric characters, each lowercased, in order; the caller must not change the list.

    Those of the last text are kept: a filter may ask it for many words.
    """
    global _last
    last_text, found = _last
    if last_text is not text:
        found = [lower(word) for word in split_words(text)] if not text.isascii() else split_words(text.lower())
        _last = text, found
    return found


_last: tuple[str, list[str]] = ("", [])


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
