"""Reading points of one snapshot: records, payloads and vectors by row; retrieve, scroll, count.

`PointReader` is also what filters see of a snapshot (`filter.evaluate.RowSource`). Results come out as `models.Record`;
scored hits are put together by `query`, with the same selectors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidb import filter as filters
from minidb import models
from minidb.collection.fields import OFFSET_BYTES, VectorField, decode_offsets, field_named
from minidb.collection.view import View
from minidb.errors import CorruptionError
from minidb.filter import json_path
from minidb.filter.json_path import JsonPath
from minidb.index import scratch
from minidb.index.payload.rows import mask_of
from minidb.storage.interface import CorruptRow, ReadTransaction, RowFile
from minidb.storage.records import (
    PointId,
    Record,
    id_key,
    payload_of,
    row_key,
    row_of_value,
    sparse_key,
    unpack_entries,
    unpack_payload,
    unpack_record,
    unpack_sparse,
)
from minidb.trace import NO_TRACE, Trace

if TYPE_CHECKING:
    from minidb.collection.collection import Collection as PointCollection
    from minidb.filter.answers import PayloadAnswers
    from minidb.filter.clauses import Node
    from minidb.filter.index_key import IndexKey, PayloadIndex, TextSettings

Rows = NDArray[np.uint32]
PayloadSelector = Callable[[bytes], dict[str, Any]] | None
"""From a packed payload to what is wanted of it; None: no payload."""
_RECORDS_AT_ONCE = 16


class _Point:
    """A record as filters see it; payload and vector names are unpacked only when asked for."""

    __slots__ = ("_keys", "_record", "_view")

    def __init__(self, record: Record, view: View, keys: Collection[str] | None) -> None:
        self._record = record
        self._view = view
        self._keys = keys

    @property
    def id(self) -> PointId:
        return self._record.id

    @property
    def payload(self) -> dict[str, Any]:
        payload = self._record.payload
        return unpack_payload(payload) if self._keys is None else unpack_entries(payload, self._keys)

    @property
    def vectors(self) -> Collection[str]:
        slots = self._record.slots
        return [field.name for field in self._view.fields.values() if slots >> field.slot & 1]


class PointReader:
    """The points of one snapshot."""

    def __init__(
        self, collection: PointCollection, view: View, txn: ReadTransaction, answers: PayloadAnswers | None = None
    ) -> None:
        self.collection = collection
        self.view = view
        self.txn = txn
        self._answers = answers if answers is not None else collection.answers
        self.trace: Trace = NO_TRACE

    # What filters ask (filter.evaluate.RowSource)

    @property
    def seq(self) -> int:
        return self.view.seq

    @property
    def n_rows(self) -> int:
        return self.view.n_rows

    @property
    def alive(self) -> NDArray[np.bool_]:
        return self.view.alive[: self.view.n_rows]

    def points(self, rows: Rows, keys: Collection[str] | None = None) -> Iterator[_Point]:
        for data in self._each_stored(rows):
            yield _Point(unpack_record(data), self.view, keys)

    def payloads(self, rows: Rows, keys: Collection[str]) -> Iterator[dict[str, Any]]:
        return (unpack_entries(payload_of(data), keys) for data in self._each_stored(rows))

    def _each_stored(self, rows: Rows) -> Iterator[bytes]:
        """Records one by one. Of most rows: one scan beats that many look-ups."""
        view = self.view
        if len(rows) <= 64 or len(rows) * 4 <= view.n_rows:
            for row in rows.tolist():
                yield self.stored([row])[0]
            return
        scan = self.txn.scan("records", row_key(view.space, int(rows[0])), row_key(view.space, int(rows[-1]) + 1))
        n_found = 0
        if len(rows) == view.n_alive:
            for _, data in scan:
                n_found += 1
                yield data
        else:
            wanted = mask_of(rows, view.n_rows)
            for key, data in scan:
                if wanted[int.from_bytes(key[4:], "big")]:
                    n_found += 1
                    yield data
        if n_found < len(rows):  # a damaged key took one to another place
            self.stored(rows.tolist())

    def rows_of_ids(self, ids: frozenset[PointId]) -> Rows:
        return np.array(sorted(row for row in map(self.row_of, ids) if row is not None), np.uint32)

    def having_vector(self, name: str) -> NDArray[np.bool_]:
        field = self.view.fields.get(name)
        return np.zeros(self.view.n_rows, bool) if field is None else self.view.has(field.slot)

    def changed_since(self, seq: int) -> Rows | None:
        return self.view.changed_since(seq)

    def text_settings(self, path: JsonPath) -> TextSettings | None:
        return self.collection.text_settings(path)

    def has_uuids(self, path: JsonPath) -> bool:
        return self.collection.has_uuids(path)

    def stored_index(self, key: IndexKey) -> tuple[int, int, PayloadIndex] | None:
        return self.collection.indexes_for(self.view).load_payload_index(self.txn, key)

    # Rows

    def row_of(self, point_id: PointId) -> int | None:
        value = self.txn.get("ids", id_key(self.view.space, point_id))
        return None if value is None else row_of_value(value)

    def record(self, row: int) -> Record:
        return unpack_record(self._found(row, self.txn.get("records", row_key(self.view.space, row))))

    def each_stored(self, rows: Sequence[int]) -> Iterable[bytes]:
        """`stored`, a few at a time: large ones need not all be there while parts of them are taken."""
        return self.stored(rows) if len(rows) <= _RECORDS_AT_ONCE else self._in_turn(rows)

    def _in_turn(self, rows: Sequence[int]) -> Iterator[bytes]:
        for start in range(0, len(rows), _RECORDS_AT_ONCE):
            yield from self.stored(rows[start : start + _RECORDS_AT_ONCE])

    def records_of(self, rows: Sequence[int]) -> list[Record]:
        """The records of these rows, in their order."""
        return list(map(unpack_record, self.stored(rows)))

    def stored(self, rows: Sequence[int]) -> list[bytes]:
        """The records of these rows as they are stored."""
        if self.txn.is_write:  # rows of its own may never be committed
            return self._looked_up(rows)
        return self.collection.known_records.read(self.view, rows, self._looked_up)

    def _looked_up(self, rows: Sequence[int]) -> list[bytes]:
        space = self.view.space
        found = self.txn.get_many("records", [row_key(space, row) for row in rows])
        if None in found:
            self._found(rows[found.index(None)], None)
        return found  # type: ignore[return-value]

    def _found(self, row: int, data: bytes | None) -> bytes:
        if data is None:
            raise CorruptionError(f"collection `{self.collection.name}`: the record of row {row} is missing")
        return data

    def matching(self, filter: models.Filter | None) -> Rows | None:
        """Rows that satisfy the filter, None for no filter; an answer is remembered until the collection changes."""
        if filter is None:
            return None
        return self.matching_node(filters.compile(filter).root)

    def matching_node(self, node: Node) -> Rows:
        """Rows that satisfy a compiled filter."""
        evaluation = filters.Evaluation(self, self._answers, self.view.space)
        if self.trace is NO_TRACE:
            return evaluation.rows(node)
        with self.trace.step("filter"):
            rows = evaluation.rows(node)
            self.trace.note(rows=len(rows))
        return rows

    def index_parts(self, key: IndexKey, rows: Rows | None = None) -> Iterator[tuple[Any, NDArray[np.bool_]]]:
        """Payload indexes that together have every point, each with `(n_rows,)`: the rows to take from it.

        Args:
            rows: the only ones that are wanted (None: all).
        """
        wanted = self.alive if rows is None else mask_of(rows, self.view.n_rows)
        return filters.Evaluation(self, self._answers, self.view.space).index(key).parts(wanted)

    # Vectors

    def dense(self, field: VectorField, rows: Rows) -> NDArray[np.float32]:
        """`(n, size) float32` of rows that have the vector, in a fresh array."""
        return field.decode(self.raw(field.rows_file, field.row_bytes, rows))

    def borrowed(self, field: VectorField, rows: Rows) -> NDArray[np.float32]:
        """Like `dense`, but in memory the next call in this thread uses again: fresh pages cost more than the copy."""
        file = self.collection.store.row_file(self.view.space, field.rows_file, field.row_bytes)
        target = scratch.borrowed(len(rows) * file.stride).reshape(len(rows), file.stride)
        return field.decode(self._copied(file, rows, target, sparing=bool(field.quantized)))

    def raw(self, name: str, width: int, rows: Rows) -> NDArray[np.uint8]:
        """Checked sealed rows, copied from a row file."""
        return self._copied(self.collection.store.row_file(self.view.space, name, width), rows)

    def _copied(
        self, file: RowFile, rows: Rows, target: NDArray[np.uint8] | None = None, *, sparing: bool = False
    ) -> NDArray[np.uint8]:
        try:
            return file.copied(rows, self.view.n_rows, target, sparing=sparing)
        except CorruptRow as error:
            raise self._corrupt(error) from None

    def _corrupt(self, error: CorruptRow) -> CorruptionError:
        return self.collection.corrupt_row(self.txn, self.view, error.file, error.row)

    def dense_range(self, field: VectorField, start: int, stop: int) -> NDArray[np.uint8]:
        """Sealed rows `[start, stop)`, mapped; those that count are checked once per process."""
        file = self.collection.store.row_file(self.view.space, field.rows_file, field.row_bytes)
        present = (start + np.flatnonzero(self.view.has(field.slot)[start:stop])).astype(np.uint32)
        try:
            file.verify(present, self.view.n_rows)
        except CorruptRow as error:
            raise self._corrupt(error) from None
        return file.raw(self.view.n_rows)[start:stop]

    def all_dense(self, field: VectorField) -> NDArray[np.uint8]:
        """All sealed rows `(n_rows, stride)`, mapped, every one that counts checked once."""
        file = self.collection.store.row_file(self.view.space, field.rows_file, field.row_bytes)
        try:
            file.verify_all(self.view.n_rows, self.view.has(field.slot))
        except CorruptRow as error:
            raise self._corrupt(error) from None
        return file.raw(self.view.n_rows)

    def tokens(self, field: VectorField, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Tokens `(sum, size) float32` of multivectors, one point's after the other's, and tokens per point."""
        sealed, counts = self.raw_tokens(field, rows)
        return field.decode(sealed), counts

    def raw_tokens(self, field: VectorField, rows: Rows) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The same as checked sealed rows."""
        mapped, starts, counts = self._checked_tokens(field, rows)
        return mapped.take(_token_rows(starts, counts), axis=0), counts

    def tokens_in_place(
        self, field: VectorField, rows: Rows
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """All tokens of a float32 field, mapped, and of these rows the first, checked, and how many there are."""
        mapped, starts, counts = self._checked_tokens(field, rows)
        return field.decode(mapped), starts, counts

    def _checked_tokens(
        self, field: VectorField, rows: Rows
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        starts, counts = decode_offsets(self.raw(field.rows_file, OFFSET_BYTES, rows))
        n_tokens = self.view.n_tokens.get(field.slot, 0)
        bad = np.flatnonzero(starts + counts > n_tokens)
        if len(bad):
            raise self.collection.corrupt_row(self.txn, self.view, field.rows_file, int(rows[bad[0]]))
        file = self.collection.store.row_file(self.view.space, field.tokens_file, field.row_bytes)
        try:
            file.verify(_token_rows(starts, counts), n_tokens)
        except CorruptRow as error:
            owner = np.flatnonzero((starts <= error.row) & (error.row < starts + counts))[:1]
            row = int(rows[owner[0]]) if len(owner) else error.row
            raise self.collection.corrupt_row(self.txn, self.view, error.file, row) from None
        return file.raw(n_tokens), starts, counts

    def sparse(self, field: VectorField, row: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Indices and values of one stored sparse vector."""
        return unpack_sparse(self.stored_sparse(field, row))

    def stored_sparse(self, field: VectorField, row: int) -> bytes:
        data = self.txn.get("sparse", sparse_key(self.view.space, field.slot, row))
        if data is None:
            raise CorruptionError(f"collection `{self.collection.name}`: sparse vector of row {row} is missing")
        return data

    def versions_of(self, rows: Rows) -> NDArray[np.uint64]:
        """The versions of these rows, in their order."""
        columns = self.view.columns
        versions: NDArray[np.uint64] = columns.versions[rows]
        rewritten = np.flatnonzero(columns.rewritten[rows])
        if len(rewritten):
            versions[rewritten] = [record.version for record in self.records_of(rows[rewritten].tolist())]
        return versions

    def vectors(self, rows: Rows, names: Sequence[str]) -> list[Any]:
        """What `with_vectors` returns for each row: the only vector if it has no name, else a dict by name.

        Dense vectors and multivectors are arrays of floats, each contiguous.
        """
        found: list[dict[str, Any]] = [{} for _ in range(len(rows))]
        for name in names:
            field = field_named(self.view.fields, name)
            at = np.flatnonzero(self.view.columns.slot(field.slot)[rows])
            for position, vector in zip(at.tolist(), self._vectors_of(field, rows[at]), strict=True):
                found[position][name] = vector
        return [vectors[""] if set(vectors) == {""} else vectors for vectors in found]

    def _vectors_of(self, field: VectorField, rows: Rows) -> Iterator[Any]:
        if not len(rows):
            return
        if field.kind == "dense":
            yield from self.dense(field, rows)
        elif field.kind == "sparse":
            for row in rows.tolist():
                indices, values = self.sparse(field, row)
                yield models.SparseVector(indices=indices.tolist(), values=values.tolist())
        else:
            tokens, counts = self.tokens(field, rows)
            ends = np.cumsum(counts)
            tokens = np.ascontiguousarray(tokens)
            for start, end in zip((ends - counts).tolist(), ends.tolist(), strict=True):
                yield tokens[start:end]

    # Requests

    def records(self, rows: Sequence[int], with_payload: object, with_vectors: object) -> list[models.Record]:
        """Points as callers see them, but for their vectors, which are arrays."""
        select = payload_selector(with_payload)
        names = vector_names(self.view, with_vectors)
        numbers = np.array(rows, np.uint32)
        if select is None:
            found = [models.Record(point_id) for point_id in self.view.ids_of(numbers)]
        else:
            stored = map(unpack_record, self.each_stored(rows))
            found = [models.Record(record.id, select(record.payload)) for record in stored]
        if names is not None:
            for record, vector in zip(found, self.vectors(numbers, names), strict=True):
                record.vector = vector
        return found

    def scroll(self, rows: Rows | None, offset: PointId | None, limit: int) -> tuple[Rows, PointId | None]:
        """A page of `limit` rows in the order of ids, from `offset` on, and the id the next page begins with."""
        page = self._page_by_walk if rows is None or len(rows) * len(rows) > 32 * limit * self.view.n_rows else None
        found = page(rows, offset, limit + 1) if page is not None else self._page_by_sort(rows, offset, limit + 1)
        next_offset = self.view.ids_of(found[limit:])[0] if len(found) > limit else None
        return found[:limit], next_offset

    def _page_by_walk(self, rows: Rows | None, offset: PointId | None, n: int) -> Rows:
        """Walk the ids in order: costs what the page is long, divided by the filter's share."""
        space = self.view.space
        allowed = None if rows is None else mask_of(rows, self.view.n_rows)
        start = id_key(space, offset if offset is not None else 0)
        found: list[int] = []
        for _, value in self.txn.scan("ids", start, (space + 1).to_bytes(4, "big")):
            row = row_of_value(value)
            if allowed is None or allowed[row]:
                found.append(row)
                if len(found) == n:
                    break
        return np.array(found, np.uint32)

    def _page_by_sort(self, rows: Rows | None, offset: PointId | None, n: int) -> Rows:
        assert rows is not None
        ordered = rows[self.view.id_order(rows)]
        if offset is not None:
            keep = self.view.at_or_after(ordered, offset)
            ordered = ordered[keep]
        return ordered[:n]


