"""Every way a search can go, forced on small random collections, finds what plain arithmetic finds.

Collections are searched when they are new and again after points were replaced, deleted and added behind the graph.
Where a way considers every point as a candidate its answers are exact; with candidates as few as they are by default,
scores, order and filters are, and most of the nearest are there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from forced_paths import APPROXIMATE_WAYS, CATCHING_UP, EXACT_WAYS, MANY_SEGMENTS, Twins, Way
from hypothesis import event, given
from hypothesis import strategies as st
from oracles.cases import cases
from oracles.compare import assert_hits, assert_same_hits
from oracles.model import canonical
from oracles.schema import Field, Schema
from oracles.scores import DEFAULT_LIMIT, BruteForce, prefetches
from oracles.stores import KINDS, StoreHandle
from qdrant_client import models as m
from search_requests import Numbers, id_of, requests, rich_filters, schemas

LEAST_RECALL = 0.95
SIZE = 9
"""Of the field `v`: not a whole number of bytes as bits."""
kinds = st.sampled_from(KINDS)
FORMULAS: list[Any] = [
    m.SumExpression(sum=["$score", m.MultExpression(mult=[0.5, "n"])]),
    m.MultExpression(mult=["$score", m.FieldCondition(key="half", match=m.MatchValue(value=1))]),
    m.SumExpression(sum=["$score[0]", "$score[1]", m.NegExpression(neg="n")]),
]


def larger(schema: Schema) -> Schema:
    """A longer `v`."""
    first = schema[0]
    return (Field(first.name, size=SIZE, distance=first.distance, datatype=first.datatype), *schema[1:])


@st.composite
def changes(draw: st.DrawFn, schema: Schema, numbers: Numbers, count: int, missing: float) -> list[Any]:
    """Operations on a collection of the points 0 to `count`, which leave dead rows and a tail."""
    new = numbers.points(schema, draw(st.integers(1, count)), missing, start=count)
    some = st.lists(st.integers(0, count + len(new) - 1).map(id_of), min_size=1, max_size=count // 3, unique=True)
    overwritten = [
        m.PointStruct(id=point_id, vector=point.vector, payload=point.payload)
        for point_id, point in zip(draw(some), numbers.points(schema, count, missing), strict=False)
    ]
    moved = [m.PointVectors(id=point_id, vector={"v": numbers.dense(schema[0])}) for point_id in draw(some)]
    # in this order: what is deleted is no longer there to be changed
    operations: list[Any] = [
        m.UpsertOperation(upsert=m.PointsList(points=overwritten)),
        m.UpdateVectorsOperation(update_vectors=m.UpdateVectors(points=moved)),
        m.DeleteVectorsOperation(delete_vectors=m.DeleteVectors(points=draw(some), vector=["v", "sparse"])),
        m.DeleteOperation(delete=m.PointIdsList(points=draw(some))),
    ]
    kept = [operation for operation in operations if draw(st.integers(0, 3))]
    unset = m.SetPayload(payload={"n": 0, "tags": []}, points=draw(some))
    always = [
        m.UpsertOperation(upsert=m.PointsList(points=new)),
        m.SetPayloadOperation(set_payload=unset),
    ]
    return [*always, *kept]


ONE_SIDE = m.Filter(must=[m.FieldCondition(key="side", match=m.MatchValue(value=1))])
NOT_ZERO = m.Filter(must=[m.FieldCondition(key="n", range=m.Range(gte=1))])
WIDE = [
    NOT_ZERO,
    m.Filter(must=[m.FieldCondition(key="half", match=m.MatchValue(value=1))]),
    m.Filter(must_not=[m.FieldCondition(key="n", match=m.MatchValue(value=3))]),
    m.Filter(should=[m.FieldCondition(key="tags", match=m.MatchAny(any=["t0", "t1"])), m.HasIdCondition(has_id=[1])]),
]


@st.composite
def searches(draw: st.DrawFn, schema: Schema, numbers: Numbers, some_filters: list[Any]) -> m.QueryRequest:
    """Mostly few hits wanted, of many points left: only then codes and graphs are asked."""
    field = draw(st.sampled_from([schema[0], schema[0], *schema]))
    query, filter = numbers.vector(field), draw(st.sampled_from([None, *some_filters]))
    if filter is ONE_SIDE and field.kind == "dense":
        query = [-abs(number) for number in query]  # what is nearest is on the other
    limit, offset = draw(st.sampled_from([1, 2, 3, 4, 50])), draw(st.sampled_from([None, 0, 2]))
    return m.QueryRequest(query=query, using=field.name, filter=filter, limit=limit, offset=offset)


@st.composite
def trees(draw: st.DrawFn, twins: Twins, numbers: Numbers) -> m.QueryRequest:
    """Query trees; now and then a formula over their prefetches."""
    request = draw(requests(twins.schema, twins.points, numbers, rich_filters, 2))
    if prefetches(request) and draw(st.booleans()):
        defaults = {"n": 0.0, "$score": 0.0, "$score[0]": 0.0, "$score[1]": 0.0}
        formula = m.FormulaQuery(formula=draw(st.sampled_from(FORMULAS)), defaults=defaults)
        return request.model_copy(update={"query": formula, "using": None, "filter": None})
    return request


def checked(twins: Twins, request: m.QueryRequest) -> list[Any]:
    """Hits of the forced way: what the model says, or where it knows no formulas what the plain way says."""
    is_formula = isinstance(request.query, m.FormulaQuery)
    oracle = BruteForce(twins.model)
    ranking = oracle.ranking(request.model_copy(update={"query": None}) if is_formula else request)
    hits = twins.search(request)
    if oracle.unclear or (oracle.ties and prefetches(request)):
        event("hangs on equal scores, of which a graph finds any")
        return hits
    start = request.offset or 0
    stop = start + (request.limit or DEFAULT_LIMIT)
    relative = 1e-4 if "dbsf" in request.model_dump_json() or is_formula else 1e-5
    whole = twins.search(request.model_copy(update={"offset": 0, "limit": stop}))
    if is_formula:
        ranking = twins.ranking(request)
    assert_same_hits(whole, ranking, stop, relative)
    assert hits == whole[start:], "offset cuts the list, nothing else"
    return hits


@pytest.mark.parametrize("way", EXACT_WAYS, ids=str)
def test_every_way_finds_what_plain_arithmetic_finds(way: Way) -> None:
    taken: Counter[str] = Counter()

    @given(data=st.data())
    @cases(8)
    def property_holds(data: st.DataObject) -> None:
        schema = larger(data.draw(schemas()))
        numbers = Numbers(data.draw(st.integers(0, 2**32)), data.draw(st.booleans()))
        count = data.draw(st.integers(30, 120))
        tails = {} if way.name == "plain" or data.draw(st.booleans()) else MANY_SEGMENTS
        catching_up = data.draw(st.sampled_from([{}, CATCHING_UP]))
        with (
            way.in_force(tails=tails, catching_up=catching_up),
            StoreHandle(data.draw(kinds)) as forced,
            StoreHandle("memory") as plain,
        ):
            twins = Twins(schema, way, forced, plain)
            missing = data.draw(st.sampled_from([0.0, 0.3]))
            points = numbers.points(schema, count, missing)
            twins.apply(m.UpsertOperation(upsert=m.PointsList(points=points)))
            # asked again after changes: what was remembered of a filter, or indexed for it, is then out of date
            some_filters = [ONE_SIDE, NOT_ZERO, data.draw(st.sampled_from(WIDE) | rich_filters)]
            for operations in ([], data.draw(changes(schema, numbers, count, missing))):
                for operation in operations:
                    twins.apply(operation)
                if operations and data.draw(st.booleans()):
                    twins.reopen()
                asked = data.draw(st.lists(searches(schema, numbers, some_filters), min_size=6, max_size=6))
                asked += data.draw(st.lists(trees(twins, numbers), min_size=2, max_size=2))
                asked += [m.QueryRequest(query=numbers.dense(schema[0]), using="v", limit=3) for _ in range(2)]
                found = [checked(twins, request) for request in asked]
                batch = forced.client.query_batch_points("points", asked)  # plain searches go to a graph together
                assert [answer.points for answer in batch] == found
            taken.update(twins.taken)

    property_holds()
    assert taken.keys() >= way.taken


def clustered(field: Field, count: int, seed: int) -> list[list[float]]:
    """Around eight centres, so that some points are nearer than others in bits, too."""
    centres = np.random.default_rng(5).standard_normal((8, field.size))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(0, 8, count)] + 0.5 * random.standard_normal((count, field.size))
    found: list[list[float]] = vectors.astype(np.float32).tolist()
    return found


@pytest.mark.parametrize("way", APPROXIMATE_WAYS, ids=str)
def test_with_few_candidates_hits_are_true_and_most_are_the_nearest(way: Way) -> None:
    """No wrong score, order, dead or filtered point, and as many hits as there are points to be had."""
    taken: Counter[str] = Counter()
    recalls: list[float] = []

    @given(data=st.data())
    @cases(4)
    def property_holds(data: st.DataObject) -> None:
        distance = data.draw(st.sampled_from(["Cosine", "Dot", "Euclid"]))
        schema: Schema = (Field("v", size=64, distance=distance), Field("sparse", kind="sparse"))
        schema += (Field("multi", kind="multi", size=2, distance="Dot"),)
        field, seed = schema[0], data.draw(st.integers(0, 2**32))
        numbers = Numbers(seed, whole=False)
        points = numbers.points(schema, 400, data.draw(st.sampled_from([0.0, 0.1])))
        for point, vector in zip(points, clustered(field, 400, seed), strict=True):
            point.vector |= {"v": vector} if "v" in point.vector else {}
        with way.in_force(), StoreHandle(data.draw(kinds)) as forced, StoreHandle("memory") as plain:
            twins = Twins(schema, way, forced, plain)
            twins.apply(m.UpsertOperation(upsert=m.PointsList(points=points[:350])))
            gone = m.PointIdsList(points=[point.id for point in points[::9]])
            twins.apply(m.UpsertOperation(upsert=m.PointsList(points=points[350:])))
            twins.apply(m.DeleteOperation(delete=gone))
            for query in clustered(field, 8, seed + 1):
                filter, limit = data.draw(st.sampled_from([None, *WIDE])), data.draw(st.integers(1, 10))
                request = m.QueryRequest(query=query, using="v", filter=filter, limit=limit)
                ranking = BruteForce(twins.model).ranking(request)
                hits = twins.search(request)
                assert len(hits) == min(limit, len(ranking))
                found = {canonical(hit.id) for hit in hits}
                assert_hits(hits, [(point_id, score) for point_id, score in ranking if point_id in found])
                if hits:
                    recalls.append(len(found & dict(ranking[:limit]).keys()) / len(hits))
            for request in data.draw(st.lists(requests(schema[1:], twins.points, numbers), min_size=2, max_size=2)):
                twins.search(request)
        taken.update(twins.taken)

    property_holds()
    assert taken.keys() >= way.taken
    assert np.mean(recalls) >= LEAST_RECALL, np.mean(recalls)
