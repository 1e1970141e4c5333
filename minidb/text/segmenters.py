"""The `multilingual` and `code` tokenizers, borrowed from the optional `qdrant_edge` (the extra `multilingual`).

Their segmenters carry models of tens of megabytes and have no Python twin. The Rust core hands out terms only as the
hashes BM25 uses, sorted: enough to ask which texts have a term, not for phrases.
"""

from __future__ import annotations

from typing import Any

from minidb.errors import InferenceError
from minidb.text.pipeline import TokenOptions

BORROWED = ("multilingual", "code")


def edge_bm25(options: TokenOptions, k: float = 1.2, b: float = 0.75, avg_len: float = 256.0) -> Any:
    """The Rust core's BM25 embedder with these token options. Raises `InferenceError` where it is not installed."""
    try:
        import qdrant_edge as edge
    except ImportError as missing:
        raise InferenceError(
            f"tokenizer {options.tokenizer} needs an extra: pip install 'minidb-vector[multilingual]'"
        ) from missing
    stemmer: Any = edge.DisabledStemmer()
    if options.stemmer:
        stemmer = edge.SnowballParams(getattr(edge.SnowballLanguage, options.stemmer.capitalize()))
    return edge.Bm25(
        edge.Bm25Config(
            tokenizer=getattr(edge.TokenizerType, options.tokenizer.capitalize()),
            lowercase=options.lowercase,
            ascii_folding=options.ascii_folding,
            stopwords=edge.StopwordsSet(custom=set(options.stopwords)),
            stemmer=stemmer,
            min_token_len=options.min_token_len,
            max_token_len=options.max_token_len,
            k=k,
            b=b,
            avg_len=avg_len,
        )
    )


class BorrowedTerms:
    """The distinct terms of a text, as decimal hashes."""

    def __init__(self, options: TokenOptions) -> None:
        self._model = edge_bm25(options)

    def of_document(self, text: str) -> list[str]:
        """Terms a stored text is found by."""
        return list(map(str, self._model.embed_document(text).indices))

    def of_query(self, text: str) -> list[str]:
        """Terms a query asks for."""
        return list(map(str, self._model.embed_query(text).indices))
