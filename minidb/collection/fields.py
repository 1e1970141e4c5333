"""The vector fields of a collection as the engine sees them: which file they live in, how wide a row is, how to read
one.

Built from the collection's config; used by the write path, the indexes and the executor. Knows no points.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.errors import BadInput, choice
from minidb.index.dense.codes import Quantized
from minidb.storage.checksum import stride_of

Kind = Literal["dense", "multi", "sparse"]
_DTYPES: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
    "uint8": np.dtype("u1"),
}


@dataclass(frozen=True)
class VectorField:
    """One named vector. `slot` is its number for life: it names its files and its bit in a record's mask."""

    name: str
    slot: int
    kind: Kind
    size: int = 0
    distance: models.Distance = models.Distance.DOT
    datatype: str = "float32"
    idf: bool = False
    quantized: Quantized = ""
    quantile: float = 1.0
    """Share of the numbers that int8 has to fit."""

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        return _DTYPES.get(self.datatype, _DTYPES["float32"])

    @cached_property
    def row_bytes(self) -> int:
        """Content bytes of one vector (dense) or one token (multi) in its row file."""
        return self.size * self.dtype.itemsize

    @property
    def rows_file(self) -> str:
        return f"{self.slot}.vec"

    @property
    def tokens_file(self) -> str:
        return f"{self.slot}.tok"

    @property
    def ascending(self) -> bool:
        """True where a smaller score is nearer (Euclid, Manhattan)."""
        return self.distance in (models.Distance.EUCLID, models.Distance.MANHATTAN)

    def decode(self, raw: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Sealed rows `(n, stride) uint8` as `(n, size) float32`; for float32 a view, nothing is copied."""
        n, stride = raw.shape
        if self.dtype.itemsize == 1:
            return raw[:, : self.size].astype(np.float32)
        typed = raw.view(self.dtype) if raw.flags.c_contiguous else np.ascontiguousarray(raw).view(self.dtype)
        return typed.reshape(n, stride // self.dtype.itemsize)[:, : self.size].astype(np.float32, copy=False)

    def as_indexed(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values of a sparse vector as its index compares them; stored and returned they keep all their bits."""
        return values.astype(np.float16).astype(np.float32) if self.datatype == "float16" else values

    def encode(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """`(n, size) float32` as the `(n, row_bytes) uint8` content to seal: normalised for Cosine, cast to the
        datatype. Raises `BadInput` for numbers beyond float16, whose infinities would have no JSON form.
        """
        if self.distance == models.Distance.COSINE and self.datatype != "uint8":  # bytes of unit length would be zeros
            vectors = normalized(vectors)
        if self.datatype == "uint8":
            stored = np.clip(vectors, 0, 255).astype(np.uint8)  # saturating, as Qdrant casts
        elif self.datatype == "float16":
            with np.errstate(over="ignore"):
                stored = np.ascontiguousarray(vectors, self.dtype)
            if not np.isfinite(stored).all():
                raise BadInput(
                    f"Vector contains values that are not finite numbers as float16 for vector '{self.name}'"
                )
        else:
            stored = np.ascontiguousarray(vectors, self.dtype)
        return stored.view(np.uint8).reshape(len(vectors), self.row_bytes)


OFFSET_BYTES = 12
"""A multivector's row: first token (u64), number of tokens (u32)."""
OFFSET_STRIDE = stride_of(OFFSET_BYTES)


def encode_offsets(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """`(n, 12) uint8` content of a multivector's offset rows."""
    content = np.empty((len(starts), OFFSET_BYTES), np.uint8)
    content[:, :8] = starts.astype("<u8").view(np.uint8).reshape(-1, 8)
    content[:, 8:] = counts.astype("<u4").view(np.uint8).reshape(-1, 4)
    return content


def decode_offsets(raw: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First token and number of tokens of each offset row."""
    starts = np.ascontiguousarray(raw[:, :8]).view("<u8").reshape(-1).astype(np.int64)
    counts = np.ascontiguousarray(raw[:, 8:12]).view("<u4").reshape(-1).astype(np.int64)
    return starts, counts


def unit(vector: NDArray[np.float32], square: float) -> NDArray[np.float32]:
    """A vector of squared length `square` at unit length; kept when that is zero or one already.

    Qdrant keeps what is shorter than 0.000345, too, and makes zeros of what is longer than 1.8e19.
    """
    if abs(square - 1.0) <= _NEAR_ONE:
        return vector
    if not _SHORT <= square < math.inf:
        return _unit_in_64_bits(vector.reshape(1, -1)).reshape(-1)
    scaled: NDArray[np.float32] = vector / np.float32(math.sqrt(square))
    return scaled


_SHORT = 1e-30
"""A squared length below it, as one beyond float32, is computed again: the squares of its numbers may be zeros."""
_NEAR_ONE = 1e-6


def normalized(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows brought to unit length in float32; see `unit`."""
    if len(vectors) == 1:
        vector = vectors[0]
        return unit(vector, float(np.vdot(vector, vector))).reshape(1, -1)
    with np.errstate(over="ignore"):
        squares = np.einsum("ij,ij->i", vectors, vectors)
    unusual = np.flatnonzero(~((squares >= _SHORT) & (squares < np.inf)))
    keep = np.abs(squares - 1.0) <= _NEAR_ONE
    if keep.all():
        return vectors
    squares[keep] = squares[unusual] = 1.0
    scaled: NDArray[np.float32] = vectors / np.sqrt(squares)[:, None]
    if len(unusual):
        scaled[unusual] = _unit_in_64_bits(vectors[unusual])
    return scaled


def _unit_in_64_bits(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    exact = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    lengths[lengths == 0.0] = 1.0
    scaled: NDArray[np.float32] = (exact / lengths[:, None]).astype(np.float32)
    return scaled


def wrong_kind(field: VectorField, came: object, kinds: str) -> BadInput:
    """Qdrant's error for a vector of another kind than the field's, and what would have been one of its.

    Args:
        came: the vector, or the kind of the field it was looked up in.
        kinds: the two that differ, in Qdrant's words.
    """
    hint = f"{_label(field)} takes {_FORMS[field.kind].format(size=field.size)}, got {_form(came)}"
    return BadInput(f"Conversion between {kinds} vectors failed").hinting(hint)


def wrong_size(field: VectorField, got: int, text: str = "") -> BadInput:
    """Qdrant's error for a vector of another dimension than the field's; `text` goes behind its own."""
    hint = f"{_label(field)} takes {field.size} numbers (VectorParams(size={field.size})), got {got}"
    return BadInput(f"Vector dimension error: expected dim: {field.size}, got {got}{text}").hinting(hint)


_FORMS: dict[Kind, str] = {
    "dense": "a list or array of {size} numbers",
    "multi": "a list of vectors of {size} numbers",
    "sparse": "models.SparseVector(indices=[…], values=[…])",
}
_SEVERAL = "one at a time, or client.query_batch_points"
_LOOKED_UP = {"dense": "a dense vector", "multi": "a multivector", "sparse": "a sparse vector"}


def _label(field: VectorField) -> str:
    return f"the {field.kind} vector `{field.name}`" if field.name else f"the unnamed {field.kind} vector"


def _form(came: object) -> str:
    if isinstance(came, str):
        return f"{_LOOKED_UP[came]} of a point"
    if isinstance(came, models.SparseVector):
        return "a SparseVector"
    if not isinstance(came, (list, tuple, np.ndarray)):
        return f"a {type(came).__name__}"
    if len(came) == 1 and np.ndim(came[0]):
        return "one in a list: leave out the list around it"
    if isinstance(came, np.ndarray):
        return f"an array {came.shape}" + (f" ({_SEVERAL})" if came.ndim > 1 else "")
    if len(came) and np.ndim(came[0]):
        return f"a list of {len(came)} vectors ({_SEVERAL})"
    return f"a list of {len(came)} numbers"


def no_vector(name: str, known: Collection[str]) -> BadInput:
    """Qdrant's error for a vector name the collection does not have, and for the caller those it has."""
    hint = choice(name, known, "vectors")
    if not name:
        hint = f"name the vector (`using` of a query, a dict of names in a point); {hint}"
    elif list(known) == [""]:
        hint = f"leave out the name; {hint}"
    return BadInput(f"Not existing vector name error: {name}").hinting(hint)


def field_named(fields: dict[str, VectorField], name: str) -> VectorField:
    """The field, or Qdrant's error for a name the collection does not have."""
    field = fields.get(name)
    if field is None:
        raise no_vector(name, fields)
    return field
