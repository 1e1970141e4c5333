"""Ids in the place of vectors, averages, `lookup_from`, and what may not be found: against qdrant-client's local mode.

The Rust core as a library takes raw vectors only. Where local mode is wrong the test says so by name (FAULTS).
"""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import models as m
from worlds import (
    DENSE,
    FIELDS,
    MULTI,
    NAME,
    OTHER,
    SPARSE,
    WORLDS,
    World,
    assert_prefix,
    cases,
    random_vector,
    world,
)

from minidb import errors, models

FAULTS = {
    "local mode has no feedback over sparse or multivectors": "it looks such ids up among the dense vectors",
    "local mode chooses among too few for a later page of mmr": "its default is the limit, without the offset",
    "local mode ignores lookup_from in feedback": "ids are looked up in the searched collection",
}
KINDS = ["average_vector", "best_score", "sum_scores", "discover", "context", "feedback", "nearest", "mmr"]
SEEDS = st.integers(0, 2**32).map(Random)


def inputs(here: World, field: str, random: Random, n: int, kinds: Any) -> list[Any]:
    """Ids of points that have the vector, and raw vectors."""
    drawn = []
    for _ in range(n):
        if random.random() < 0.6:
            drawn.append(random.choice(here.having(field)))
        else:
            vector = random_vector(random, field)
            is_sparse = field in SPARSE
            drawn.append(kinds.SparseVector(indices=vector.indices, values=vector.values) if is_sparse else vector)
    return drawn


def query(kind: str, here: World, field: str, seed: int, kinds: Any) -> Any:
    """The same query in one library's models: `models` or qdrant-client's."""
    random = Random(seed)

    def draw(n: int) -> list[Any]:
        return inputs(here, field, random, n, kinds)

    if kind in ("average_vector", "best_score", "sum_scores"):
        positive, negative = draw(random.randrange(1, 4)), draw(random.randrange(0, 3))
        return kinds.RecommendQuery(recommend=kinds.RecommendInput(positive=positive, negative=negative, strategy=kind))
    if kind == "nearest":
        return kinds.NearestQuery(nearest=draw(1)[0])
    if kind == "mmr":
        mmr = kinds.Mmr(diversity=random.choice([0.0, 0.3, 0.5, 1.0]), candidates_limit=random.choice([None, 5, 50]))
        return kinds.NearestQuery(nearest=draw(1)[0], mmr=mmr)
    if kind == "feedback":
        [target, *examples] = draw(random.randrange(2, 5))
        items = [kinds.FeedbackItem(example=one, score=random.choice([0.0, 0.5, 1.0])) for one in examples]
        naive = kinds.NaiveFeedbackStrategy(naive=kinds.NaiveFeedbackStrategyParams(a=1.0, b=0.5, c=0.7))
        return kinds.RelevanceFeedbackQuery(
            relevance_feedback=kinds.RelevanceFeedbackInput(target=target, feedback=items, strategy=naive)
        )
    context = [kinds.ContextPair(positive=one, negative=other) for one, other in zip(draw(2), draw(2), strict=True)]
    if kind == "context":
        return kinds.ContextQuery(context=context)
    return kinds.DiscoverQuery(discover=kinds.DiscoverInput(target=draw(1)[0], context=context))


CASES = st.tuples(
    st.integers(0, WORLDS - 1), st.sampled_from(KINDS), st.sampled_from(FIELDS), st.integers(0, 2**32)
).filter(lambda case: case[1] != "feedback" or case[2] in DENSE)
"""Without what FAULTS names."""


@cases(400)
@given(CASES, st.integers(1, 30), st.integers(0, 3))
def test_ids_and_vectors_mixed(case: tuple[int, str, str, int], limit: int, offset: int) -> None:
    number, kind, field, seed = case
    here = world(number)
    theirs = query(kind, here, field, seed, m)
    if kind == "mmr":
        if theirs.mmr.candidates_limit is None:  # see FAULTS
            theirs.mmr.candidates_limit = limit + offset
        expected = here.local.query_points(NAME, query=theirs, using=field, limit=limit, offset=offset).points
    else:
        ranking = here.local.query_points(NAME, query=theirs, using=field, limit=100).points
    for store in here.stores:
        ours = query(kind, here, field, seed, models)
        got = store.query_points(NAME, query=ours, using=field, limit=limit, offset=offset).points
        if kind == "mmr":
            assert [str(point.id) for point in got] == [str(point.id) for point in expected]
        else:
            assert_prefix(got, ranking, limit, offset)


@cases(150)
@given(CASES, st.integers(1, 30))
def test_points_named_in_a_prefetch_are_found_at_no_level(case: tuple[int, str, str, int], limit: int) -> None:
    number, kind, field, seed = case
    here = world(number)
    named = Random(seed).choice(here.having("dot"))
    theirs = here.local.query_points(
        NAME,
        query=query(kind, here, field, seed, m),
        using=field,
        prefetch=m.Prefetch(query=named, using="dot", limit=100),
        limit=100,
    ).points
    for store in here.stores:
        got = store.query_points(
            NAME,
            query=query(kind, here, field, seed, models),
            using=field,
            prefetch=models.Prefetch(query=named, using="dot", limit=100),
            limit=limit,
        ).points
        assert named not in [point.id for point in got]
        if kind != "mmr":
            assert_prefix(got, [point for point in theirs if point.id != named], limit)


