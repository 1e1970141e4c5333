"""The write operations on points, with Qdrant's semantics: each is a function from a request to a step on a `Draft`.

Each checks and encodes everything outside the write transaction; the step it returns runs inside it. A step that finds
an id missing returns the error to raise and has written nothing; what a batch did before it is committed all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from minidb import models
from minidb.collection.draft import NO_ROW, Draft
from minidb.collection.encode import (
    FieldColumn,
    PointBatch,
    encode_batch,
    encode_points,
    ids_of,
)
from minidb.collection.fields import VectorField, field_named
from minidb.collection.payload_json import MAX_PAYLOAD_DEPTH, pack_payload
from minidb.errors import BadRequest, MinidbError, NotFound
from minidb.filter.json_path import JsonPath, delete_keys, set_at
from minidb.storage.records import PointId, unpack_payload

Step = Callable[[Draft], MinidbError | None]
Selector = Callable[[Draft, "models.Filter"], list[tuple[PointId, int]]]
"""Points (id and row) that satisfy a filter, in the order of ids."""


def upsert(
    fields: Mapping[str, VectorField], request: models.PointsList | models.PointsBatch, select: Selector
) -> Step:
    """Insert points, or replace all of an existing point's vectors and payload; of equal ids in one call the last
    wins.
    """
    if isinstance(request, models.PointsList):
        batch = encode_points(dict(fields), request.points)
    else:
        batch = encode_batch(dict(fields), request.batch)
    if not batch.ids:
        raise BadRequest("Empty update request")
    mode = request.update_mode or models.UpdateMode.UPSERT
    update_filter = request.update_filter
    are_distinct = len(set(batch.ids)) == len(batch.ids)

    def step(draft: Draft) -> None:
        chosen: Sequence[int]
        chosen = range(len(batch.ids)) if are_distinct else list({id: at for at, id in enumerate(batch.ids)}.values())
        rows = draft.rows_of(batch.ids[at] for at in chosen)
        if update_filter is not None or mode != models.UpdateMode.UPSERT:
            allowed = None
            if update_filter is not None:
                allowed = {row for _, row in select(draft, update_filter)}
            kept = [at for at, row in enumerate(rows) if _may_write(row, mode, allowed)]
            chosen, rows = [chosen[at] for at in kept], [rows[at] for at in kept]
        if chosen:
            _add_chosen(draft, batch, chosen, rows)

    return step


def _may_write(row: int, mode: models.UpdateMode, allowed: set[int] | None) -> bool:
    if row == NO_ROW:
        return mode != models.UpdateMode.UPDATE_ONLY
    return mode != models.UpdateMode.INSERT_ONLY and (allowed is None or row in allowed)


def _add_chosen(draft: Draft, batch: PointBatch, chosen: Sequence[int], rows: list[int]) -> None:
    if len(chosen) == len(batch.ids):
        draft.add(batch.ids, batch.payloads, batch.columns, rows)
        return
    columns = [_taken(column, chosen, len(batch.ids)) for column in batch.columns]
    draft.add([batch.ids[at] for at in chosen], [batch.payloads[at] for at in chosen], columns, rows)


def _taken(column: FieldColumn, chosen: Sequence[int], n_points: int) -> FieldColumn:
    """The column of the chosen points only, with positions among them."""
    if len(chosen) == n_points:
        return column
    index_of = np.full(n_points, -1, np.int64)
    index_of[column.positions] = np.arange(len(column.positions))
    source = index_of[np.array(chosen, np.int64)]
    positions = np.flatnonzero(source >= 0)
    source = source[positions]
    taken = FieldColumn(column.field, positions)
    if column.sparse is not None:
        taken.sparse = [column.sparse[at] for at in source.tolist()]
    elif column.counts is not None and column.sealed is not None:
        ends = np.cumsum(column.counts)
        taken.counts = column.counts[source]
        pieces = [column.sealed[ends[at] - column.counts[at] : ends[at]] for at in source.tolist()]
        taken.sealed = np.concatenate(pieces) if pieces else column.sealed[:0]
    elif column.sealed is not None:
        taken.sealed = column.sealed[source]
    return taken


def update_vectors(fields: Mapping[str, VectorField], request: models.UpdateVectors, select: Selector) -> Step:
    """Replace the given named vectors of existing points and keep their others."""
    batch = encode_points(dict(fields), request.points)
    ids, columns = batch.ids, batch.columns
    update_filter = request.update_filter

    def step(draft: Draft) -> MinidbError | None:
        error = _missing(ids, draft.rows_of(ids))
        if error is not None:
            return error
        allowed = {point_id for point_id, _ in select(draft, update_filter)} if update_filter is not None else None
        wanted = [at for at in range(len(ids)) if allowed is None or ids[at] in allowed]
        for chosen in _distinct_runs(wanted, ids):
            _replace_vectors(
                draft, [ids[at] for at in chosen], [_taken(column, chosen, len(ids)) for column in columns]
            )
        return None

    return step


def _replace_vectors(draft: Draft, ids: list[PointId], columns: list[FieldColumn]) -> None:
    rows = draft.rows_of(ids)
    records = [draft.record(row) for row in rows]
    carried = [record.slots for record in records]
    for column in columns:
        for at in column.positions.tolist():
            carried[at] &= ~(1 << column.field.slot)
    draft.add(ids, [record.payload for record in records], columns, rows, carried)


def _distinct_runs(positions: list[int], ids: list[PointId]) -> list[list[int]]:
    """The positions in order, cut wherever an id comes again: later vectors of a point add to earlier ones."""
    runs: list[list[int]] = []
    seen: set[PointId] = set()
    for at in positions:
        if not runs or ids[at] in seen:
            runs.append([])
            seen = set()
        runs[-1].append(at)
        seen.add(ids[at])
    return runs


def delete_vectors(fields: Mapping[str, VectorField], request: models.DeleteVectors, select: Selector) -> Step:
    """Take the named vectors away from points given by id, by filter, or both."""
    if request.points is None and request.filter is None:
        raise BadRequest("No filter or points provided")
    ids = ids_of(request.points or [])
    _check_not_empty(None if request.points is None else ids)
    mask = 0
    for name in request.vector:
        mask |= 1 << field_named(dict(fields), name).slot

    def step(draft: Draft) -> MinidbError | None:
        error = _missing(ids, draft.rows_of(ids))
        if error is not None:
            return error
        targets = dict.fromkeys(ids)
        if request.filter is not None:
            targets.update((point_id, None) for point_id, _ in select(draft, request.filter))
        losing = [(point_id, row) for point_id in targets if draft.record(row := draft.row_of(point_id)).slots & mask]
        if losing:
            records = [draft.record(row) for _, row in losing]
            carried = [record.slots & ~mask for record in records]
            payloads = [record.payload for record in records]
            draft.add([point_id for point_id, _ in losing], payloads, [], [row for _, row in losing], carried)
        return None

    return step


def delete(selector: models.PointIdsList | models.FilterSelector, select: Selector) -> Step:
    """Delete points; ids that are not there are ignored."""
    ids = ids_of(selector.points) if isinstance(selector, models.PointIdsList) else None
    _check_not_empty(ids)

    def step(draft: Draft) -> None:
        if ids is None:
            assert isinstance(selector, models.FilterSelector)
            draft.remove(select(draft, selector.filter))
        else:
            found = ((point_id, draft.row_of(point_id)) for point_id in dict.fromkeys(ids))
            draft.remove([(point_id, row) for point_id, row in found if row != NO_ROW])

    return step


def set_payload(request: models.SetPayload, select: Selector) -> Step:
    """Merge the given keys into the payload (null deletes a key); with `key`, merge below that path."""
    path = JsonPath.parse(request.key) if request.key is not None else None
    value = _as_stored(request.payload, MAX_PAYLOAD_DEPTH - (0 if path is None else 1 + len(path.rest)))
    return _rewriting(request, select, lambda payload: set_at(payload, path, value))


def overwrite_payload(request: models.SetPayload, select: Selector) -> Step:
    """Replace the whole payload; `key` is ignored, as Qdrant does."""
    value = _as_stored(request.payload)
    return _rewriting(request, select, lambda payload: value)


def delete_payload(request: models.DeletePayload, select: Selector) -> Step:
    """Remove what the given paths select."""
    paths: dict[str, list[JsonPath]] = {}
    for key in request.keys:
        path = JsonPath.parse(key)
        paths.setdefault(path.first, []).append(path)

    def change(payload: dict[str, Any]) -> dict[str, Any]:  # many points, many paths: few of them concern a point
        return delete_keys(payload, chain.from_iterable(paths.get(key, ()) for key in payload))

    return _rewriting(request, select, change)


def clear_payload(selector: models.PointIdsList | models.FilterSelector, select: Selector) -> Step:
    """Remove all payload."""
    return _rewriting(selector, select, lambda payload: {})


def _rewriting(request: Any, select: Selector, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Step:
    points: list[Any] | None = getattr(request, "points", None)
    payload_filter: Any = getattr(request, "filter", None)
    if points is None and payload_filter is None:
        raise BadRequest("Either list of point ids or filter must be provided")
    ids = ids_of(points) if points is not None else None
    _check_not_empty(ids)

    def step(draft: Draft) -> MinidbError | None:
        if ids is not None:
            distinct = list(dict.fromkeys(ids))
            rows = draft.rows_of(distinct)
            error = _missing(distinct, rows)
            if error is not None:
                return error
        else:
            rows = [row for _, row in select(draft, payload_filter)]
        for row in rows:
            draft.rewrite_payload(row, change)
        return None

    return step


def _check_not_empty(ids: list[PointId] | None) -> None:
    if ids is not None and not ids:
        raise BadRequest("Empty update request")


def _as_stored(payload: dict[str, Any], levels: int = MAX_PAYLOAD_DEPTH) -> dict[str, Any]:
    """The payload as it would be read back: what has no JSON form is refused before anything is written."""
    return unpack_payload(pack_payload(payload, levels))


def _missing(ids: Sequence[PointId], rows: Sequence[int]) -> NotFound | None:
    """The error of the first id that no point has. Qdrant goes through the list in pieces of 32 and keeps what it
    changed until then; here an operation is written whole or not at all.
    """
    missing = next((point_id for point_id, row in zip(ids, rows, strict=True) if row == NO_ROW), None)
    return None if missing is None else NotFound(f"No point with id {missing} found")


def prepare(operation: models.UpdateOperation, fields: Mapping[str, VectorField], select: Selector) -> Step:
    """The step of one operation of a batch update; checks and encodes now, writes when run."""
    match operation:
        case models.UpsertOperation():
            return upsert(fields, operation.upsert, select)
        case models.DeleteOperation():
            return delete(operation.delete, select)
        case models.SetPayloadOperation():
            return set_payload(operation.set_payload, select)
        case models.OverwritePayloadOperation():
            return overwrite_payload(operation.overwrite_payload, select)
        case models.DeletePayloadOperation():
            return delete_payload(operation.delete_payload, select)
        case models.ClearPayloadOperation():
            return clear_payload(operation.clear_payload, select)
        case models.UpdateVectorsOperation():
            return update_vectors(fields, operation.update_vectors, select)
        case models.DeleteVectorsOperation():
            return delete_vectors(fields, operation.delete_vectors, select)
