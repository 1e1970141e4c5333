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

from minidb.index.payload.rows import Rows, member, rows_of


class WordIndex:
    """Immutable. Entries `(row, term, count)` sorted by term; per row the number of terms and of texts."""

    def __init__(
        self,
        codes: dict[str, int],
        entry_rows: Rows,
        entry_codes: NDArray[np.int32],
        counts: NDArray[np.int32],
        rows: Rows,
        lengths: NDArray[np.int32],
        texts: NDArray[np.int32],
    ) -> None:
        order = np.argsort(entry_codes, kind="stable")
        self._codes = codes
        self._entry_rows, self._entry_codes, self._counts = entry_rows[order], entry_codes[order], counts[order]
        self._starts = np.searchsorted(self._entry_codes, np.arange(len(codes) + 1))
        by_row = np.argsort(rows, kind="stable")
        self.rows = rows[by_row]
        """Rows that have a text, ascending."""
        self.lengths = lengths[by_row]
        """Terms per such row."""
        self._texts = texts[by_row]

    @classmethod
    def build(cls, rows: Rows, texts: Iterable[Sequence[Sequence[str]]]) -> WordIndex:
        """From the terms of each text at the path, a sequence of texts per row."""
        return cls(*_entries({}, rows, texts))

    def with_rows(self, dropped: Rows, rows: Rows, texts: Iterable[Sequence[Sequence[str]]]) -> WordIndex:
        """Without the entries of `dropped`, with those of `rows`."""
        codes, *fresh = _entries(dict(self._codes), rows, texts)
        keep, keep_rows = ~member(self._entry_rows, dropped), ~member(self.rows, dropped)
        old: list[NDArray[Any]] = [
            self._entry_rows[keep], self._entry_codes[keep], self._counts[keep],
            self.rows[keep_rows], self.lengths[keep_rows], self._texts[keep_rows],
        ]  # fmt: skip
        return WordIndex(codes, *(np.concatenate(pair) for pair in zip(old, fresh, strict=True)))

    def postings(self, term: str) -> tuple[Rows, NDArray[np.int32]]:
        """Rows that have the term, and how often; empty for an unknown term."""
        code = self._codes.get(term)
        if code is None:
            return np.zeros(0, np.uint32), np.zeros(0, np.int32)
        part = slice(self._starts[code], self._starts[code + 1])
        return self._entry_rows[part], self._counts[part]

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
        return {}, {
            "terms": np.frombuffer(msgpack.packb(list(self._codes)), np.uint8),
            "entry_rows": self._entry_rows,
            "entry_codes": self._entry_codes,
            "counts": self._counts,
            "rows": self.rows,
            "lengths": self.lengths,
            "texts": self._texts,
        }

    @classmethod
    def of_arrays(cls, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> WordIndex:
        codes = {term: code for code, term in enumerate(msgpack.unpackb(arrays["terms"].tobytes()))}
        names = ("entry_rows", "entry_codes", "counts", "rows", "lengths", "texts")
        return cls(codes, *(arrays[name] for name in names))


def _entries(
    codes: dict[str, int], rows: Rows, texts: Iterable[Sequence[Sequence[str]]]
) -> tuple[dict[str, int], Rows, NDArray[np.int32], NDArray[np.int32], Rows, NDArray[np.int32], NDArray[np.int32]]:
    entry_rows: list[int] = []
    entry_codes: list[int] = []
    counts: list[int] = []
    text_rows: list[int] = []
    lengths: list[int] = []
    n_texts: list[int] = []
    for row, documents in zip(rows.tolist(), texts, strict=True):
        if not documents:
            continue
        text_rows.append(row)
        lengths.append(sum(map(len, documents)))
        n_texts.append(len(documents))
        for term, count in Counter(term for document in documents for term in document).items():
            entry_rows.append(row)
            entry_codes.append(codes.setdefault(term, len(codes)))
            counts.append(count)
    return (
        codes,
        np.array(entry_rows, np.uint32),
        np.array(entry_codes, np.int32),
        np.array(counts, np.int32),
        np.array(text_rows, np.uint32),
        np.array(lengths, np.int32),
        np.array(n_texts, np.int32),
    )
