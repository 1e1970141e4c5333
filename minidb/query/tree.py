"""A query request as the executor runs it: checked against Qdrant's rules, ids and names resolved, filters merged down.

`plan` turns the request models into `Node`s and raises every error a request can earn before any search starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minidb import models
from minidb.collection.fields import VectorField
from minidb.collection.reads import PointReader
from minidb.errors import BadInput, BadRequest
from minidb.filter.merging import merge
from minidb.models.base import as_list
from minidb.query.context import context_score
from minidb.query.discover import discover_score
from minidb.query.feedback import FeedbackScore
from minidb.query.order_by import ordering
from minidb.query.recommend import BestScore, SumScores, average_vector
from minidb.query.references import Lookup, References, Source
from minidb.query.search import Params
from minidb.query.stages import ByExamples, DbsfFusion, Diverse, Nearest, RrfFusion, Sampled, Stage
from minidb.query.text import text_score
from minidb.query.vectors import QueryVector

DEFAULT_LIMIT = 10
MAX_DEPTH = 64
DEFAULT_RRF_K = 2
DEFAULT_DIVERSITY = 0.5


class Node(NamedTuple):
    """One level of a query tree. `stage` None: points in the order of their ids."""

    prefetches: list[Node]
    stage: Stage | None
    filter: models.Filter | None
    params: Params
    score_threshold: float | None
    limit: int


class Plan(NamedTuple):
    root: Node
    excluded: list[int]
    """Rows of the points the query refers to: they are never among its own results."""


def plan(
    reader: PointReader,
    lookup: Lookup,
    request: models.QueryRequest | models.Prefetch,
    limit: int,
    prefetch_factor: int = 1,
) -> Plan:
    """The executable form of a request that returns `limit` points; prefetches find `prefetch_factor` times more."""
    references = References(reader, lookup)
    references.check([request])
    root = _Builder(references, prefetch_factor).node(request, None, limit, depth=0)
    return Plan(root, references.excluded)


class _Builder:
    def __init__(self, references: References, prefetch_factor: int) -> None:
        self._references = references
        self._prefetch_factor = prefetch_factor

    def node(self, request: Any, above: models.Filter | None, limit: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise BadRequest(f"prefetches depth {depth} exceeds max depth {MAX_DEPTH}")
        below = as_list(request.prefetch)
        _check(request, bool(below))
        merged = merge(above, request.filter)
        prefetches = [
            self.node(child, merged, (child.limit or DEFAULT_LIMIT) * self._prefetch_factor, depth + 1)
            for child in below
        ]
        stage = None if request.query is None else self._stage(request, len(prefetches), is_root=depth == 0)
        if isinstance(stage, Diverse) and depth and not prefetches:
            # Qdrant diversifies what other stages found, or the final result; a leaf only gathers the candidates
            limit, stage = stage.candidates_limit, stage.nearest
        return Node(prefetches, stage, merged, params_of(request.params), request.score_threshold, limit)

    def _stage(self, request: Any, n_prefetches: int, is_root: bool) -> Stage:
        query = request.query
        match query:
            case list() | np.ndarray():  # what nearly every query is: found without asking for every other kind
                source = self._references.source(request.using, request.lookup_from)
                _check_idf(request.params, source.field)
                return Nearest(request.using or "", source.vector(query))
            case models.FusionQuery():
                _check_has_prefetches("Fusion", n_prefetches)
                return RrfFusion(DEFAULT_RRF_K, None) if query.fusion == models.Fusion.RRF else DbsfFusion()
            case models.RrfQuery():
                _check_has_prefetches("Fusion", n_prefetches)
                return _rrf(query.rrf, n_prefetches)
            case models.FormulaQuery():
                from minidb.query.formula import formula  # 15 ms, and few queries need it

                checked = formula(query)
                _check_has_prefetches("Formula", n_prefetches)
                return checked
            case models.OrderByQuery():
                return ordering(query.order_by)
            case models.SampleQuery():
                return Sampled()
            case models.TextQuery():
                return text_score(self._references.reader, query, request.using)
            case _:
                source = self._references.source(request.using, request.lookup_from)
                _check_idf(request.params, source.field)
                return _vector_stage(request, source, is_root)


def _vector_stage(request: Any, source: Source, is_root: bool) -> Stage:
    """The stages that compare vectors."""
    query, using = request.query, request.using or ""
    match query:
        case models.NearestQuery():
            nearest = Nearest(using, source.vector(query.nearest))
            return nearest if query.mmr is None else _diverse(nearest, query.mmr, request, is_root)
        case models.RecommendQuery():
            return _recommend(using, query.recommend, source)
        case models.DiscoverQuery():
            target = source.vector(query.discover.target)
            return ByExamples(using, [target, *_pairs(query.discover.context, source)], discover_score)
        case models.ContextQuery():
            return ByExamples(using, _pairs(query.context, source), context_score)
        case models.RelevanceFeedbackQuery():
            return _feedback(using, query.relevance_feedback, source)
        case _:
            return Nearest(using, source.vector(query))


def _diverse(nearest: Nearest, mmr: models.Mmr, request: Any, is_root: bool) -> Diverse:
    diversity = DEFAULT_DIVERSITY if mmr.diversity is None else mmr.diversity
    candidates_limit = mmr.candidates_limit
    if candidates_limit is None:  # as many as the page ends at, where Qdrant takes its length and later pages are empty
        candidates_limit = (request.limit or DEFAULT_LIMIT) + ((request.offset or 0) if is_root else 0)
    return Diverse(nearest, 1.0 - diversity, candidates_limit, rescores=is_root)


def _recommend(using: str, recommend: models.RecommendInput, source: Source) -> Stage:
    positive, negative = recommend.positive or [], recommend.negative or []
    if recommend.strategy in (None, models.RecommendStrategy.AVERAGE_VECTOR):
        liked, disliked = [source.raw(given) for given in positive], [source.raw(given) for given in negative]
        return Nearest(using, average_vector(source.field, liked, disliked))
    score = BestScore if recommend.strategy == models.RecommendStrategy.BEST_SCORE else SumScores
    return ByExamples(using, [source.vector(given) for given in [*positive, *negative]], score(len(positive)))


def _pairs(context: models.ContextInput | None, source: Source) -> list[QueryVector]:
    """Positive, negative, positive, negative, …"""
    return [source.vector(given) for pair in as_list(context) for given in (pair.positive, pair.negative)]


def _feedback(using: str, feedback: models.RelevanceFeedbackInput, source: Source) -> ByExamples:
    weights = feedback.strategy.naive
    examples = [source.vector(feedback.target), *(source.vector(item.example) for item in feedback.feedback)]
    grades = [item.score for item in feedback.feedback]
    return ByExamples(using, examples, FeedbackScore.of(grades, weights.a, weights.b, weights.c))


def params_of(params: models.SearchParams | None) -> Params:
    if params is None:
        return _NO_PARAMS
    corpus = params.idf.corpus if isinstance(params.idf, models.IdfCorpusParams) else None
    codes = params.quantization or models.QuantizationSearchParams()
    return Params(
        bool(params.exact),
        params.hnsw_ef,
        bool(params.indexed_only),
        corpus,
        bool(codes.ignore),
        codes.rescore is not False,
        codes.oversampling,
    )


_NO_PARAMS = Params()


def _rrf(settings: models.Rrf, n_prefetches: int) -> RrfFusion:
    weights: Sequence[float] | None = settings.weights
    if weights is not None and len(weights) != n_prefetches:
        raise BadRequest(f"RRF weights length ({len(weights)}) does not match number of prefetches ({n_prefetches})")
    return RrfFusion(DEFAULT_RRF_K if settings.k is None else settings.k, None if weights is None else list(weights))


def _check_idf(params: models.SearchParams | None, field: VectorField) -> None:
    if params is not None and params.idf is not None and not field.idf:
        raise BadInput(
            "Validation failed: search param `idf` requires a sparse vector with the `idf` modifier, "
            f'which vector "{field.name}" is not'
        )


def _check_has_prefetches(what: str, n_prefetches: int) -> None:
    if not n_prefetches:
        raise BadInput(f"Validation failed: cannot apply {what} without prefetches").hinting(
            "what it works on comes from prefetch=[models.Prefetch(query=…, using=…, limit=…), …]"
        )


def _check(request: Any, has_prefetches: bool) -> None:
    """Parts of one level that contradict each other (lib/collection, collection_query.rs, `validation`)."""
    query, has_threshold = request.query, request.score_threshold is not None
    if query is None and has_prefetches:
        text = "A query is needed to merge the prefetches. Can't have prefetches without defining a query."
        raise BadRequest(text).hinting("query=models.FusionQuery(fusion=models.Fusion.RRF), for instance")
    if query is None and has_threshold:
        raise BadRequest(
            "A query is needed to use the score_threshold. Can't have score_threshold without defining a query."
        )
    if has_threshold and isinstance(query, models.OrderByQuery):
        raise BadRequest("Can't use score_threshold with an order_by query.")
    if request.using and isinstance(query, (models.FusionQuery, models.RrfQuery)):
        raise BadRequest("Fusion queries cannot be combined with the 'using' field.")
