"""Qdrant's server-side BM25 (`qdrant/bm25`), in process: no key, no network, no download."""

from __future__ import annotations

from minidb.inference.bm25.embed import Bm25, Bm25Model, model_for
from minidb.inference.bm25.options import Bm25Options, parse_options
from minidb.text.pipeline import TokenOptions, TokenPipeline

__all__ = ["Bm25", "Bm25Model", "Bm25Options", "TokenOptions", "TokenPipeline", "model_for", "parse_options"]
