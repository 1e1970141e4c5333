"""Points on the move: read from one generation as they are stored, written to another that is being filled.

Vacuum copies chunks within a store, snapshots carry them out of one and into another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import OFFSET_BYTES, VectorField, decode_offsets, encode_offsets
from minidb.collection.reads import PointReader
from minidb.collection.view import PointColumns
from minidb.storage.checksum import seal_rows
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import Record, id_key, row_key, row_value, sparse_key, unpack_record

_CHUNK_ROWS = 16384
_CHUNK_BYTES = 64 << 20
STEP_ROWS, STEP_BYTES = 1_000, 2 << 20
"""What one transaction of many copies, while writers wait: 10 to 20 ms."""
_LOOK_ROWS = 32
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

    def steps(self) -> Iterator[Chunk]:
        """The same points in pieces of the size of a step."""
        records = self.unpacked or [unpack_record(data) for data in self.records]
        n_bytes = sum(map(len, self.records)) + sum(rows.nbytes for rows in self.dense.values())
        n_bytes += sum(sum(map(len, vectors)) for vectors in self.sparse.values())
        n = max(1, min(STEP_ROWS, len(records) * STEP_BYTES // max(n_bytes, 1)))
        slots = {*self.dense, *self.sparse}
        ends = {slot: np.cumsum([0, *(record.slots >> slot & 1 for record in records)]) for slot in slots}
        tokens = {slot: np.cumsum([0, *counts]) for slot, counts in self.counts.items()}
        for start, stop in pairwise([*range(0, len(records), n), len(records)]):
            piece = Chunk(self.records[start:stop], unpacked=records[start:stop])
            for slot in slots:
                first, end = int(ends[slot][start]), int(ends[slot][stop])
                if slot in self.sparse:
                    piece.sparse[slot] = self.sparse[slot][first:end]
                    continue
                if slot in self.counts:
                    piece.counts[slot] = self.counts[slot][first:end]
                    first, end = int(tokens[slot][first]), int(tokens[slot][end])
                piece.dense[slot] = self.dense[slot][first:end]
            yield piece


def read_chunks(reader: PointReader) -> Iterator[Chunk]:
    """All living points, in the order of rows. Raises `CorruptionError` for damaged ones."""
    rows, start = reader.view.rows, 0
    while start < len(rows):
        chunk = read_chunk(reader, rows[start : start + _CHUNK_ROWS], _CHUNK_BYTES)
        start += len(chunk.records)
        yield chunk


def read_chunk(reader: PointReader, rows: NDArray[np.uint32], most_bytes: int) -> Chunk:
    """The first of these points, until they are many bytes: all of a chunk is in memory at once."""
    chunk, n_bytes = Chunk([]), 0
    fields = reader.view.fields.values()
    while len(chunk.records) < len(rows) and n_bytes < most_bytes:
        step = rows[len(chunk.records) :][:_LOOK_ROWS]
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
                offsets = reader.raw(vector.rows_file, OFFSET_BYTES, having)
                n_bytes += int(decode_offsets(offsets)[1].sum()) * vector.row_bytes
            else:
                n_bytes += len(having) * vector.row_bytes
    rows = rows[: len(chunk.records)]
    for vector in fields:
        having = _having(reader, vector, rows)
        if vector.kind == "multi":
            chunk.dense[vector.slot], chunk.counts[vector.slot] = reader.raw_tokens(vector, having)
        elif vector.kind == "dense":
            chunk.dense[vector.slot] = reader.raw(vector.rows_file, vector.row_bytes, having)
    return chunk


def _having(reader: PointReader, vector: VectorField, rows: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return rows[reader.view.has(vector.slot)[rows]]


@dataclass(frozen=True)
class Filled:
    """How far a space is filled."""

    n_rows: int = 0
    n_tokens: dict[int, int] = field(default_factory=dict)


class ChunkWriter:
    """Fills an empty space, row by row from 0, in any number of transactions.

    A transaction may be run again: what it does here beyond `Filled` is done over.
    """

    def __init__(self, store: Store, space: int) -> None:
        self._store, self._space = store, space
        self.columns = PointColumns()
        """Of the rows written, for the view of the space."""

    def reserve(self, vectors: Collection[VectorField], n_bytes: int) -> None:
        """Have room for vectors of so many bytes in all; memory is taken only where it is written to."""
        for vector in vectors:
            if vector.kind != "sparse":
                width, name = vector.row_bytes, vector.rows_file
                if vector.kind == "multi":
                    tokens = self._store.row_file(self._space, vector.tokens_file, width)
                    tokens.reserve(n_bytes // tokens.stride)
                    width = OFFSET_BYTES
                rows = self._store.row_file(self._space, name, width)
                rows.reserve(n_bytes // rows.stride)

    def put(self, txn: WriteTransaction, vectors: Collection[VectorField], filled: Filled, chunk: Chunk) -> Filled:
        """Write points behind those already there."""
        space, first, n_tokens = self._space, filled.n_rows, dict(filled.n_tokens)
        records = chunk.unpacked or [unpack_record(data) for data in chunk.records]
        txn.put_many("records", [(row_key(space, first + at), data) for at, data in enumerate(chunk.records)])
        txn.put_many("ids", [(id_key(space, r.id), row_value(first + at)) for at, r in enumerate(records)])
        for vector in vectors:
            having = [at for at, record in enumerate(records) if record.slots >> vector.slot & 1]
            if not having:
                continue
            if vector.kind == "sparse":
                keys = [sparse_key(space, vector.slot, first + at) for at in having]
                txn.put_many("sparse", list(zip(keys, chunk.sparse[vector.slot], strict=True)))
                continue
            width, rows = vector.row_bytes, chunk.dense[vector.slot]
            if vector.kind == "multi":
                end = n_tokens.get(vector.slot, 0)
                self._store.row_file(space, vector.tokens_file, vector.row_bytes).append(txn, end, rows)
                n_tokens[vector.slot] = end + len(rows)
                counts = chunk.counts[vector.slot]
                width, rows = OFFSET_BYTES, seal_rows(encode_offsets(end + np.cumsum(counts) - counts, counts))
            file = self._store.row_file(space, vector.rows_file, width)
            if len(having) < len(records):
                sealed, rows = rows, np.zeros((len(records), file.stride), np.uint8)
                rows[having] = sealed
            file.append(txn, first, rows)
        self.columns = self.columns.with_capacity(first + len(records))
        slots, versions = [record.slots for record in records], [record.version for record in records]
        self.columns.put_many(first, [record.id for record in records], slots, versions)
        return Filled(first + len(records), n_tokens)
