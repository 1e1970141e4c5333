"""The embedding cache: vectors kept under the digests of `identity`, so that equal inputs are paid for once, ever.

Off unless a client asks for it. Holds neither inputs nor keys: a record is a digest and a vector, closed by a checksum.
Where the records lie is not known here: `ByteCache` is a table of the database's store. Called by `sharing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np

from minidb.errors import MinidbError

if TYPE_CHECKING:
    from minidb.inference.execute import Embedding

_FORMAT = 1
_DENSE, _SPARSE = 0, 1
_KINDS = "fiu"


class ByteCache(Protocol):
    """A bounded table of byte strings that forgets what was not asked for longest."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    def put_many(self, items: Sequence[tuple[bytes, bytes]]) -> None: ...


class EmbeddingCache:
    """Vectors by digest. What cannot be read is not there, and what cannot be written is not kept: no call fails."""

    def __init__(self, table: ByteCache) -> None:
        self._table = table

    def get_many(self, digests: Sequence[bytes]) -> list[Embedding | None]:
        """The vector of each digest, or None."""
        try:
            records = self._table.get_many(digests)
        except MinidbError as error:
            _warn("the embedding cache cannot be read: %s", error)
            return [None] * len(digests)
        return [None if record is None else unpack(record) for record in records]

    def put_many(self, items: Sequence[tuple[bytes, Embedding]]) -> None:
        """Keeps vectors."""
        records = [(digest, record) for digest, vector in items if (record := pack(vector)) is not None]
        try:
            if records:
                self._table.put_many(records)
        except MinidbError as error:
            _warn("the embedding cache cannot be written: %s", error)


def pack(embedding: Embedding) -> bytes | None:
    """A vector as a record: msgpack of (format, kind, arrays), then CRC-32. None for numbers no record holds."""
    import msgpack

    if isinstance(embedding, np.ndarray):
        kind, arrays = _DENSE, [embedding]
    else:
        kind, arrays = _SPARSE, [np.asarray(embedding.indices, np.uint32), np.asarray(embedding.values, np.float32)]
    if any(array.dtype.kind not in _KINDS for array in arrays):
        return None
    columns = [(array.dtype.newbyteorder("<").str, list(array.shape), _little_endian(array)) for array in arrays]
    content: bytes = msgpack.packb((_FORMAT, kind, columns))
    return content + crc32(content).to_bytes(4, "little")


def unpack(record: bytes) -> Embedding | None:
    """The vector of a record, read-only; None if it is damaged or of another format."""
    import msgpack

    content = record[:-4]
    if len(record) < 5 or crc32(content).to_bytes(4, "little") != record[-4:]:
        return None
    version, kind, columns = msgpack.unpackb(content)
    if version != _FORMAT:
        return None
    arrays = [_native(np.frombuffer(data, dtype).reshape(shape)) for dtype, shape, data in columns]
    if kind == _DENSE:
        return arrays[0]
    from minidb.models.vectors import SparseVector

    return SparseVector.model_construct(indices=arrays[0], values=arrays[1])


def _little_endian(array: np.ndarray[Any, Any]) -> bytes:
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _native(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    native.flags.writeable = False
    return native


def _warn(text: str, error: Exception) -> None:
    import logging  # takes 10 ms to import, and is hardly ever needed

    logging.getLogger("minidb.inference").warning(text, error)
