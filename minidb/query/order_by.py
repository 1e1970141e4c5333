"""Points in the order of a payload value: the `order_by` query, and scrolling by one.

A point with several values comes once for each of them. Values come from a range index, which has to be declared.
"""

from __future__ import annotations

import math
import sys
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.declared import has_range, index_key, schema_type
from minidb.collection.reads import PointReader
from minidb.errors import BadInput
from minidb.filter.index_key import IndexKey
from minidb.filter.json_path import JsonPath
from minidb.index.payload.moments import MomentIndex
from minidb.index.payload.rows import between
from minidb.index.payload.values import ValueIndex
from minidb.query.hits import NO_HITS, Hits, OrderValues, Rows

RangeKind = Literal["integer", "float", "datetime"]
"""What a range index takes values for; it ignores all others."""

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_MAX_FLOAT = sys.float_info.max


class Ordering(NamedTuple):
    """An `order_by`, checked. `start_from` is in the unit of the values: datetimes in microseconds."""

    key: JsonPath
    descending: bool
    start_from: int | float | None


def ordering(order_by: str | models.OrderBy) -> Ordering:
    """The ordering of a request. Raises `FormatError` for a key that is no path."""
    if isinstance(order_by, str):
        return Ordering(JsonPath.parse(order_by), False, None)
    start = order_by.start_from
    if isinstance(start, (datetime, date, str)):
        from minidb.models.moments import to_micros

        start = to_micros(start)
    return Ordering(JsonPath.parse(order_by.key), order_by.direction == models.Direction.DESC, start)


def require_range_index(reader: PointReader, key: JsonPath) -> tuple[IndexKey, RangeKind]:
    """The range index declared on `key`, and what it holds.

    Raises:
        BadInput: there is no such index (see `missing_range_index`).
    """
    for path, schema in reader.collection.config.payload_schema.items():
        if JsonPath.parse(path) == key and has_range(schema):
            return index_key(path, schema), _KIND_OF[schema_type(schema)]
    raise missing_range_index(key)


def missing_range_index(key: JsonPath) -> BadInput:
    """Qdrant's error for an ordering by a key without an index."""
    return BadInput(
        f"No range index for `order_by` key: `{key}`. Please create one to use `order_by`. Check "
        "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support "
        "Range conditions"
    ).hinting(f"client.create_payload_index(…, {str(key)!r}, 'integer'), or 'float' or 'datetime'")


def _pairs(index: Any, kind: RangeKind) -> tuple[Rows, OrderValues]:
    """Rows and their values in a range index, in the order of values: a row once for each of its different values.

    Rows that are no longer alive are among them.
    """
    if isinstance(index, MomentIndex):
        return index.pairs
    assert isinstance(index, ValueIndex)
    return index.integers if kind == "integer" else index.numbers.pairs


def ordered(reader: PointReader, ordering: Ordering, rows: Rows | None, limit: int) -> Hits:
    """The first `limit` (value, point) pairs among ascending `rows` (None: all), equal values by id, with score 1.

    Source: lib/segment, read_view/order_by.rs; descending is the exact reverse, ids included.
    """
    key, kind = require_range_index(reader, ordering.key)
    found = []
    for index, allowed in reader.index_parts(key, rows):
        pair_rows, values = _pairs(index, kind)
        first = _first(pair_rows, values, _from_start(values, ordering), allowed, limit, ordering.descending)
        found.append((pair_rows[first], values[first]))
    pair_rows, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(pair_rows):
        return NO_HITS
    order = reader.view.id_order(pair_rows)
    order = order[np.argsort(values[order], kind="stable")]
    if ordering.descending:
        order = order[::-1]
    order = order[:limit]
    return Hits(pair_rows[order], np.ones(len(order), np.float32), values[order])


def _first(
    rows: Rows, values: OrderValues, window: slice, allowed: NDArray[np.bool_], limit: int, descending: bool
) -> NDArray[np.int64]:
    """Positions in the window of the first `limit` pairs with an allowed row, and of all whose value equals the last's.

    Looks at no more of the window than it has to: ever larger parts of it, from the end that comes first.
    """
    start, stop, size = window.start, window.stop, 4 * limit
    while True:
        part = slice(max(start, stop - size), stop) if descending else slice(start, min(stop, start + size))
        found = _allowed(rows, part, allowed)
        if part == window:
            return found
        if len(found) >= limit:
            break
        size *= 4
    border = values[found[-limit if descending else limit - 1]]
    ties = between(values, gte=border, lte=border)
    part = slice(max(start, ties.start), stop) if descending else slice(start, min(stop, ties.stop))
    return _allowed(rows, part, allowed)


def _allowed(rows: Rows, part: slice, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.flatnonzero(allowed[rows[part]]) + part.start
    return found


def scroll_ordered(reader: PointReader, request: models.ScrollRequest) -> list[models.Record]:
    """A scroll with `order_by`: no page token, since one goes on with `start_from` and a filter (lib/collection).

    Raises:
        BadInput: there is an offset all the same, or no range index for the key.
    """
    assert request.order_by is not None
    if request.offset is not None:
        raise BadInput(
            "Cannot use an `offset` when using `order_by`. The alternative for paging is to use `order_by.start_from` "
            "and a filter to exclude the IDs that you've already seen for the `order_by.start_from` value"
        )
    limit = 10 if request.limit is None else request.limit
    hits = ordered(reader, ordering(request.order_by), reader.matching(request.filter), limit)
    records = reader.records(hits.rows.tolist(), request.with_payload, request.with_vector)
    if hits.order_values is not None:
        for record, value in zip(records, hits.order_values.tolist(), strict=True):
            record.order_value = value
    return records


def _from_start(values: OrderValues, ordering: Ordering) -> slice:
    """Where the ascending values lie from which the ordering starts."""
    start = ordering.start_from
    if start is None:
        return slice(0, len(values))
    if isinstance(start, int):  # Python's may be larger than any float
        start = max(-_MAX_FLOAT, min(start, _MAX_FLOAT))
    if values.dtype == np.int64 and math.isfinite(start):  # compared as integers: large ones are exact
        start = math.floor(start) if ordering.descending else math.ceil(start)
        if not _MIN_INT <= start <= _MAX_INT:
            return slice(0, len(values) if (start > 0) == ordering.descending else 0)
    return between(values, lte=start) if ordering.descending else between(values, gte=start)


_KIND_OF: dict[str, RangeKind] = {"integer": "integer", "float": "float", "datetime": "datetime"}