@cases(100)
@given(CASES.filter(lambda case: case[1] != "feedback"), st.integers(1, 30))
def test_vectors_of_ids_from_another_collection(case: tuple[int, str, str, int], limit: int) -> None:
    number, kind, field, seed = case
    here = world(number)
    lookup = {"collection": OTHER}
    there = {
        record.id
        for record in here.local.scroll(OTHER, m.Filter(must=[m.HasVectorCondition(has_vector=field)]), limit=100)[0]
    }
    wanted = query(kind, here, field, seed, models)
    if not _ids(wanted) <= there:
        for store in here.stores:
            with pytest.raises(errors.NotFound):
                store.query_points(NAME, query=wanted, using=field, lookup_from=models.LookupLocation(**lookup))
        return
    ranking = here.local.query_points(
        NAME, query=query(kind, here, field, seed, m), using=field, lookup_from=m.LookupLocation(**lookup), limit=100
    ).points
    for store in here.stores:
        got = store.query_points(
            NAME, query=wanted, using=field, lookup_from=models.LookupLocation(**lookup), limit=limit
        ).points
        if kind != "mmr":
            assert_prefix(got, ranking, limit)


def _ids(wanted: Any) -> set[int | str]:
    """All ids a query names."""
    found: set[int | str] = set()

    def walk(value: Any) -> None:
        if type(value) is int or isinstance(value, str):
            found.add(value)
        elif isinstance(value, list):
            for one in value:
                walk(one)
        elif hasattr(value, "model_fields_set") and not isinstance(value, models.SparseVector | models.Mmr):
            for name in type(value).model_fields:
                if name not in ("strategy", "score"):
                    walk(getattr(value, name))

    walk(wanted)
    return found


# --- averages by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", DENSE)
def test_an_average_is_positive_plus_positive_minus_negative(field: str) -> None:
    here = world(0)
    positive, negative = [[1.0, 2.0, 3.0], [3.0, 0.0, 1.0]], [[0.5, 0.5, -1.0]]
    vector = (2 * np.mean(positive, axis=0) - np.mean(negative, axis=0)).tolist()
    for store in here.stores:
        recommend = models.RecommendInput(positive=positive, negative=negative)
        got = store.query_points(NAME, query=models.RecommendQuery(recommend=recommend), using=field).points
        assert got == store.query_points(NAME, query=vector, using=field).points


@pytest.mark.parametrize("field", MULTI)
def test_multivectors_are_concatenated_negative_ones_negated(field: str) -> None:
    here = world(0)
    positive, negative = [[[1.0, 2.0, 3.0]], [[3.0, 0.0, 1.0], [1.0, 1.0, 1.0]]], [[[0.5, 0.5, -1.0]]]
    vector = [[1.0, 2.0, 3.0], [3.0, 0.0, 1.0], [1.0, 1.0, 1.0], [-0.5, -0.5, 1.0]]
    for store in here.stores:
        recommend = models.RecommendInput(positive=positive, negative=negative)
        got = store.query_points(NAME, query=models.RecommendQuery(recommend=recommend), using=field).points
        assert got == store.query_points(NAME, query=vector, using=field).points


def test_sparse_vectors_are_averaged_over_the_union_of_their_dimensions() -> None:
    here = world(0)
    positive = [models.SparseVector(indices=[1, 2], values=[1.0, 1.0]), models.SparseVector(indices=[2], values=[3.0])]
    negative = [models.SparseVector(indices=[3], values=[1.0])]
    vector = models.SparseVector(indices=[1, 2, 3], values=[1.0, 4.0, -1.0])
    for store in here.stores:
        recommend = models.RecommendInput(positive=positive, negative=negative)
        got = store.query_points(NAME, query=models.RecommendQuery(recommend=recommend), using="sparse").points
        assert got == store.query_points(NAME, query=vector, using="sparse").points


def test_a_lookup_of_another_vector_name_still_excludes_the_point() -> None:
    here = world(0)
    named = next(point_id for point_id in here.having("euclid") if point_id in here.having("dot"))
    for store in here.stores:
        location = models.LookupLocation(collection=NAME, vector="euclid")
        got = store.query_points(NAME, query=named, using="dot", lookup_from=location, limit=100).points
        assert len(got) == len(here.having("dot")) - 1
        assert named not in [point.id for point in got]


def test_a_lookup_elsewhere_excludes_nothing() -> None:
    here = world(0)
    for store in here.stores:
        location = models.LookupLocation(collection=OTHER)
        named = next(
            record.id
            for record in store.scroll(OTHER, models.Filter(must=[models.HasVectorCondition(has_vector="dot")]))[0]
            if record.id in here.having("dot")
        )
        got = store.query_points(NAME, query=named, using="dot", lookup_from=location, limit=100).points
        assert named in [point.id for point in got]
