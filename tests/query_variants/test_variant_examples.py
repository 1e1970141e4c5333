"""Recommend, discover, context and relevance feedback with raw vectors, against the Rust core."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    ASCENDING,
    FIELDS,
    NAME,
    WORLDS,
    N,
    assert_prefix,
    assert_ties_by_id,
    cases,
    edge_vector,
    random_vector,
    world,
)  # fmt: skip

from minidb import models

KINDS = ["best_score", "sum_scores", "discover", "context", "feedback"]


@dataclass
class Both:
    """A query in both libraries' terms."""

    ours: Any
    theirs: Any


def example_query(kind: str, field: str, random: Random) -> Both:
    def draw(least: int, most: int) -> list[Any]:
        drawn = [random_vector(random, field) for _ in range(random.randrange(least, most))]
        if drawn and random.random() < 0.1:
            drawn.append(drawn[0])
        return drawn

    if kind in ("best_score", "sum_scores"):
        positive, negative = draw(0, 4), draw(0, 4)
        if not positive and not negative:
            positive = draw(1, 2)
        ours = models.RecommendQuery(
            recommend=models.RecommendInput(positive=ours_of(positive), negative=ours_of(negative), strategy=kind)
        )
        make = edge.Query.RecommendBestScore if kind == "best_score" else edge.Query.RecommendSumScores
        return Both(ours, make(edge.RecommendQuery(edges_of(positive), edges_of(negative)), using=field))
    if kind in ("discover", "context"):
        [target], sides = draw(1, 2)[:1], draw(1, 4) if kind == "context" else draw(0, 4)
        others = [random.choice([random_vector(random, field), side]) for side in sides]
        pairs = [
            models.ContextPair(positive=one, negative=other)
            for one, other in zip(ours_of(sides), ours_of(others), strict=True)
        ]
        their_pairs = [
            edge.ContextPair(one, other) for one, other in zip(edges_of(sides), edges_of(others), strict=True)
        ]
        if kind == "context":
            return Both(
                models.ContextQuery(context=pairs), edge.Query.Context(edge.ContextQuery(their_pairs), using=field)
            )
        ours = models.DiscoverQuery(discover=models.DiscoverInput(target=ours_of([target])[0], context=pairs))
        query = edge.DiscoverQuery(edge_vector(target), their_pairs)
        return Both(ours, edge.Query.Discover(query, using=field))
    target, *examples = [random_vector(random, field), *draw(1, 4)]
    grades = [random.choice([0.0, 0.25, 0.5, 1.0, -1.0, 2.0]) for _ in examples]
    a, b, c = random.choice([0.0, 1.0, 0.3]), random.choice([0.0, 1.0, 0.5, 2.0]), random.choice([1.0, -0.5, 2.0])
    feedback = [
        models.FeedbackItem(example=example, score=grade)
        for example, grade in zip(ours_of(examples), grades, strict=True)
    ]
    naive = models.NaiveFeedbackStrategy(naive=models.NaiveFeedbackStrategyParams(a=a, b=b, c=c))
    ours = models.RelevanceFeedbackQuery(
        relevance_feedback=models.RelevanceFeedbackInput(target=ours_of([target])[0], feedback=feedback, strategy=naive)
    )
    items = [edge.FeedbackItem(example, grade) for example, grade in zip(edges_of(examples), grades, strict=True)]
    their_query = edge.FeedbackNaiveQuery(edge_vector(target), items, edge.NaiveFeedbackStrategy(a, b, c))
    return Both(ours, edge.Query.FeedbackNaive(their_query, using=field))


def ours_of(vectors: list[Any]) -> list[Any]:
    return [
        models.SparseVector(indices=v.indices, values=v.values) if hasattr(v, "indices") else v for v in vectors
    ]  # fmt: skip


def edges_of(vectors: list[Any]) -> list[Any]:
    return [edge_vector(vector) for vector in vectors]


def random_filter(random: Random) -> Both | None:
    if random.random() < 0.5:
        return None
    color = random.choice(["red", "green", "blue"])
    return Both(
        models.Filter(must=[models.FieldCondition(key="color", match=models.MatchValue(value=color))]),
        edge.Filter(must=[edge.FieldCondition(key="color", match=edge.MatchValue(color))]),
    )


def both_filters(found: Both | None) -> tuple[Any, Any]:
    return (None, None) if found is None else (found.ours, found.theirs)


SEEDS = st.integers(0, 2**32).map(Random)
"""Not `st.randoms()`: its extremes make equal coordinates, and where they tie the core takes any order."""
CASES = st.tuples(st.integers(0, WORLDS - 1), st.sampled_from(KINDS), st.sampled_from(FIELDS), SEEDS)


