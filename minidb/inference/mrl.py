"""Matryoshka embeddings: cuts a full-size vector to the `mrl` dimensions a document asks for.

The vector is made once at full size and cut per request, so several sizes of one text cost one call. Called by `plan`
(is the option valid) and `inference.resolve` (cut).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidb.errors import InferenceError
from minidb.models.faults import shown

if TYPE_CHECKING:
    from minidb.inference.execute import Embedding

_UNIT_TOLERANCE = 1e-3


def parse_mrl(value: Any) -> int | None:
    """The option's value, None when absent. Raises InferenceError unless it is an integer of at least 1."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InferenceError(f"option mrl must be an integer of at least 1, got {shown(value)}")
    return int(value)


def cut(embedding: Embedding, size: int, model: str) -> NDArray[np.float32]:
    """The first `size` dimensions of a dense vector (d,) or of each row of a multivector (n, d), read-only float32.

    A vector of unit length is brought back to unit length, as the providers' own `dimensions` parameters do; another
    keeps its scale. A zero vector stays zero.

    Raises:
        InferenceError: the model's vectors are sparse, no floats, or have fewer dimensions.
    """
    if not isinstance(embedding, np.ndarray):
        raise InferenceError(f"option mrl needs dense vectors, {model} makes sparse ones")
    if embedding.dtype.kind != "f":
        raise InferenceError(f"option mrl needs float vectors, {model} made {embedding.dtype} ones")
    full = embedding.shape[-1]
    if size > full:
        raise InferenceError(f"option mrl must be at most {full}, the dimension of {model}, got {size}")
    if size == full:
        return embedding
    head = embedding[..., :size].astype(np.float32)
    lengths = np.linalg.norm(embedding, axis=-1, keepdims=True)
    head_lengths = np.linalg.norm(head, axis=-1, keepdims=True)
    unit = (np.abs(lengths - 1) <= _UNIT_TOLERANCE) & (head_lengths > 0)
    np.divide(head, head_lengths, out=head, where=unit)
    head.flags.writeable = False
    return head
