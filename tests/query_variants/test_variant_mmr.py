"""Maximal marginal relevance against the Rust core: which points, in which order, with which scores."""

from __future__ import annotations

from random import Random
from typing import Any

import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st
from worlds import DENSE, MULTI, NAME, WORLDS, cases, close, edge_vector, pairs, random_vector, world

from minidb import models

SEEDS = st.integers(0, 2**32).map(Random)
CASES = st.tuples(st.integers(0, WORLDS - 1), st.sampled_from([*DENSE, *MULTI]), SEEDS)
"""The core as a library has no MMR over sparse vectors ("vector data config … not found"); local mode is asked."""
DIVERSITY = st.sampled_from([None, 0.0, 0.1, 0.5, 0.7, 1.0])


def both(
    field: str, random: Random, diversity: float | None, candidates: int | None, default: int
) -> tuple[models.NearestQuery, edge.Mmr]:
    vector = random_vector(random, field)
    ours: Any = vector
    if hasattr(vector, "indices"):
        ours = models.SparseVector(indices=vector.indices, values=vector.values)
    query = models.NearestQuery(nearest=ours, mmr=models.Mmr(diversity=diversity, candidates_limit=candidates))
    share = 0.5 if diversity is None else 1.0 - diversity
    return query, edge.Mmr(edge_vector(vector), share, default if candidates is None else candidates, using=field)


def assert_same(got: Any, expected: Any) -> None:
    assert [point_id for point_id, _ in pairs(got)] == [point_id for point_id, _ in pairs(expected)]
    assert all(close(one, other) for (_, one), (_, other) in zip(pairs(got), pairs(expected), strict=True))


@cases(200)
@given(CASES, DIVERSITY, st.sampled_from([None, 0, 1, 3, 8, 50]), st.integers(1, 12), st.integers(0, 3))
def test_selection_from_the_whole_collection(
    case: tuple[int, str, Random], diversity: float | None, candidates: int | None, limit: int, offset: int
) -> None:
    number, field, random = case
    here = world(number)
    ours, theirs = both(field, random, diversity, candidates, limit + offset)
    expected = here.rust.query(edge.QueryRequest(limit=limit, offset=offset, query=theirs))
    for store in here.stores:
        assert_same(store.query_points(NAME, query=ours, using=field, limit=limit, offset=offset).points, expected)


@cases(150)
@given(CASES, DIVERSITY, st.sampled_from([None, 3, 8]), st.integers(1, 12), st.booleans(), st.booleans())
def test_selection_from_prefetches(
    case: tuple[int, str, Random],
    diversity: float | None,
    candidates: int | None,
    limit: int,
    is_nested: bool,
    is_leaf: bool,
) -> None:
    """At the root among the nearest; within a prefetch among what its own found; as a leaf not at all."""
    number, field, random = case
    here = world(number)
    ours, theirs = both(field, random, diversity, candidates, limit)
    near = [random_vector(random, "dot"), random_vector(random, "cos")]
    our_sources = [
        models.Prefetch(query=vector, using=name, limit=8) for vector, name in zip(near, ("dot", "cos"), strict=True)
    ]
    their_sources = [
        edge.Prefetch(limit=8, query=edge.Query.Nearest(vector, using=name))
        for vector, name in zip(near, ("dot", "cos"), strict=True)
    ]
    if is_nested or is_leaf:
        # one score per place in the list: the fused order is the order of the list
        request = edge.QueryRequest(
            limit=30,
            query=edge.Fusion.Rrf(2),
            prefetches=[edge.Prefetch(limit=limit, query=theirs, prefetches=[] if is_leaf else their_sources)],
        )
        arguments = {
            "query": models.FusionQuery(fusion="rrf"),
            "limit": 30,
            "prefetch": models.Prefetch(
                query=ours, using=field, limit=limit, prefetch=None if is_leaf else our_sources
            ),
        }  # fmt: skip
    else:
        request = edge.QueryRequest(limit=limit, query=theirs, prefetches=their_sources)
        arguments = {"query": ours, "using": field, "limit": limit, "prefetch": our_sources}
    expected = here.rust.query(request)
    for store in here.stores:
        assert_same(store.query_points(NAME, **arguments).points, expected)


@cases(60)
@given(CASES, st.sampled_from([-0.5, 0.0, 0.5, 1.0]), st.integers(1, 12))
def test_a_threshold_applies_to_the_candidates(
    case: tuple[int, str, Random], threshold: float, limit: int
) -> None:  # fmt: skip
    number, field, random = case
    here = world(number)
    ours, theirs = both(field, random, 0.5, 12, limit)
    expected = here.rust.query(edge.QueryRequest(limit=limit, query=theirs, score_threshold=threshold))
    for store in here.stores:
        got = store.query_points(NAME, query=ours, using=field, limit=limit, score_threshold=threshold).points
        assert_same(got, expected)
