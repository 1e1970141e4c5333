"""How many vectors a collection has, and what it takes of disk and memory, part by part, as Qdrant reports both.

Files are measured, so is what the system has of them in its cache; what Python holds is counted object by object.
Nothing is loaded or built for it. Of tables inside the store's one big file only the bytes are known, not the cache.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from hashlib import blake2b
from mmap import mmap
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from uuid import UUID

import numpy as np

from minidb.collection.config import dense_params
from minidb.collection.declared import checkpoint_slot, index_key
from minidb.collection.fields import OFFSET_BYTES, VectorField
from minidb.collection.index_plan import wants_index
from minidb.collection.reads import PointReader
from minidb.models.service import (
    CollectionMemoryReport,
    MemoryUsageReport,
    NamedPayloadIndexMemoryReport,
    NamedSparseVectorMemoryReport,
    NamedVectorMemoryReport,
    OtherMemoryReport,
)
from minidb.models.vector_params import Memory
from minidb.storage.checkpoint import find_checkpoint
from minidb.storage.records import sparse_key
from minidb.system import files

_ID_BYTES, _UUID_BYTES = 4 + 1 + 8 + 4 + 4, 4 + 1 + 16 + 4 + 4
"""An entry of `ids`: space, kind, id; row and checksum."""


@dataclass(frozen=True)
class SizeStats:
    """How many vectors a collection has, by name, and how many of the dense ones `indexed_only` leaves out; all of it
    is one segment to those who ask for segments.
    """

    n_points: int
    n_deleted: int
    n_vectors: dict[str, int]
    n_indexed: dict[str, int]
    n_left_out: dict[str, int]
    n_operations: int
    segment_id: UUID
    vectors_bytes: int = 0
    payloads_bytes: int = 0


def size_stats(reader: PointReader, *, with_bytes: bool) -> SizeStats:
    """The numbers telemetry tells. Only for the bytes is anything read: payloads' lengths and sparse vectors."""
    collection, view = reader.collection, reader.view
    indexes = collection.indexes_for(view)
    n_vectors, n_indexed, n_left_out, vectors_bytes = {}, {}, {}, 0
    for name, field in sorted(view.fields.items()):
        count = n_vectors[name] = view.count(field.slot)
        index = indexes.graphs.get(field.slot) or indexes.centroids.get(field.slot)
        if field.kind != "sparse":
            wanted = field.kind == "dense" and wants_index(view, field, collection.config)
            first = index.n_rows if index is not None else 0 if wanted else view.n_rows
            n_left_out[name] = int(view.has(field.slot)[first:].sum())
            n_indexed[name] = 0 if index is None else count - n_left_out[name]
            vectors_bytes += (view.n_tokens.get(field.slot, 0) if field.kind == "multi" else count) * field.row_bytes
            continue
        n_indexed[name] = count
        if with_bytes:
            vectors_bytes += _sparse_bytes(reader, field)
    payloads_bytes = collection.payload_bytes(reader) if with_bytes else 0
    segment_id = UUID(bytes=blake2b(f"{collection.number} {view.space}".encode(), digest_size=16).digest(), version=4)
    n_deleted = view.n_rows - view.n_alive
    return SizeStats(
        view.n_alive, n_deleted, n_vectors, n_indexed, n_left_out, view.seq, segment_id, vectors_bytes, payloads_bytes
    )


def _sparse_bytes(reader: PointReader, field: VectorField) -> int:
    space, slot, n_rows = reader.view.space, field.slot, reader.view.n_rows
    stored = reader.txn.scan("sparse", sparse_key(space, slot, 0), sparse_key(space, slot, n_rows))
    return sum(len(vector) for _, vector in stored)


def memory_report(reader: PointReader) -> CollectionMemoryReport:
    """The report of one collection. Reads every sparse vector, and of payloads the lengths, if they have changed."""
    measured = _Measured(reader)
    fields = sorted(reader.view.fields.values(), key=lambda field: field.name)
    vectors = [measured.vector(field) for field in fields if field.kind != "sparse"]
    sparse = [measured.sparse(field) for field in fields if field.kind == "sparse"]
    payload = measured.in_tables(reader.collection.payload_bytes(reader))
    payload_index = [
        NamedPayloadIndexMemoryReport(name=path, usage=measured.payload_index(path, schema))
        for path, schema in sorted(reader.collection.config.payload_schema.items())
    ]
    ids = measured.ids()
    parts = [payload, ids, *(index.usage for index in payload_index)]
    parts += [part for vector in vectors for part in (vector.storage, vector.index, vector.quantized) if part]
    parts += [part for vector in sparse for part in (vector.storage, vector.index)]
    return CollectionMemoryReport(
        total=sum(parts, MemoryUsageReport()), vectors=vectors, sparse_vectors=sparse, payload=payload,
        payload_index=payload_index, other=OtherMemoryReport(id_tracker=ids),
    )  # fmt: skip


