"""Points on the move: read from one generation as they are stored, written to the start of another.

Vacuum copies chunks within a store, snapshots carry them out of one and into another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import OFFSET_BYTES, VectorField, decode_offsets, encode_offsets
from minidb.collection.reads import PointReader
from minidb.storage.checksum import seal_rows
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import Record, id_key, row_key, row_value, sparse_key, unpack_record

_CHUNK_ROWS = 16384
_CHUNK_BYTES = 64 << 20
_STEP_ROWS = 32
"""After so many points it is looked whether a chunk is full: payloads and multivectors may be large."""


@dataclass(slots=True)
class Chunk:
    """Some points: their records, and by slot the vectors of those of them that have one, in the order of records."""

    records: list[bytes]
    dense: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    """Sealed rows; of multivectors all their tokens', one point's after the other's."""
    counts: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Tokens of each multivector."""
    sparse: dict[int, list[bytes]] = field(default_factory=dict)
    unpacked: list[Record] = field(default_factory=list)
    """The records again, where somebody has unpacked them already."""


def read_chunks(reader: PointReader) -> Iterator[Chunk]:
    """All living points, in the order of rows. Raises `CorruptionError` for damaged ones."""
    rows, start = reader.view.rows, 0
    while start < len(rows):
        chunk = _read_chunk(reader, rows[start : start + _CHUNK_ROWS])
        start += len(chunk.records)
        yield chunk


def _read_chunk(reader: PointReader, rows: NDArray[np.uint32]) -> Chunk:
    """The first of these points, until they are many bytes: all of a chunk is in memory at once."""
    chunk, n_bytes = Chunk([]), 0
    fields = reader.view.fields.values()
    while len(chunk.records) < len(rows) and n_bytes < _CHUNK_BYTES:
        step = rows[len(chunk.records) :][:_STEP_ROWS]
        records = reader.stored(step.tolist())
        chunk.records += records
        n_bytes += sum(map(len, records))
        for vector in fields:
            having = _having(reader, vector, step)
            if vector.kind == "sparse":
                stored = [reader.stored_sparse(vector, row) for row in having.tolist()]
                chunk.sparse.setdefault(vector.slot, []).extend(stored)
                n_bytes += sum(map(len, stored))
            elif vector.kind == "multi":
                offsets = reader.raw(vector.rows_file, OFFSET_BYTES, having, vector.slot)
                n_bytes += int(decode_offsets(offsets)[1].sum()) * vector.row_bytes
            else:
                n_bytes += len(having) * vector.row_bytes
    rows = rows[: len(chunk.records)]
    for vector in fields:
        having = _having(reader, vector, rows)
        if vector.kind == "multi":
            chunk.dense[vector.slot], chunk.counts[vector.slot] = reader.raw_tokens(vector, having)
        elif vector.kind == "dense":
            chunk.dense[vector.slot] = reader.raw(vector.rows_file, vector.row_bytes, having, vector.slot)
    return chunk


def _having(reader: PointReader, vector: VectorField, rows: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return rows[reader.view.has(vector.slot)[rows]]


@dataclass
class ChunkWriter:
    """Fills an empty space, row by row from 0."""

    store: Store
    txn: WriteTransaction
    space: int
    fields: Iterable[VectorField]
    n_rows: int = 0
    n_tokens: dict[int, int] = field(default_factory=dict)

    def put(self, chunk: Chunk) -> None:
        """Write points behind those already there."""
        space, first = self.space, self.n_rows
        records = chunk.unpacked or [unpack_record(data) for data in chunk.records]
        self.txn.put_many("records", [(row_key(space, first + at), data) for at, data in enumerate(chunk.records)])
        self.txn.put_many("ids", [(id_key(space, r.id), row_value(first + at)) for at, r in enumerate(records)])
        for vector in self.fields:
            having = [at for at, record in enumerate(records) if record.slots >> vector.slot & 1]
            if not having:
                continue
            if vector.kind == "sparse":
                keys = [sparse_key(space, vector.slot, first + at) for at in having]
                self.txn.put_many("sparse", list(zip(keys, chunk.sparse[vector.slot], strict=True)))
            elif vector.kind == "multi":
                self._put_rows(vector, OFFSET_BYTES, having, self._put_tokens(vector, chunk), len(records))
            else:
                self._put_rows(vector, vector.row_bytes, having, chunk.dense[vector.slot], len(records))
        self.n_rows += len(records)

    def _put_rows(
        self, vector: VectorField, width: int, having: list[int], sealed: NDArray[np.uint8], n_rows: int
    ) -> None:
        file = self.store.row_file(self.space, vector.rows_file, width)
        rows = sealed
        if len(having) < n_rows:
            rows = np.zeros((n_rows, file.stride), np.uint8)
            rows[having] = sealed
        file.append(self.txn, self.n_rows, rows)

    def _put_tokens(self, vector: VectorField, chunk: Chunk) -> NDArray[np.uint8]:
        """Write the tokens; the sealed rows that say where each point's are."""
        tokens, counts, end = chunk.dense[vector.slot], chunk.counts[vector.slot], self.n_tokens.get(vector.slot, 0)
        self.store.row_file(self.space, vector.tokens_file, vector.row_bytes).append(self.txn, end, tokens)
        self.n_tokens[vector.slot] = end + len(tokens)
        return seal_rows(encode_offsets(end + np.cumsum(counts) - counts, counts))
