"""Points by the BM25 score of a payload text, from a text index declared with `scoring`.

    score = Σ over distinct query terms of idf · tf · (k + 1) / (tf + k · (1 − b + b · length / mean length))

with idf = ln((N − df + 0.5) / (df + 0.5) + 1) over the points that have a text, whatever the filter, and lengths kept
to their 13 leading bits (Qdrant 1.20).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.reads import PointReader
from minidb.errors import BadInput, BadRequest
from minidb.filter.index_key import IndexKey, TextSettings
from minidb.filter.json_path import JsonPath
from minidb.index.payload.rows import member, taken
from minidb.index.payload.words import WordIndex
from minidb.query.hits import NO_HITS, Hits, Rows, ranked

_DEFAULT_K, _DEFAULT_B = 1.2, 0.75
_LENGTH_BITS = 13


class TextScore(NamedTuple):
    """A text query, checked."""

    path: JsonPath
    settings: TextSettings
    text: str
    k: float
    b: float


def text_score(reader: PointReader, query: models.TextQuery, using: str | None) -> TextScore:
    """The checked form of a text query. Raises `BadRequest` without a scoring text index, `BadInput` for bad k or b."""
    if not using:
        raise BadRequest("A text query needs `using` to name the payload field to search")
    path = JsonPath.parse(using)
    settings = reader.text_settings(path)
    if settings is None or not settings.scoring:
        raise BadRequest(f"A text query needs a text index with `scoring` on `{using}`")
    if isinstance(query.text, str):
        return TextScore(path, settings, query.text, _DEFAULT_K, _DEFAULT_B)
    given = query.text.scoring.bm25 if query.text.scoring is not None else models.Bm25Params()
    k = _DEFAULT_K if given.k is None else given.k
    b = _DEFAULT_B if given.b is None else given.b
    if not k >= 0:
        raise BadInput(f"BM25 k value {k} is invalid. Must be 0.0 or larger.")
    if not 0 <= b <= 1:
        raise BadInput(f"BM25 b value {b} is invalid. Must be from 0.0 to 1.0.")
    return TextScore(path, settings, query.text.query, k, b)


def best_by_text(reader: PointReader, score: TextScore, rows: Rows | None, limit: int) -> Hits:
    """The `limit` best of ascending `rows` (None: all points); points with none of the terms are left out."""
    from minidb.filter.clauses import TextMatch
    from minidb.filter.lookup import query_terms
    from minidb.index.sparse import idf

    key = IndexKey("words", score.path, score.settings)
    parts: list[tuple[WordIndex, NDArray[np.bool_]]] = list(reader.index_parts(key))
    terms = sorted(set(query_terms(score.settings, TextMatch(score.path, score.text, "any"))))
    documents, stored_lengths = taken((part, (index.rows, index.lengths)) for index, part in parts)
    lengths = _rounded(stored_lengths)
    has_terms = lengths > 0
    documents, lengths = documents[has_terms], lengths[has_terms]
    if not terms or not len(documents):
        return NO_HITS
    norms = np.zeros(reader.n_rows)
    norms[documents] = score.k * (1 - score.b + score.b * lengths / lengths.mean())
    scores = np.zeros(reader.n_rows)
    for term in terms:
        found, counts = taken((part, index.postings(term)) for index, part in parts)
        tf = counts.astype(np.float64)
        if len(found):
            weight = float(idf(len(documents), np.array([len(found)]))[0])
            scores[found] += weight * tf * (score.k + 1) / (tf + norms[found])
    candidates = np.flatnonzero(scores > 0.0).astype(np.uint32)
    if rows is not None:
        candidates = candidates[member(candidates, rows)]
    return ranked(reader.view, candidates, scores[candidates].astype(np.float32), limit)


def _rounded(lengths: NDArray[np.int32]) -> NDArray[np.float64]:
    """Lengths without the bits below their 13 leading ones."""
    lost = np.maximum(np.frexp(lengths.astype(np.float64))[1] - _LENGTH_BITS, 0)
    rounded: NDArray[np.float64] = np.floor(lengths / 2.0**lost) * 2.0**lost
    return rounded
