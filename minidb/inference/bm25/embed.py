"""BM25 sparse vectors, bit-equal to those of Qdrant's server: term-frequency weights for documents, ones for queries.

The inverse document frequency is not here: it is the collection's `modifier: idf`. A term's index is the absolute value
of its murmur3 hash. Called by `inference.builtin`.

Weight of a term that occurs n times in a document of L terms (Robertson and Walker's BM25, as Qdrant applies it):

    n · (k + 1) / (n + k · (1 - b + b · L / avg_len))

Two different terms of one document may share an index (about one document of 75 words in a million). Their counts add
up here; the reference keeps one of the two, whichever its hash map yields last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import mmh3
import numpy as np
from numpy.typing import NDArray

from minidb.inference.bm25.options import Bm25Options, parse_options
from minidb.text.pipeline import TokenPipeline

if TYPE_CHECKING:
    from minidb.models.vectors import SparseVector

_MEMO_LIMIT = 1 << 17  # distinct raw tokens remembered per model: about 15 MB at the most
_BATCH = 512  # texts weighed at once; with more the arrays leave the processor's cache
_DROPPED = -1


class Bm25Model(Protocol):
    """What turns texts into BM25 vectors: indices uint32 ascending, values float32."""

    def documents(self, texts: Sequence[str]) -> list[SparseVector]: ...

    def queries(self, texts: Sequence[str]) -> list[SparseVector]: ...


def model_for(options: Mapping[str, Any] | None = None) -> Bm25Model:
    """The model for the options of a `Document`; one model is kept per set of options, so its memo is shared."""
    return _model(parse_options(options))


@lru_cache(maxsize=32)
def _model(options: Bm25Options) -> Bm25Model:
    if options.tokens.tokenizer == "multilingual":
        from minidb.inference.bm25.multilingual import MultilingualBm25

        return MultilingualBm25(options)
    return Bm25(options)


class Bm25:
    """BM25 with the `word`, `whitespace` or `prefix` tokenizer. Safe to share between threads."""

    def __init__(self, options: Bm25Options) -> None:
        self.options = options
        self._pipeline = TokenPipeline(options.tokens)
        self._query_ids = _Memo(lambda raw: _first_id(self._pipeline.query_terms(raw)))
        self._document_ids = _Memo(lambda raw: _first_id(self._pipeline.document_terms(raw)))
        self._prefix_ids = _Memo(lambda raw: tuple(map(term_id, self._pipeline.document_terms(raw))))

    def documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector per text; a text without terms gets an empty one."""
        ids_of = self._ids_of_prefixes if self._pipeline.options.tokenizer == "prefix" else self._ids_of_words
        vectors: list[SparseVector] = []
        for start in range(0, len(texts), _BATCH):
            ids = [ids_of(text) for text in texts[start : start + _BATCH]]
            vectors += _sparse_vectors(*self._weigh(ids))
        return vectors

    def queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector per text: every distinct term with weight 1."""
        arrays = []
        for text in texts:
            distinct = set(map(self._query_ids.__getitem__, self._pipeline.split(text)))
            distinct.discard(_DROPPED)
            arrays.append(np.array(sorted(distinct), np.uint32))
        weights = [np.ones(array.size, np.float32) for array in arrays]
        for array in (*arrays, *weights):
            array.flags.writeable = False
        return _sparse_vectors(arrays, weights)

    def _ids_of_words(self, text: str) -> list[int]:
        return list(map(self._document_ids.__getitem__, self._pipeline.split(text)))

    def _ids_of_prefixes(self, text: str) -> list[int]:
        return list(chain.from_iterable(map(self._prefix_ids.__getitem__, self._pipeline.split(text))))

    def _weigh(self, ids: Sequence[Sequence[int]]) -> tuple[list[NDArray[np.uint32]], list[NDArray[np.float32]]]:
        """Counts and weighs the term ids of a batch of documents in a few array operations."""
        sizes = np.fromiter(map(len, ids), np.int64, len(ids))
        flat = np.fromiter(chain.from_iterable(ids), np.int64, int(sizes.sum()))
        rows = np.repeat(np.arange(len(ids)), sizes)
        kept = flat != _DROPPED
        flat, rows = flat[kept], rows[kept]
        lengths = np.bincount(rows, minlength=len(ids))

        keys = (rows << 32) | flat
        keys.sort()
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(starts, append=keys.size).astype(np.float64)
        keys = keys[starts]
        rows = keys >> 32

        k, b = self.options.k, self.options.b
        saturation = k * (1.0 - b + b * lengths / self.options.avg_len)
        weights = (counts * (k + 1.0) / (counts + saturation[rows])).astype(np.float32)
        indices = (keys & 0xFFFFFFFF).astype(np.uint32)
        weights.flags.writeable = indices.flags.writeable = False  # and with them all the slices handed out
        ends = np.cumsum(np.bincount(rows, minlength=len(ids))).tolist()
        bounds = list(zip([0, *ends], ends, strict=False))
        return [indices[i:j] for i, j in bounds], [weights[i:j] for i, j in bounds]


def term_id(term: str) -> int:
    """The index of a term: |murmur3_x86_32(utf-8, seed 0)|, in 0 to 2³¹."""
    return abs(mmh3.hash(term, 0))


class _Memo(dict[str, Any]):
    """What a function gave for a raw token. Emptied when full; concurrent readers at worst compute a value again."""

    def __init__(self, compute: Callable[[str], Any]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, raw: str) -> Any:
        value = self._compute(raw)
        if len(self) >= _MEMO_LIMIT:
            self.clear()
        self[raw] = value
        return value


def _first_id(terms: tuple[str, ...]) -> int:
    return term_id(terms[0]) if terms else _DROPPED


def _sparse_vectors(indices: Sequence[NDArray[np.uint32]], values: Sequence[NDArray[np.float32]]) -> list[SparseVector]:
    from minidb.models.vectors import SparseVector

    # Not validated: that would cost ten times the rest, and these are unique and of equal length. A set of names of
    # their own would be half of what they take.
    names = {"indices", "values"}
    return [SparseVector.model_construct(names, indices=i, values=v) for i, v in zip(indices, values, strict=True)]
