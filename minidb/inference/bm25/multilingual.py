"""BM25 with the `multilingual` tokenizer (jieba, vaporetto and friends), borrowed from the optional `qdrant_edge`.

Those segmenters carry models of tens of megabytes and have no Python twin; everything else of BM25 is in `embed`.
Called by `embed.model_for`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minidb.inference.bm25.options import Bm25Options
from minidb.text.segmenters import edge_bm25

if TYPE_CHECKING:
    from minidb.models.vectors import SparseVector


class MultilingualBm25:
    """The same two methods as `embed.Bm25`, computed by qdrant_edge."""

    def __init__(self, options: Bm25Options) -> None:
        self._model = edge_bm25(options.tokens, k=options.k, b=options.b, avg_len=options.avg_len)

    def documents(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector per text; a text without terms gets an empty one."""
        return [_sparse_vector(self._model.embed_document(text)) for text in texts]

    def queries(self, texts: Sequence[str]) -> list[SparseVector]:
        """One vector per text: every distinct term with weight 1."""
        return [_sparse_vector(self._model.embed_query(text)) for text in texts]


def _sparse_vector(vector: Any) -> SparseVector:
    from minidb.models.vectors import SparseVector

    return SparseVector(indices=np.array(vector.indices, np.uint32), values=np.array(vector.values, np.float32))
