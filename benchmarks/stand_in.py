"""A model in the place of fastembed's, which costs nothing and counts: what is left is the work around a model.

minidb and qdrant-client both reach fastembed's models through `fastembed.TextEmbedding`; here it makes vectors of no
meaning without loading anything. Called by scenarios about inference.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from zlib import crc32

import numpy as np

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
SIZE = 384
OPTIONS = {"local_files_only": True}
"""To be given with every object: nothing is looked for on the hub."""

_ROWS = np.random.default_rng(7).standard_normal((1024, SIZE), dtype=np.float32)


@dataclass
class Count:
    """What the model was asked."""

    calls: int = 0
    inputs: int = 0


@contextmanager
def counting_model() -> Iterator[Count]:
    """fastembed's dense text models are this one, until the end of the block."""
    count = Count()

    def init(self: Any, *_: Any, **__: Any) -> None:
        """Loads nothing."""

    def embed(self: Any, documents: Iterable[str], **_: Any) -> list[Any]:
        texts = list(documents)
        count.calls += 1
        count.inputs += len(texts)
        return [_ROWS[crc32(text.encode()) % len(_ROWS)] for text in texts]

    fastembed = importlib.import_module("fastembed")
    with patch.multiple(fastembed.TextEmbedding, __init__=init, embed=embed):
        yield count