def _token_rows(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The tokens of points one after the other, by the first of each and how many there are."""
    ends = np.cumsum(counts)
    n_tokens = int(ends[-1]) if len(ends) else 0
    rows: NDArray[np.uint32] = (np.arange(n_tokens) + np.repeat(starts - (ends - counts), counts)).astype(np.uint32)
    return rows


def payload_selector(with_payload: object) -> PayloadSelector:
    """What `with_payload` keeps of a packed payload, as a function; None for no payload."""
    if with_payload is None or with_payload is False:
        return None
    if with_payload is True:
        return unpack_payload
    if isinstance(with_payload, models.PayloadSelectorExclude):
        paths = [JsonPath.parse(path) for path in with_payload.exclude]
        dropped = {path.first for path in paths if not path.rest}
        return lambda payload: json_path.exclude(unpack_entries(payload, dropped, others=True), paths)
    names = with_payload.include if isinstance(with_payload, models.PayloadSelectorInclude) else with_payload
    assert isinstance(names, list)
    paths = [JsonPath.parse(path) for path in names]
    kept = {path.first for path in paths}
    return lambda payload: json_path.include(unpack_entries(payload, kept), paths)


def vector_names(view: View, with_vectors: object) -> list[str] | None:
    """The vector names `with_vectors` asks for, None for no vectors. Raises `BadInput` for an unknown name."""
    if with_vectors is None or with_vectors is False:
        return None
    if with_vectors is True:
        return list(view.fields)
    assert isinstance(with_vectors, list)
    for name in with_vectors:
        field_named(view.fields, name)
    return list(with_vectors)
