"""`minidb/hash-N`: dense vectors of N dimensions from text, with no model, no download and no network.

A random projection of the bag of words and character n-grams: equal and similarly spelt words bring texts together,
meaning does not. Made for tests and demonstrations. Called by `inference.builtin`.

Each feature (a word, or an n-gram of 3 to 5 characters of `<word>`) has a stream of signs, the bits of SHAKE-128 of its
name. A text's vector is the sum over its distinct words, weighted with 1 + ln(count), of the word's signs and its
n-grams' signs, brought to unit length. A longer stream begins with the shorter one, so the first M of N dimensions,
brought to unit length, are the vector of `minidb/hash-M`, and `mrl` works.

Vectors are the same to the bit on every platform: sums are taken over integers small enough to be exact in any order,
and what is left, a division and a square root, IEEE 754 defines.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from minidb.inference.execute import Request
from minidb.text.folding import lower
from minidb.text.tokenizers import split_words

MAX_DIMENSION = 65536

_WORD_WEIGHT = 6  # against 1 for each n-gram; a word of six letters has 18 n-grams, which together weigh √18
_COUNT_SCALE = 16  # 1 + ln(count) is rounded to sixteenths
_LONGEST = 64  # characters of a word that n-grams are taken from
_CACHE_BYTES = 64 << 20
_PIECE = 1 << 19
"""Numbers up to which BLAS keeps to one thread, see `index.dense.plain`; sums of integers are equal in any order."""
_EXACT_IN_FLOAT32 = 1 << 24

_model_name = re.compile(r"minidb/hash-([1-9][0-9]{0,4})", re.IGNORECASE).fullmatch


def dimension_of(model: str) -> int | None:
    """N of `minidb/hash-N`, None when the name is no such model or N is not in 1 to 65536."""
    match = _model_name(model)
    dimension = int(match[1]) if match else 0
    return dimension if 1 <= dimension <= MAX_DIMENSION else None


class HashEmbedder:
    """The embedder of `minidb/hash-<dimension>`. Safe to share between threads."""

    slow = False

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._words: dict[str, NDArray[np.float32]] = {}
        self._capacity = max(16, _CACHE_BYTES // (4 * dimension))

    def embed(self, request: Request) -> list[NDArray[np.float32]]:
        """One vector per text; see `Embedder`."""
        return list(self.vectors(request.texts()))

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), dimension) read-only float32 rows of unit length; a text without words gives zeros."""
        sums = np.zeros((len(texts), self.dimension), np.float64)
        for row, text in zip(sums, texts, strict=True):
            counts = Counter(split_words(lower(text)))
            if counts:
                row[:] = self._sum(counts)
        lengths = np.sqrt(np.einsum("ij,ij->i", sums, sums))[:, None]
        np.divide(sums, lengths, out=sums, where=lengths > 0)
        vectors = sums.astype(np.float32)
        vectors.flags.writeable = False
        return vectors

    def _sum(self, counts: Counter[str]) -> NDArray[np.floating]:
        rows = np.concatenate([self._word(word) for word in counts]).reshape(len(counts), self.dimension)
        weights = np.array([_count_weight(count) for count in counts.values()], np.float32)
        largest = float(weights.sum()) * (_WORD_WEIGHT + 3 * _LONGEST + 6)
        exact = np.float32 if largest < _EXACT_IN_FLOAT32 else np.float64
        weights = weights.astype(exact, copy=False)
        total = np.zeros(self.dimension, exact)
        step = max(1, _PIECE // self.dimension)
        for start in range(0, len(rows), step):
            total += weights[start : start + step] @ rows[start : start + step].astype(exact, copy=False)
        return total

    def _word(self, word: str) -> NDArray[np.float32]:
        """The weighted sum of the signs of a word and its n-grams: small integers, kept as float32 for the product."""
        row = self._words.get(word)
        if row is None:
            row = _word_row(word, self.dimension)
            if len(self._words) >= self._capacity:
                self._words.clear()
            self._words[word] = row
        return row


@lru_cache(maxsize=8)
def embedder_for(dimension: int) -> HashEmbedder:
    """One embedder is kept per dimension, so its words are hashed once."""
    return HashEmbedder(dimension)


@lru_cache(maxsize=4096)
def _count_weight(count: int) -> int:
    return round(_COUNT_SCALE * (1 + math.log(count)))


def _word_row(word: str, dimension: int) -> NDArray[np.float32]:
    marked = f"<{word[:_LONGEST]}>"
    grams = [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
    size = (dimension + 7) // 8
    stream = b"".join([_signs("n:" + gram, size) for gram in grams])
    bits = np.frombuffer(stream, np.uint8).reshape(len(grams), size)
    ones = np.unpackbits(bits, axis=1, count=dimension, bitorder="little").sum(axis=0, dtype=np.int32)
    own = np.unpackbits(np.frombuffer(_signs("w:" + word, size), np.uint8), count=dimension, bitorder="little")
    signs_of_grams = 2 * ones - len(grams)
    signs_of_word = 2 * own.astype(np.int32) - 1
    return np.asarray(signs_of_grams + _WORD_WEIGHT * signs_of_word, np.float32)


def _signs(feature: str, size: int) -> bytes:
    return hashlib.shake_128(feature.encode(), usedforsecurity=False).digest(size)
