"""Random query trees over random small collections: brute force, the Rust core and local mode say what they return."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from oracles import local
from oracles.cases import cases
from oracles.compare import assert_same_hits
from oracles.model import CollectionModel
from oracles.rust import RustShard
from oracles.schema import Field, Schema, arguments
from oracles.scores import DEFAULT_LIMIT, BruteForce, prefetches
from oracles.stores import KINDS, new_store
from qdrant_client import models as m
from search_requests import Numbers, requests, schemas

NAME = "points"


def model_of(schema: Schema, points: list[m.PointStruct]) -> CollectionModel:
    model = CollectionModel(schema)
    model.apply(m.UpsertOperation(upsert=m.PointsList(points=points)))
    return model


def relative(request: Any) -> float:
    """DBSF subtracts means in float32, so its scores are a little less exact."""
    return 1e-4 if "dbsf" in request.model_dump_json() else 1e-5


def page(request: m.QueryRequest) -> tuple[int, int]:
    offset = request.offset or 0
    return offset, offset + (request.limit or DEFAULT_LIMIT)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@cases(60)
def test_query_trees_answer_as_brute_force_does(kind: str, data: st.DataObject) -> None:
    """The tie rule too: equal scores come in the order of ids."""
    schema = data.draw(schemas())
    numbers = Numbers(data.draw(st.integers(0, 2**32)), data.draw(st.booleans()))
    points = numbers.points(schema, data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.0, 0.3])))
    model = model_of(schema, points)
    with new_store(kind) as client:
        client.create_collection(NAME, **arguments(schema))
        client.upsert(NAME, points)
        for request in data.draw(st.lists(requests(schema, points, numbers), min_size=1, max_size=6)):
            oracle = BruteForce(model)
            ranking = oracle.ranking(request)
            hits = client.query_batch_points(NAME, [request])[0].points
            if oracle.unclear:
                event("hangs on nearly equal scores")
                continue
            start, stop = page(request)
            whole = client.query_batch_points(NAME, [request.model_copy(update={"offset": 0, "limit": stop})])[0].points
            assert hits == whole[start:], "offset cuts the list, nothing else"
            assert_same_hits(whole, ranking, stop, relative(request))


@given(data=st.data())
@cases(40)
def test_brute_force_is_what_the_rust_core_does(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    numbers = Numbers(data.draw(st.integers(0, 2**32)), data.draw(st.booleans()))
    points = numbers.points(schema, data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.0, 0.3])))
    model = model_of(schema, points)
    shard = RustShard(schema, points)
    try:
        for request in data.draw(st.lists(requests(schema, points, numbers), min_size=1, max_size=6)):
            oracle = BruteForce(model)
            ranking = oracle.ranking(request)
            if oracle.unclear or oracle.ties:  # FAULTS["edge orders ties its own way"]
                continue
            whole = request.model_copy(update={"offset": 0, "limit": page(request)[1]})
            assert_same_hits(shard.query(whole, model), ranking, page(request)[1], relative(request))
    finally:
        shard.close()


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@cases(30)
def test_query_trees_answer_as_local_mode_does(kind: str, data: st.DataObject) -> None:
    """FAULTS["local ignores datatypes"] and ["local orders ties its own way"]: float32 without ties only."""
    schema = tuple(
        Field(field.name, field.kind, field.size, field.distance, idf=field.idf) for field in data.draw(schemas())
    )
    numbers = Numbers(data.draw(st.integers(0, 2**32)), whole=False)
    points = numbers.points(schema, data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.0, 0.3])))
    model = model_of(schema, points)
    other = local.new_local(NAME, schema)
    other.upsert(NAME, points)
    with new_store(kind) as client:
        client.create_collection(NAME, **arguments(schema))
        client.upsert(NAME, points)
        for request in data.draw(st.lists(requests(schema, points, numbers), min_size=1, max_size=4)):
            oracle = BruteForce(model)
            ranking = oracle.ranking(request)
            if oracle.unclear or oracle.ties or request.query is None:
                continue
            if oracle.excluded and prefetches(request):
                continue  # FAULTS["local excludes an id only from the query that names it"]
            whole = request.model_copy(update={"offset": 0, "limit": page(request)[1]})
            hits = client.query_batch_points(NAME, [whole])[0].points
            theirs = local.query(other, NAME, whole)
            assert_same_hits(hits, ranking, page(request)[1], relative(request))
            assert_same_hits(theirs, ranking, page(request)[1], 1e-4)
