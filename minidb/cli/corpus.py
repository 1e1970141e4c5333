"""The demo's corpus: Python's language reference, which the standard library carries, cut into overlapping passages.

The text is plain text made from reStructuredText. Prose is kept; headings, grammar, code, tables and footnote rules are
dropped. A passage is a few consecutive sentences of one topic, and begins one sentence after the passage before it.
Knows nothing of databases. Called by `demo`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

SENTENCES = 3
"""Sentences of a passage."""

_CODE_INDENT = (
    3  # columns a literal block stands to the right of the paragraph before it; notes and lists stand 2 or less
)

_RULE = re.compile(r"^\s*([^\w\s])\1{2,}\s*$")
_TABLE = re.compile(r"^\s*(\+[-=+]+\+|\|.*\||={3,}(\s+={3,})+|-{3,}(\s+-{3,})+)\s*$", re.MULTILINE)
_BULLET = re.compile(r"^\s*(\*|-|\d+\.|\[\d+\])\s+")
_FOOTNOTES = re.compile(r"^-\[.*\]-$")
_MARKUP = re.compile(r"\*{1,2}(\w[^*]*?)\*{1,2}")
_HYPHENATED = re.compile(r"(?<=\w-)\n\s*(?=[a-z])")
_SENTENCE_END = re.compile(r'(?:(?<=[.!?])|(?<=[.!?]["”)]))(?<!e\.g\.)(?<!i\.e\.)\s+(?=["“(A-Z])')
_WORD = re.compile(r"[A-Za-z]{2,}")


class Passage(NamedTuple):
    """Consecutive sentences of a topic; `position` counts the topic's passages from 0."""

    topic: str
    position: int
    text: str


def passages(topics: Mapping[str, str]) -> list[Passage]:
    """The passages of all topics, in the order of their names; a text that several topics share comes once."""
    seen: set[str] = set()
    found: list[Passage] = []
    for topic in sorted(topics, key=lambda name: (len(topics[name]), name)):
        for position, text in enumerate(_windows(list(_sentences(topics[topic])))):
            if text not in seen:
                seen.add(text)
                found.append(Passage(topic, position, text))
    return sorted(found)


def fingerprint(texts: Iterable[Passage]) -> str:
    """Changes when a passage does: Python versions carry different texts."""
    digest = hashlib.sha256()
    for passage in texts:
        digest.update(repr(tuple(passage)).encode())
    return digest.hexdigest()[:16]


def split_sentences(text: str) -> list[str]:
    """The sentences of one line of prose, near enough."""
    return _SENTENCE_END.split(text)


def _windows(sentences: list[str]) -> Iterator[str]:
    for start in range(max(1, len(sentences) - SENTENCES + 1)):
        if window := sentences[start : start + SENTENCES]:
            yield " ".join(window)


def _sentences(text: str) -> Iterator[str]:
    for paragraph in _paragraphs(text):
        plain = _MARKUP.sub(r"\1", " ".join(_HYPHENATED.sub("", paragraph).split()))
        for sentence in split_sentences(plain):
            if len(_WORD.findall(sentence)) > 2:
                yield sentence


def _paragraphs(text: str) -> Iterator[str]:
    """Blocks of prose. What is indented under a block that ends with a colon or comma is code or grammar, or a list."""
    code_from: int | None = None
    indent, introduces = 0, False
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        before, indent = indent, _indent(block)
        is_bullet = bool(_BULLET.match(block))
        if code_from is not None and indent >= code_from and not is_bullet:
            continue
        code_from = None
        if introduces and not is_bullet and indent >= before + _CODE_INDENT:
            code_from, indent, introduces = indent, before, False
            continue
        introduces = block.rstrip().endswith((":", ","))
        if not _is_markup(block):
            yield _BULLET.sub("", block)


def _indent(block: str) -> int:
    return len(block) - len(block.lstrip(" "))


def _is_markup(block: str) -> bool:
    lines = block.split("\n")
    first, last = lines[0].lstrip(), lines[-1]
    if first.startswith(">>>") or "::=" in block:
        return True
    return bool(_RULE.match(last) or _TABLE.search(block) or _FOOTNOTES.match(first))
