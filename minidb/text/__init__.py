"""Text → tokens, as Qdrant cuts, folds, filters and stems it: for BM25, text indexes and full-text conditions."""
