"""From arguments, in any of the forms qdrant-client takes them in, to request models."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from types import GeneratorType
from typing import Any

from minidb import models
from minidb.errors import FormatError
from minidb.models.base import Model, parse
from minidb.models.vectors import as_array, is_array

_SHORT = 40


def query_request(
    query: Any,
    using: str | None,
    prefetch: Any,
    filter: Any,
    params: Any,
    limit: int,
    offset: int | None,
    with_payload: Any,
    with_vector: Any,
    score_threshold: float | None,
    lookup_from: Any,
) -> models.QueryRequest:
    return request_of(  # type: ignore[no-any-return]
        models.QueryRequest,
        query=query,
        using=using,
        prefetch=prefetch,
        filter=filter,
        params=params,
        limit=limit,
        offset=offset,
        with_payload=with_payload,
        with_vector=with_vector,
        score_threshold=score_threshold,
        lookup_from=lookup_from,
    )


def each_query(queries: Any) -> Iterable[Any]:
    """The rows of an array or of a scipy matrix in CSR form, or the queries of a sequence, one by one."""
    if is_array(queries):
        return as_array(queries)
    if not hasattr(queries, "indptr"):
        return queries  # type: ignore[no-any-return]
    if getattr(queries, "format", None) != "csr":
        raise FormatError(f"queries: expected rows of a CSR matrix, got the format {queries.format!r}")
    rows = zip(queries.indptr[:-1].tolist(), queries.indptr[1:].tolist(), strict=True)
    return [
        models.SparseVector(indices=queries.indices[start:end].tolist(), values=queries.data[start:end].tolist())
        for start, end in rows
    ]


def listed(values: Any, what: str) -> list[Any]:
    """What was given where several are wanted. Raises `FormatError` for one alone, of which Python would make several.

    Args:
        what: "points", "ids", …
    """
    if type(values) is list:
        return values
    check_many(values, what)
    return list(values)


def check_many(values: Any, what: str) -> None:
    """See `listed`."""
    name, rows = type(values).__name__, None
    if name in ("DataFrame", "Table", "RecordBatch"):  # of pandas, polars, pyarrow: iterated, their columns come
        methods = ("to_pylist()", "to_dicts()", 'to_dict("records")')
        rows = next((each for each in methods if hasattr(values, each.partition("(")[0])), None)
    if (
        rows is not None
        or not isinstance(values, Iterable)
        or isinstance(values, (str, bytes, Mapping))
        or hasattr(values, "model_dump")
    ):
        from minidb.models.hints import NOT_AWAITED

        came = "None" if values is None else f"one {type(values).__name__}"
        error = FormatError(f"Expected a list of {what}, got {came}")
        if values is None:
            raise error
        if rows is not None:
            raise error.hinting(f"the rows of a table, as dicts: x.{rows}")
        shown = repr(values) if isinstance(values, (str, int)) and len(repr(values)) <= _SHORT else "x"
        raise error.hinting(NOT_AWAITED if isinstance(values, Awaitable) else f"one alone goes into a list: [{shown}]")
    if isinstance(values, GeneratorType) and values.gi_frame is None:
        raise FormatError(f"Expected {what}, got a generator that has been used up").hinting(
            "a generator gives what it has once: make another, or a list of it"
        )


def upsert_operation(points: Any, update_filter: Any, update_mode: Any) -> models.UpsertOperation:
    """An upsert of points or of a columnar batch, as an operation."""
    if not isinstance(points, list) and _is_batch(points):
        body: Any = models.PointsBatch
        content: dict[str, Any] = {"batch": points}
    else:
        body, content = models.PointsList, {"points": listed(points, "points")}
    return models.UpsertOperation(
        upsert=request_of(body, **content, update_filter=update_filter, update_mode=update_mode)
    )


def _is_batch(points: Any) -> bool:
    return (isinstance(points, Mapping) and ("id" not in points or "ids" in points)) or hasattr(points, "vectors")


def request_of(type_: type[Model], **fields: Any) -> Any:
    request = type_.of_plain(fields)
    return parse(type_, fields) if request is None else request


def matrix_request(filter: Any, limit: int, sample: int, using: str | None) -> models.SearchMatrixRequest:
    fields = {"filter": filter, "limit": limit, "sample": sample, "using": using}
    return parse(models.SearchMatrixRequest, fields)


def plain_dict(config: Any) -> Any:
    return dict(config) if isinstance(config, Mapping) else config


def selection(points: Any) -> dict[str, Any]:
    """A points selector in any of its forms, as the fields `points` and `filter` of a request."""
    if points is None:
        return {}
    if isinstance(points, Mapping) and ("points" in points or "filter" in points):
        return dict(points)
    kinds = {kind.__name__ for kind in type(points).__mro__}  # ours or qdrant-client's; arrays have a method `filter`
    if "Filter" in kinds or isinstance(points, Mapping):
        return {"filter": points}
    for kind, name in (("PointIdsList", "points"), ("FilterSelector", "filter")):
        if kind in kinds:
            return {name: getattr(points, name)}
    if isinstance(points, (int, str)):
        return {"points": [points]}
    return {"points": list(points)}


def selector(points: Any) -> Any:
    return parse(models.PointsSelector, selection(points))