class _Measured:
    """The parts of one collection, as of one reader."""

    def __init__(self, reader: PointReader) -> None:
        self._reader = reader
        self._view = reader.view
        self._collection = reader.collection
        self._indexes = self._collection.indexes_for(self._view)
        self._root = self._collection.store.path

    def vector(self, field: VectorField) -> NamedVectorMemoryReport:
        params = dense_params(self._collection.config.config.params)[field.name]
        is_cached = params.memory != Memory.COLD if params.memory is not None else not params.on_disk
        if field.kind == "multi":
            n_tokens = self._view.n_tokens.get(field.slot, 0)
            storage = self._rows(field.rows_file, OFFSET_BYTES, self._view.n_rows, is_cached)
            storage += self._rows(field.tokens_file, field.row_bytes, n_tokens, is_cached)
        else:
            storage = self._rows(field.rows_file, field.row_bytes, self._view.n_rows, is_cached)
        graph = self._indexes.graphs.get(field.slot)
        index = self._derived("graph", field.slot, is_mapped=graph is not None and graph.opens_mapped)
        if graph is not None:
            index += MemoryUsageReport(ram_bytes=graph.ram_bytes)
        if field.kind == "multi":
            index = self._held("centroids", field.slot, self._indexes.centroids.get(field.slot))
        quantized = self._held("sketch", field.slot, *self._indexes.codes_of(field))
        has_any = quantized.disk_bytes or quantized.ram_bytes
        return NamedVectorMemoryReport(
            name=field.name, storage=storage, index=index, quantized=quantized if has_any else None
        )

    def sparse(self, field: VectorField) -> NamedSparseVectorMemoryReport:
        storage = self.in_tables(_sparse_bytes(self._reader, field))
        index = self._held("sparse", field.slot, self._indexes.sparse_of(field))
        return NamedSparseVectorMemoryReport(name=field.name, storage=storage, index=index)

    def payload_index(self, path: str, schema: Any) -> MemoryUsageReport:
        key = index_key(path, schema)
        segments = self._collection.answers.indexes.as_of((self._view.space, key), self._view.seq)
        return self._held("payload", checkpoint_slot(key), segments)

    def ids(self) -> MemoryUsageReport:
        """Which point is in which row: the table, what is held of it, and its checkpoint."""
        n_uuids = int(np.count_nonzero(self._view.columns.kinds[self._view.rows]))
        n_ints = self._view.n_alive - n_uuids
        table = self.in_tables(n_ints * _ID_BYTES + n_uuids * _UUID_BYTES)
        return table + self._held("points", 0, self._view.columns, self._view.alive)

    def in_tables(self, n_bytes: int) -> MemoryUsageReport:
        is_in_memory = self._root is None
        return MemoryUsageReport(**{"ram_bytes" if is_in_memory else "disk_bytes": n_bytes})

    def _rows(self, name: str, width: int, n_rows: int, is_cached: bool) -> MemoryUsageReport:
        file = self._collection.store.row_file(self._view.space, name, width)
        if self._root is None:
            return MemoryUsageReport(ram_bytes=held_bytes(file)[0])
        path = self._root / "rows" / str(self._view.space) / name
        return _file(path, min(n_rows * file.stride, files.size(path)), is_cached)  # its end is a hole for more

    def _held(self, kind: str, slot: int, *forms: Any) -> MemoryUsageReport:
        """What is derived, and the file it was saved in."""
        ram_bytes, mapped_bytes = held_bytes(*forms)
        return self._derived(kind, slot, is_mapped=mapped_bytes > 0) + MemoryUsageReport(ram_bytes=ram_bytes)

    def _derived(self, kind: str, slot: int, *, is_mapped: bool) -> MemoryUsageReport:
        checkpoint = find_checkpoint(self._reader.txn, self._view.space, kind, slot)
        if checkpoint is None or self._root is None:
            return MemoryUsageReport()
        path = self._root / "derived" / str(self._view.space) / checkpoint.file
        return _file(path, files.size(path), is_mapped)


def _file(path: Path, n_bytes: int, is_cached: bool) -> MemoryUsageReport:
    cached_bytes = min(files.resident_bytes(path), n_bytes) if n_bytes else 0
    return MemoryUsageReport(
        disk_bytes=n_bytes, cached_bytes=cached_bytes, expected_cache_bytes=n_bytes if is_cached else 0
    )


def held_bytes(*things: Any) -> tuple[int, int]:
    """Memory that objects take with all that they refer to, and bytes of the files they have mapped."""
    seen, todo = set[int](), list(things)
    ram_bytes = mapped_bytes = 0
    while todo:
        thing = todo.pop()
        if id(thing) in seen or thing is None or isinstance(thing, (type, FunctionType, ModuleType)):
            continue
        seen.add(id(thing))
        if isinstance(thing, mmap):
            mapped_bytes += len(thing)
        elif isinstance(thing, np.ndarray):
            if thing.base is None:
                ram_bytes += thing.nbytes
            todo.append(thing.base)
        elif isinstance(thing, memoryview):
            todo.append(thing.obj)
        else:
            ram_bytes += sys.getsizeof(thing)
            todo += _parts(thing)
    return ram_bytes, mapped_bytes


def _parts(thing: Any) -> list[Any]:
    if isinstance(thing, dict):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, (list, tuple, set, frozenset)):
        return list(thing)
    slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    return [getattr(thing, "__dict__", None), *(getattr(thing, name, None) for name in slots)]