@cases(350)
@given(CASES, st.integers(1, N), st.integers(0, 4))
def test_scores_made_of_examples_are_those_of_the_core(
    case: tuple[int, str, str, Random], limit: int, offset: int
) -> None:
    number, kind, field, random = case
    here = world(number)
    query = example_query(kind, field, random)
    ours_filter, their_filter = both_filters(random_filter(random))
    ranking = here.rust.query(edge.QueryRequest(limit=100, query=query.theirs, filter=their_filter))
    for store in here.stores:
        got = store.query_points(
            NAME, query=query.ours, using=field, query_filter=ours_filter, limit=limit, offset=offset
        )
        assert_prefix(got.points, ranking, limit, offset)
        assert_ties_by_id(got.points)


@cases(200)
@given(CASES, st.integers(1, N), st.sampled_from([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0]))
def test_a_threshold_cuts_in_the_direction_of_the_distance(
    case: tuple[int, str, str, Random], limit: int, threshold: float
) -> None:
    number, kind, field, random = case
    here = world(number)
    query = example_query(kind, field, random)
    request = edge.QueryRequest(limit=limit, query=query.theirs, score_threshold=threshold)
    expected = here.rust.query(request)
    if any(abs(point.score - threshold) < 1e-4 for point in expected):
        return  # rounding decides
    for store in here.stores:
        got = store.query_points(NAME, query=query.ours, using=field, limit=limit, score_threshold=threshold).points
        if len(got) != len(expected):
            everything = here.rust.query(edge.QueryRequest(limit=100, query=query.theirs))
            assert any(abs(point.score - threshold) < 1e-4 for point in everything), (got, expected)
            continue
        assert [round(point.score, 3) for point in got] == [round(point.score, 3) for point in expected] or all(
            abs(one.score - other.score) < 1e-3 for one, other in zip(got, expected, strict=True)
        )
        if got and field in ASCENDING:
            assert all(point.score < threshold for point in got)


@cases(200)
@given(CASES, st.integers(1, N), st.integers(1, N), st.integers(1, N))
def test_examples_rescore_the_union_of_prefetches(
    case: tuple[int, str, str, Random], limit: int, first: int, second: int
) -> None:
    number, kind, field, random = case
    here = world(number)
    query = example_query(kind, field, random)
    near, far = random_vector(random, "dot"), random_vector(random, "euclid")
    ours_filter, their_filter = both_filters(random_filter(random))
    theirs = [
        edge.Prefetch(limit=first, query=edge.Query.Nearest(near, using="dot")),
        edge.Prefetch(limit=second, query=edge.Query.Nearest(far, using="euclid")),
    ]
    ours = [
        models.Prefetch(query=near, using="dot", limit=first),
        models.Prefetch(query=far, using="euclid", limit=second),
    ]
    ranking = here.rust.query(
        edge.QueryRequest(limit=100, query=query.theirs, prefetches=theirs, filter=their_filter)
    )  # fmt: skip
    for store in here.stores:
        got = store.query_points(
            NAME, query=query.ours, using=field, prefetch=ours, query_filter=ours_filter, limit=limit
        )
        assert_prefix(got.points, ranking, limit)


@cases(120)
@given(CASES, st.integers(N, 2 * N))
def test_scores_made_of_examples_feed_fusion(case: tuple[int, str, str, Random], limit: int) -> None:
    number, kind, field, random = case
    here = world(number)
    query = example_query(kind, field, random)
    near = random_vector(random, "dot")
    whole = here.rust.query(edge.QueryRequest(limit=100, query=query.theirs))
    scores = sorted(point.score for point in whole)
    if any(b - a < 1e-4 for a, b in pairwise(scores)):
        return  # ties: positions are not determined
    theirs = [
        edge.Prefetch(limit=limit, query=query.theirs),
        edge.Prefetch(limit=limit, query=edge.Query.Nearest(near, using="dot")),
    ]
    ours = [
        models.Prefetch(query=query.ours, using=field, limit=limit),
        models.Prefetch(query=near, using="dot", limit=limit),
    ]
    for fusion, their_fusion in (("rrf", edge.Fusion.Rrf(2)), ("dbsf", edge.Fusion.Dbsf())):
        ranking = here.rust.query(edge.QueryRequest(limit=100, query=their_fusion, prefetches=theirs))
        for store in here.stores:
            got = store.query_points(NAME, query=models.FusionQuery(fusion=fusion), prefetch=ours, limit=N)
            assert_prefix(got.points, ranking, N)
