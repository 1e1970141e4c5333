"""Points in the order of a payload value: the `order_by` query, and scrolling by one.

A point with several values comes once for each of them. Values come from a range index, which has to be declared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.declared import has_range, index_key, schema_type
from minidb.collection.reads import PointReader
from minidb.errors import BadInput
from minidb.filter.datetimes import to_micros
from minidb.filter.evaluate import Evaluation
from minidb.filter.json_path import JsonPath
from minidb.filter.lookup import IndexKey
from minidb.index.payload.moments import MomentIndex
from minidb.index.payload.rows import mask_of
from minidb.index.payload.values import ValueIndex
from minidb.query.hits import NO_HITS, Hits, OrderValues, Rows

RangeKind = Literal["integer", "float", "datetime"]
"""What a range index takes values for; it ignores all others."""

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Ordering:
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
    )


@dataclass(frozen=True, slots=True)
class RangeValues:
    """Values with their rows: a row stands there as often as it has different values."""

    rows: Rows
    values: OrderValues


def range_values(reader: PointReader, key: IndexKey, rows: Rows | None, kind: RangeKind) -> RangeValues:
    """The values of `rows` (None: all points) in a range index, one entry per row and distinct value."""
    index = Evaluation(reader, reader.collection.answers, reader.view.space).current_index(key)
    found_rows, values = (index.rows, index.micros) if isinstance(index, MomentIndex) else _numbers(index, kind)
    allowed = reader.alive if rows is None else mask_of(rows, reader.n_rows)
    keep = allowed[found_rows]
    found_rows, values = found_rows[keep], values[keep]
    order = np.lexsort((values, found_rows))
    found_rows, values = found_rows[order], values[order]
    first = np.ones(len(values), bool)
    first[1:] = (found_rows[1:] != found_rows[:-1]) | (values[1:] != values[:-1])
    return RangeValues(found_rows[first], values[first])


def _numbers(index: ValueIndex, kind: RangeKind) -> tuple[Rows, OrderValues]:
    if kind == "integer":
        return index.integers()
    return index.numbers()


def ordered(reader: PointReader, ordering: Ordering, rows: Rows | None, limit: int) -> Hits:
    """The first `limit` (value, point) pairs among ascending `rows` (None: all), equal values by id, with score 1.

    Source: lib/segment, read_view/order_by.rs; descending is the exact reverse, ids included.
    """
    key, kind = require_range_index(reader, ordering.key)
    view = reader.view
    pairs = range_values(reader, key, rows, kind)
    keep = _from_start(pairs.values, ordering)
    kept_rows, values = pairs.rows[keep], pairs.values[keep]
    if len(values) > 4 * limit:
        near = _best_border(values, limit, ordering.descending)
        kept_rows, values = kept_rows[near], values[near]
    if not len(values):
        return NO_HITS
    order = view.id_order(kept_rows)
    order = order[np.argsort(values[order], kind="stable")]
    if ordering.descending:
        order = order[::-1]
    order = order[:limit]
    return Hits(kept_rows[order], np.ones(len(order), np.float32), values[order])


def scroll_ordered(reader: PointReader, request: models.ScrollRequest) -> list[models.Record]:
    """A scroll with `order_by`: no page token, since one goes on with `start_from` and a filter (lib/collection)."""
    assert request.order_by is not None
    limit = 10 if request.limit is None else request.limit
    hits = ordered(reader, ordering(request.order_by), reader.matching(request.filter), limit)
    records = reader.records(hits.rows.tolist(), request.with_payload, request.with_vector)
    if hits.order_values is not None:
        for record, value in zip(records, hits.order_values.tolist(), strict=True):
            record.order_value = value
    return records


def _from_start(values: OrderValues, ordering: Ordering) -> NDArray[np.bool_]:
    start = ordering.start_from
    if start is None:
        return np.ones(len(values), bool)
    if values.dtype == np.int64 and math.isfinite(start):  # compared as integers: large ones are exact
        start = math.floor(start) if ordering.descending else math.ceil(start)
        if not _MIN_INT <= start <= _MAX_INT:
            return np.full(len(values), (start > 0) == ordering.descending)
    mask: NDArray[np.bool_] = values <= start if ordering.descending else values >= start
    return mask


def _best_border(values: OrderValues, limit: int, descending: bool) -> NDArray[np.bool_]:
    """Everything that is at least as good as the `limit`-th."""
    if descending:
        border = np.partition(values, len(values) - limit)[len(values) - limit]
        return np.asarray(values >= border)
    border = np.partition(values, limit - 1)[limit - 1]
    return np.asarray(values <= border)


_KIND_OF: dict[str, RangeKind] = {"integer": "integer", "float": "float", "datetime": "datetime"}
