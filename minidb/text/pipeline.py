"""From a text to its terms: split, fold, lower-case, drop stopwords, stem, check the length.

The order and every corner are those of Qdrant's full-text tokenizers, so BM25 vectors and text payload indexes agree
with a server's. Knows nothing of weights or hashes. Called by `embed`; made for the text index as well.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from minidb.errors import InferenceError
from minidb.text.data import load
from minidb.text.folding import fold, lower
from minidb.text.tokenizers import Tokenizer, splitter

_EMPTY: tuple[str, ...] = ()


@dataclass(frozen=True)
class TokenOptions:
    """How texts become terms. `stopwords` as the user gave them; `stemmer` a language name or None."""

    tokenizer: Tokenizer = "word"
    lowercase: bool = True
    ascii_folding: bool = False
    stopwords: frozenset[str] = frozenset()
    stemmer: str | None = None
    min_token_len: int | None = None
    max_token_len: int | None = None


class TokenPipeline:
    """Splits texts and turns each raw token into its terms. Safe to share between threads; holds no state of a text."""

    def __init__(self, options: TokenOptions) -> None:
        self.options = options
        self.split = splitter(options.tokenizer)
        self._stopwords = frozenset(map(lower, options.stopwords)) if options.lowercase else options.stopwords
        self._stem = stemmer(options.stemmer) if options.stemmer else None
        self._min = options.min_token_len or 0
        self._max = options.max_token_len

    @property
    def one_to_one(self) -> bool:
        """Whether a raw token yields at most one term, the same in a document and in a query."""
        return self.options.tokenizer != "prefix"

    def document_terms(self, raw: str) -> tuple[str, ...]:
        """The terms a raw token of a stored text is found by: none, one, or (tokenizer `prefix`) all its prefixes."""
        token = self._normalise(raw)
        if token in self._stopwords:
            return _EMPTY
        term = self._stem(token) if self._stem else token
        if len(term) < self._min:
            return _EMPTY
        if self.options.tokenizer == "prefix":
            shortest = 1 if self.options.min_token_len is None else self._min
            return _prefixes(term, shortest, self._max)
        return _EMPTY if self._max is not None and len(term) > self._max else (term,)

    def query_terms(self, raw: str) -> tuple[str, ...]:
        """The terms a raw token of a query asks for.

        The `prefix` tokenizer asks for the longest prefix that is indexed, of stopwords too: a query is typed letter
        by letter, and "the" may be on its way to "theatre".
        """
        if self.options.tokenizer != "prefix":
            # A lone NUL is a term of documents only; the reference drops it from queries.
            return _EMPTY if raw == "\0" else self.document_terms(raw)
        token = self._normalise(raw)
        term = self._stem(token) if self._stem else token
        return _EMPTY if len(term) < self._min else (term[: self._max],)

    def _normalise(self, raw: str) -> str:
        token = fold(raw) if self.options.ascii_folding else raw
        return lower(token) if self.options.lowercase else token


def stopwords(language: str) -> frozenset[str]:
    """The stopword list of a language by its full name (see `languages.STOPWORD_LANGUAGES`)."""
    return frozenset(load()["stopwords"][language])


@lru_cache(maxsize=32)
def stemmer(language: str) -> Callable[[str], str]:
    """The Snowball stemmer of a language by its full name. A stem may be empty."""
    if language == "armenian":
        return _armenian_stemmer()
    from py_rust_stemmers import SnowballStemmer

    stem: Callable[[str], str] = SnowballStemmer(language).stem_word
    return stem


def _armenian_stemmer() -> Callable[[str], str]:
    # py-rust-stemmers leaves Armenian out, though it is built on a library that has it.
    try:
        snowball = importlib.import_module("snowballstemmer")
    except ImportError as missing:
        raise InferenceError("stemmer armenian needs the package snowballstemmer") from missing
    stem: Callable[[str], str] = snowball.stemmer("armenian").stemWord
    return stem


def _prefixes(term: str, shortest: int, longest: int | None) -> tuple[str, ...]:
    if longest is None:
        longest = max(len(term), shortest)
    ends = range(shortest, min(longest, max(len(term), shortest)) + 1)
    return tuple(term[:end] for end in ends)
