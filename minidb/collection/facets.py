"""What declared payload indexes tell: the `payload_schema` of info, and facets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection.declared import MATCH_TYPES, index_key, is_uuid, schema_type, spelled
from minidb.collection.reads import PointReader
from minidb.errors import BadInput
from minidb.index.payload.rows import mask_of


def schema_info(reader: PointReader, schemas: dict[str, Any]) -> dict[str, models.PayloadIndexInfo]:
    """What info shows of each declared index: its type, its settings, how many points have a value of that type."""
    shown = {}
    for path, schema in schemas.items():
        parts = reader.index_parts(index_key(path, schema))
        points = sum(_n_points(index, schema_type(schema), part) for index, part in parts)
        params = None if isinstance(schema, str) else schema.model_copy(deep=True)  # the caller's to change
        data_type = models.PayloadSchemaType(schema_type(schema))
        shown[path] = models.PayloadIndexInfo(data_type=data_type, params=params, points=points)
    return shown


def _n_points(index: Any, type_: str, allowed: NDArray[np.bool_]) -> int:
    if type_ == "float":
        return int(index.n_rows_with(allowed, None))
    if type_ in _WANTED:
        return int(index.n_rows_with(allowed, _WANTED[type_]))
    rows = index.integers[0] if type_ == "integer" else index.rows
    return int(np.count_nonzero(mask_of(rows, len(allowed)) & allowed))


def n_values(reader: PointReader, path: str, schema: Any) -> int:
    """How many values a declared index has, each once for a point; of a text index, how many points."""
    type_ = schema_type(schema)
    parts = reader.index_parts(index_key(path, schema))
    if type_ in _WANTED:
        return sum(count for index, part in parts for _, count in index.counts(part, _WANTED[type_]))
    if type_ == "text":
        return sum(_n_points(index, type_, part) for index, part in parts)
    return sum(int(np.count_nonzero(part[_entries(index, type_)])) for index, part in parts)


def _entries(index: Any, type_: str) -> NDArray[np.uint32]:
    """The row of each value."""
    rows: NDArray[np.uint32]
    if type_ == "integer":
        rows, _ = index.integers
    else:
        rows = index.numbers.rows if type_ == "float" else index.rows
    return rows


_WANTED: dict[str, Callable[[Any], bool]] = {
    "keyword": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "uuid": is_uuid,
}


def facet(reader: PointReader, schemas: dict[str, Any], request: models.FacetRequest) -> models.FacetResponse:
    """The values at a path with a match index, most frequent first, equal counts by value.

    Raises `BadInput` where no such index is declared.
    """
    key = spelled(request.key)
    schema = schemas.get(key)
    if schema is None or schema_type(schema) not in MATCH_TYPES or getattr(schema, "lookup", None) is False:
        raise BadInput(
            f"No appropriate index for faceting: `{key}`. Please create one to facet on this field. Check "
            "https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support "
            "Match conditions"
        ).hinting(f"client.create_payload_index(…, {request.key!r}, 'keyword'), or 'integer', 'bool' or 'uuid'")
    counts: Counter[Any] = Counter()
    for index, allowed in reader.index_parts(index_key(key, schema), reader.matching(request.filter)):
        if schema_type(schema) == "integer":
            counts.update(dict(index.integer_counts(allowed)))
        else:
            counts.update(dict(index.counts(allowed, _WANTED[schema_type(schema)])))
    counted = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    limit = 10 if request.limit is None else request.limit
    return models.FacetResponse(
        hits=[models.FacetValueHit(value=value, count=count) for value, count in counted[:limit]]
    )
