"""The inverted text index of one payload path: from a term to the rows whose texts have it, with counts for BM25.

Texts arrive as terms; how they were cut is the caller's business. Several texts of one row are one document here, so
that an answer about a single text has to be checked by whoever asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.index.payload.coded import Coded
from minidb.index.payload.rows import Mask, Rows, member, rows_of, taken


class WordIndex:
    """Immutable. Entries `(row, term, count)` by term; per row the number of terms and of texts."""

    def __init__(self, entries: Coded, rows: Rows, lengths: NDArray[np.int32], texts: NDArray[np.int32]) -> None:
        by_row = np.argsort(rows, kind="stable")
        self._entries = entries
        self.rows = rows[by_row]
        """Rows that have a text, ascending."""
        self.lengths = lengths[by_row]
        """Terms per such row."""
        self._texts = texts[by_row]

    @classmethod
    def build(cls, rows: Rows, texts: Iterable[Sequence[Sequence[str]]]) -> WordIndex:
        """From the terms of each text at the path, a sequence of texts per row."""
        codes: dict[str, int] = {}
        entries: list[tuple[int, int, int]] = []
        documents: list[tuple[int, int, int]] = []
        for row, document in zip(rows.tolist(), texts, strict=True):
            if document:
                documents.append((row, sum(map(len, document)), len(document)))
                counted = Counter(term for text in document for term in text)
                entries += [(row, codes.setdefault(term, len(codes)), count) for term, count in counted.items()]
        return cls(Coded.of(codes, *_columns(entries)), *_columns(documents))

    @classmethod
    def joined(cls, parts: Sequence[tuple[WordIndex, Mask]]) -> WordIndex:
        entries = Coded.joined([(part._entries, allowed) for part, allowed in parts])
        return cls(entries, *taken((allowed, (part.rows, part.lengths, part._texts)) for part, allowed in parts))

    def postings(self, term: str) -> tuple[Rows, NDArray[np.int32]]:
        """Rows that have the term, and how often; empty for an unknown term."""
        part, counts = self._entries.part(term) or slice(0, 0), self._entries.counts
        assert counts is not None
        return self._entries.rows[part], counts[part]

    def rows_with_any(self, terms: Iterable[str]) -> Rows:
        """Rows that have one of the terms."""
        return rows_of([self.postings(term)[0] for term in terms])

    def rows_with_all(self, terms: Iterable[str]) -> Rows:
        """Rows that have every term, in whichever of their texts."""
        lists = sorted((self.postings(term)[0] for term in set(terms)), key=len)
        if not lists:
            return np.zeros(0, np.uint32)
        rows = lists[0]
        for other in lists[1:]:
            rows = rows[member(rows, other)]
        return rows_of([rows])

    def with_several_texts(self, rows: Rows) -> NDArray[np.bool_]:
        """`(n,) bool`: which of these indexed rows have more than one text."""
        several: NDArray[np.bool_] = self._texts[np.searchsorted(self.rows, rows)] > 1
        return several

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a checkpoint keeps."""
        entries = self._entries
        assert entries.counts is not None
        return {}, {
            "terms": np.frombuffer(msgpack.packb(list(entries.codes)), np.uint8),
            "entry_rows": entries.rows,
            "entry_codes": entries.entry_codes,
            "counts": entries.counts,
            "rows": self.rows,
            "lengths": self.lengths,
            "texts": self._texts,
        }

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> WordIndex:
        codes = {term: code for code, term in enumerate(msgpack.unpackb(arrays["terms"].tobytes()))}
        entries = Coded(codes, *(arrays[name] for name in ("entry_rows", "entry_codes", "counts")))
        return cls(entries, *(arrays[name] for name in ("rows", "lengths", "texts")))


def _columns(entries: list[tuple[int, int, int]]) -> tuple[Rows, NDArray[np.int32], NDArray[np.int32]]:
    """Entries that begin with their row, as arrays."""
    rows, *others = zip(*entries, strict=True) if entries else ((), (), ())
    first, second = (np.array(values, np.int32) for values in others)
    return np.array(rows, np.uint32), first, second
