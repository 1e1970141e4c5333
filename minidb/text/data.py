"""Reads `data.json.gz`: stopword lists, Lucene's ASCII folding, and the Unicode facts that Python versions disagree on.

The file is written by `_generate_data.py`. It is read once, when the first BM25 model is made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypedDict


class Bm25Data(TypedDict):
    """What the generator writes."""

    unicode: str  # the Unicode version the ranges and the lower-casing follow
    alphanumeric: list[tuple[int, int]]  # inclusive code point ranges that make up words
    lower: dict[str, str]  # capitals younger than Unicode 13, the oldest any supported Python knows
    folding: dict[str, str]  # a non-ASCII character and the ASCII text it folds to
    stopwords: dict[str, list[str]]  # by language


@lru_cache(maxsize=1)
def load() -> Bm25Data:
    """The whole file, decoded once per process (about 5 ms)."""
    import gzip  # these three cost more than the rest of this room to import, and many programs never cut a text
    import json
    import pkgutil

    packed = pkgutil.get_data(__name__, "data.json.gz")  # also of a package in a zip file
    assert packed is not None
    data: Bm25Data = json.loads(gzip.decompress(packed))
    return data
