"""A query request as the executor runs it: checked against Qdrant's rules, ids and names resolved, filters merged down.

`plan` turns the request models into `Node`s and raises every error a request can earn before any search starts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from minidb import models
from minidb.collection.fields import field_named
from minidb.collection.reads import PointReader
from minidb.errors import BadInput, BadRequest, NotFound
from minidb.filter.structure import merge
from minidb.models.base import as_list
from minidb.query.search import Params
from minidb.query.vectors import QueryVector, prepare, stored_vector

DEFAULT_LIMIT = 10
MAX_DEPTH = 64

Lookup = Callable[[str], PointReader]
"""A reader of another collection, for `lookup_from`."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Score by similarity to one vector."""

    using: str
    vector: QueryVector


@dataclass(frozen=True, slots=True)
class RrfFusion:
    k: int
    weights: list[float] | None


@dataclass(frozen=True, slots=True)
class DbsfFusion:
    """Distribution-based score fusion has no settings."""


Stage = Nearest | RrfFusion | DbsfFusion
"""What a node does with its prefetches' points, or with the whole collection."""


@dataclass(frozen=True, slots=True)
class Node:
    """One level of a query tree. `stage` None: points in the order of their ids."""

    prefetches: list[Node]
    stage: Stage | None
    filter: models.Filter | None
    params: Params
    score_threshold: float | None
    limit: int


@dataclass(frozen=True, slots=True)
class Plan:
    root: Node
    excluded: list[int]
    """Rows of the points the query refers to: they are never among its own results."""


def plan(reader: PointReader, lookup: Lookup, request: models.QueryRequest | models.Prefetch, limit: int) -> Plan:
    """The executable form of a request that returns `limit` points."""
    _check_root(request)
    builder = _Builder(reader, lookup)
    root = builder.node(request, None, limit, depth=0)
    return Plan(root, builder.excluded)


class _Builder:
    def __init__(self, reader: PointReader, lookup: Lookup) -> None:
        self._reader = reader
        self._lookup = lookup
        self.excluded: list[int] = []

    def node(self, request: Any, above: models.Filter | None, limit: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise BadRequest(f"prefetches depth {depth} exceeds max depth {MAX_DEPTH}")
        merged = merge(above, request.filter)
        below = as_list(request.prefetch)
        prefetches = [self.node(child, merged, child.limit or DEFAULT_LIMIT, depth + 1) for child in below]
        stage = None if request.query is None else self._stage(request, len(prefetches))
        if stage is None and prefetches:
            raise BadRequest(
                "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
            )
        return Node(prefetches, stage, merged, params_of(request.params), request.score_threshold, limit)

    def _stage(self, request: Any, n_prefetches: int) -> Stage:
        query = request.query
        match query:
            case models.FusionQuery():
                _check_fusion(request, n_prefetches)
                return RrfFusion(2, None) if query.fusion == models.Fusion.RRF else DbsfFusion()
            case models.RrfQuery():
                _check_fusion(request, n_prefetches)
                return _rrf(query.rrf, n_prefetches)
            case models.NearestQuery():
                if query.mmr is not None:
                    raise BadRequest("nearest with mmr is not built yet")
                return self._nearest(query.nearest, request)
            case (
                models.RecommendQuery() | models.DiscoverQuery() | models.ContextQuery() | models.OrderByQuery()
                | models.FormulaQuery() | models.SampleQuery() | models.RelevanceFeedbackQuery() | models.TextQuery()
            ):  # fmt: skip
                raise BadRequest(f"{type(query).__name__} is not built yet")
            case _:
                return self._nearest(query, request)

    def _nearest(self, target: Any, request: Any) -> Nearest:
        using = request.using or ""
        field = field_named(self._reader.view.fields, using)
        if not is_id(target):
            return Nearest(using, prepare(field, target))
        reader, name = self._reader, using
        source = request.lookup_from
        if source is not None:
            name = source.vector if source.vector is not None else using
            if source.collection != reader.collection.name:
                reader = self._lookup(source.collection)
        point_id = models.normalize_id(target)
        row = reader.row_of(point_id)
        if row is None:
            raise NotFound(f"No point with id {point_id} found")
        vector = stored_vector(reader, field_named(reader.view.fields, name), row)
        if reader is self._reader:
            self.excluded.append(row)
        else:
            check_comparable(field, vector)
        return Nearest(using, vector)


def check_comparable(field: Any, vector: QueryVector) -> None:
    """A vector looked up elsewhere must fit the field it is used on."""
    from minidb.query.vectors import SparseQuery

    if isinstance(vector, SparseQuery):
        if field.kind != "sparse":
            raise BadInput("Conversion between sparse and regular vectors failed")
    elif field.kind == "sparse":
        raise BadInput("Conversion between sparse and regular vectors failed")
    elif vector.shape[-1] != field.size:
        raise BadInput(f"Vector dimension error: expected dim: {field.size}, got {vector.shape[-1]}")


def is_id(target: object) -> bool:
    """Whether a query's target names a point."""
    return isinstance(target, (int, str)) or type(target).__name__ == "UUID"


def params_of(params: models.SearchParams | None) -> Params:
    if params is None:
        return _NO_PARAMS
    return Params(bool(params.exact), params.hnsw_ef, bool(params.indexed_only))


_NO_PARAMS = Params()


def _rrf(settings: models.Rrf, n_prefetches: int) -> RrfFusion:
    weights: Sequence[float] | None = settings.weights
    if weights is not None and len(weights) != n_prefetches:
        raise BadRequest(f"RRF weights length ({len(weights)}) does not match number of prefetches ({n_prefetches})")
    return RrfFusion(2 if settings.k is None else settings.k, None if weights is None else list(weights))


def _check_fusion(request: Any, n_prefetches: int) -> None:
    if request.using:
        raise BadRequest("Fusion queries cannot be combined with the 'using' field.")
    if not n_prefetches:
        raise BadInput("Validation failed: cannot apply Fusion without prefetches")


def _check_root(request: Any) -> None:
    if request.query is not None:
        return
    if as_list(request.prefetch):
        raise BadRequest("A query is needed to merge the prefetches. Can't have prefetches without defining a query.")
    if request.score_threshold is not None:
        raise BadRequest(
            "A query is needed to use the score_threshold. Can't have score_threshold without defining a query."
        )
