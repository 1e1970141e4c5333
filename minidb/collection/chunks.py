"""Points on the move: read from one generation as they are stored, written to the start of another.

Vacuum copies chunks within a store, snapshots carry them out of one and into another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from minidb.collection.fields import OFFSET_BYTES, VectorField, encode_offsets
from minidb.collection.reads import PointReader
from minidb.storage.checksum import seal_rows
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import id_key, row_key, row_value, sparse_key, unpack_record

_CHUNK_ROWS = 16384
_CHUNK_BYTES = 64 << 20


@dataclass(slots=True)
class Chunk:
    """Some points: their records, and by slot the vectors of those of them that have one, in the order of records."""

    records: list[bytes]
    dense: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    """Sealed rows; of multivectors all their tokens', one point's after the other's."""
    counts: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    """Tokens of each multivector."""
    sparse: dict[int, list[bytes]] = field(default_factory=dict)


def read_chunks(reader: PointReader) -> Iterator[Chunk]:
    """All living points, in the order of rows. Raises `CorruptionError` for damaged ones."""
    view = reader.view
    rows_at_once = max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // (1 + sum(f.row_bytes for f in view.fields.values()))))
    for start in range(0, view.n_alive, rows_at_once):
        rows = view.rows[start : start + rows_at_once]
        chunk = Chunk(reader.stored(rows.tolist()))
        for vector in view.fields.values():
            having = rows[view.has(vector.slot)[rows]]
            if vector.kind == "sparse":
                chunk.sparse[vector.slot] = [reader.stored_sparse(vector, row) for row in having.tolist()]
            elif vector.kind == "multi":
                chunk.dense[vector.slot], chunk.counts[vector.slot] = reader.raw_tokens(vector, having)
            else:
                chunk.dense[vector.slot] = reader.raw(vector.rows_file, vector.row_bytes, having, vector.slot)
        yield chunk


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
        records = [unpack_record(data) for data in chunk.records]
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
        rows = np.zeros((n_rows, file.stride), np.uint8)
        rows[having] = sealed
        file.append(self.txn, self.n_rows, rows)

    def _put_tokens(self, vector: VectorField, chunk: Chunk) -> NDArray[np.uint8]:
        """Write the tokens; the sealed rows that say where each point's are."""
        tokens, counts, end = chunk.dense[vector.slot], chunk.counts[vector.slot], self.n_tokens.get(vector.slot, 0)
        self.store.row_file(self.space, vector.tokens_file, vector.row_bytes).append(self.txn, end, tokens)
        self.n_tokens[vector.slot] = end + len(tokens)
        return seal_rows(encode_offsets(end + np.cumsum(counts) - counts, counts))
