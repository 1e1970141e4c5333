"""What has changed in a collection since a position in its log, page by page: points by their versions, and deletions.

A page goes by operations, and within one by ids; so what comes after a position stays there until it changes again,
which takes it to a later one. Nothing needs to be remembered of who reads the pages. Called by `Database.changes`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.eras import Log, Position
from minidb.collection.fields import OFFSET_BYTES, decode_offsets
from minidb.collection.reads import PointReader
from minidb.collection.sync_state import among, deleted, kept_since
from minidb.collection.view import KnownVersions
from minidb.storage.records import PointId

_Key: TypeAlias = tuple[int, bool, PointId]
"""Operation, whether the id is a UUID, id: the order of changes."""
_GONE = -1
_MOST_BYTES = 16 << 20
"""Of a page, about."""
_DIGITS = 11
"""Of a number in JSON, about."""


@dataclass(frozen=True, slots=True)
class LogPage:
    """What has changed since a position of a log."""

    log: Log
    next: Position
    """Where the next page begins; for who knows nothing of this log, where what is there now ends."""
    head: int
    """Operations there were when this was read: a position that has come to it has met all of them."""
    is_continued: bool
    """False for who knows nothing of this log: the page has nothing, and all there is has to be read."""
    deletions_since: int
    """Deletions of operations before this one are not known any more."""
    points: list[models.Record]
    deleted: list[PointId]


def log_page(
    reader: PointReader, log: Log, since: tuple[str, Position] | None, limit: int, without: Sequence[tuple[int, int]]
) -> LogPage:
    """See `Database.changes`."""
    head, kept = reader.view.seq, kept_since(reader.txn, reader.collection.number) or 0
    if since is None or since[1].seq > head or not log.reaches(*since):
        return LogPage(log, Position(head), head, False, kept, [], [])
    start = since[1]
    merged = heapq.merge(_written(reader, start, limit + 1, without), _deleted(reader, start, without))
    found = list(islice(merged, limit + 1))
    page = found[: min(limit, _n_fitting(reader, found))]
    end = Position(head)
    if len(page) < len(found):
        seq, _, point_id = found[len(page)][0]
        end = Position(seq, point_id)
    records = reader.records([row for _, row in page if row != _GONE], True, True)
    return LogPage(log, end, head, True, kept, records, [key[2] for key, row in page if row == _GONE])


def _n_fitting(reader: PointReader, found: list[tuple[_Key, int]]) -> int:
    """How many changes have room in a page, one at least: there may be payloads and multivectors of any length."""
    at = [place for place, (_, row) in enumerate(found) if row != _GONE]
    rows = np.array([found[place][1] for place in at], np.uint32)
    n_points = max(1, int(np.searchsorted(np.cumsum(_json_bytes(reader, rows)), _MOST_BYTES, "right")))
    return at[n_points] if n_points < len(at) else len(found)


def _json_bytes(reader: PointReader, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
    """About how long each point is as JSON."""
    lengths = np.array([len(record.payload) for record in reader.records_of(rows.tolist())], np.int64)
    for field in reader.view.fields.values():
        has = np.flatnonzero(reader.view.columns.slot(field.slot)[rows])
        if not len(has):
            continue
        if field.kind == "sparse":
            lengths[has] += [2 * len(reader.stored_sparse(field, row)) for row in rows[has].tolist()]
        elif field.kind == "dense":
            lengths[has] += _DIGITS * field.size
        else:
            offsets = reader.raw(field.rows_file, OFFSET_BYTES, rows[has])
            lengths[has] += _DIGITS * field.size * decode_offsets(offsets)[1]
    return lengths


def written_since(reader: PointReader, seq: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Rows of the points of versions from `seq` on, and their versions."""
    versions = _versions(reader)
    rows = np.flatnonzero(reader.alive & (versions >= np.uint64(seq))).astype(np.uint32)
    return rows, versions[rows]


def _versions(reader: PointReader) -> NDArray[np.uint64]:
    """Of all rows. What was rewritten in place has its version in its record; those read are remembered, or each page
    would read all of them.
    """
    view, known = reader.view, reader.collection.versions
    versions: NDArray[np.uint64] = view.columns.versions[: view.n_rows].copy()
    stale = None
    if known is not None and known.space == view.space and known.seq <= view.seq:
        if known.seq == view.seq:
            return known.versions
        stale = view.changed_since(known.seq)
        if stale is not None:  # else the view may have been made anew, and knows of no row that it was rewritten
            versions[: len(known.versions)] = known.versions
    if stale is None:
        stale = np.flatnonzero(view.columns.rewritten[: view.n_rows]).astype(np.uint32)
    stale = stale[reader.alive[stale]]
    versions[stale] = reader.versions_of(stale)
    reader.collection.versions = KnownVersions(view.space, view.seq, versions)
    return versions


def _written(
    reader: PointReader, since: Position, most: int, without: Sequence[tuple[int, int]]
) -> Iterator[tuple[_Key, int]]:
    """The first of the points that were written."""
    view = reader.view
    rows, versions = written_since(reader, since.seq)
    wanted = ~among(without, versions)
    if since.offset is not None:
        wanted &= (versions != np.uint64(since.seq)) | view.at_or_after(rows, since.offset)
    rows, versions = rows[wanted], versions[wanted]
    if len(rows) > most:  # sorting all of them for each page would take longer than reading them
        first = versions <= np.partition(versions, most)[most]
        rows, versions = rows[first], versions[first]
    by_id = view.id_order(rows)
    order = by_id[np.argsort(versions[by_id], kind="stable")][:most]
    rows, versions = rows[order], versions[order]
    for row, seq, point_id in zip(rows.tolist(), versions.tolist(), view.ids_of(rows), strict=True):
        yield (seq, isinstance(point_id, str), point_id), row


def _deleted(reader: PointReader, since: Position, without: Sequence[tuple[int, int]]) -> Iterator[tuple[_Key, int]]:
    """Deletions of points that are not there again."""
    for seq, ids in deleted(reader.txn, reader.collection.number, since.seq):
        if among(without, np.array([seq], np.uint64))[0]:
            continue
        for key in sorted((seq, isinstance(point_id, str), point_id) for point_id in ids):
            if not since.is_past(key) and reader.row_of(key[2]) is None:
                yield key, _GONE
