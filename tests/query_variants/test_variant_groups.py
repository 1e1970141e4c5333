"""Groups and the distance matrix, against local mode and against plain rankings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import models as m
from worlds import ASCENDING, DENSE, FIELDS, NAME, SPARSE, WORLDS, N, cases, close, id_key, random_vector, world

from minidb import QdrantClient, errors, models

SEEDS = st.integers(0, 2**32).map(Random)


def kinds_query(field: str, random: Random, kinds: Any, ids: list[int | str]) -> Any:
    """A query whose order is determined: by one vector, by examples, or by a point."""
    kind = random.choice(["nearest", "id", "sum", "formula", "none"])
    vector = random_vector(random, field)
    if field in SPARSE:
        vector = kinds.SparseVector(indices=vector.indices, values=vector.values)
    named = random.choice(ids)
    if kind == "nearest":
        return {"query": vector, "using": field}
    if kind == "id":
        return {"query": named, "using": field}
    if kind == "sum":
        recommend = kinds.RecommendInput(positive=[vector, named], negative=[], strategy="sum_scores")
        return {"query": kinds.RecommendQuery(recommend=recommend), "using": field}
    if kind == "formula":
        formula = kinds.FormulaQuery(formula=kinds.SumExpression(sum=["$score", "number"]))
        return {"query": formula, "prefetch": kinds.Prefetch(query=vector, using=field, limit=N)}
    return {"query": None}


@cases(200)
@given(
    st.integers(0, WORLDS - 1),
    st.sampled_from(FIELDS),
    st.integers(0, 2**32),
    st.integers(1, 6),
    st.integers(1, 5),
    st.sampled_from(["group", "color", "int", "mixed", "group[]"]),
)
def test_groups_are_those_of_the_full_ranking(
    number: int, field: str, seed: int, limit: int, size: int, group_by: str
) -> None:
    """Local mode ranks everything too; points with (nearly) equal scores come in any order there."""
    here = world(number)
    ids = here.having(field)
    theirs = here.local.query_points_groups(
        NAME, group_by, **kinds_query(field, Random(seed), m, ids), limit=limit, group_size=size
    ).groups
    for store in here.stores:
        ours = kinds_query(field, Random(seed), models, ids)
        got = store.query_points_groups(NAME, group_by, **ours, limit=limit, group_size=size).groups
        ranking = store.query_points(NAME, **ours, limit=100).points
        assert_groups(got, by_hand(ranking, group_by, limit, size))
        has_ties = any(one.score - other.score < 1e-4 for one, other in pairwise(descending(ranking)))
        if not has_ties:
            assert [group.id for group in got] == [group.id for group in theirs]
            for group, their_group in zip(got, theirs, strict=True):
                assert [str(hit.id) for hit in group.hits] == [str(hit.id) for hit in their_group.hits]
                assert all(close(a.score, b.score) for a, b in zip(group.hits, their_group.hits, strict=True))


def assert_groups(got: Any, expected: list[tuple[Any, list[Any]]]) -> None:
    """The same groups and hits; scores may differ in the last bit, since a filter takes another way to sparse ones."""
    assert [group.id for group in got] == [key for key, _ in expected]
    for group, (_, hits) in zip(got, expected, strict=True):
        assert [(hit.id, hit.payload) for hit in group.hits] == [(point.id, point.payload) for point in hits]
        assert all(close(hit.score, point.score) for hit, point in zip(group.hits, hits, strict=True))


def descending(ranking: Any) -> list[Any]:
    return sorted(ranking, key=lambda point: -point.score)


def by_hand(ranking: Any, key: str, limit: int, size: int) -> list[tuple[Any, list[Any]]]:
    groups: dict[Any, list[Any]] = {}
    for point in ranking:
        found = point.payload.get(key.removesuffix("[]"))
        values = found if isinstance(found, list) else [] if key.endswith("[]") else [found]
        if any(type(value) not in (int, str) for value in values):
            continue
        for value in dict.fromkeys(values):
            groups.setdefault(value, []).append(point)
    return [(value, hits[:size]) for value, hits in list(groups.items())[:limit]]


Ask = Callable[[int, int, list[Any], list[Any]], list[Any]]
"""Hits of a query whose prefetches find `limit` points, among those that meet `must` and not `must_not`."""


def by_the_driver(ask: Ask, key: str, n_groups: int, size: int, ascending: bool) -> list[tuple[Any, list[Any]]]:
    """Groups as lib/shard's driver finds them: up to five requests for groups, up to five for hits of the best ones.

    Unlike Qdrant, points that are in no group are left out of the next request, too.
    """
    groups: dict[Any, dict[Any, Any]] = {}
    seen: dict[Any, None] = {}

    def rank(point: Any) -> float:
        return point.score if ascending else -point.score

    def best() -> list[Any]:
        return sorted(groups, key=lambda name: min(map(rank, groups[name].values())))[:n_groups]

    def complete() -> bool:
        return len(best()) == n_groups and all(len(groups[name]) >= size for name in best())

    for is_filling in (False, True):
        for _ in range(0 if complete() else 5):
            names = [n for n in (best() if is_filling else groups) if (len(groups[n]) >= size) != is_filling]
            listed = [[n for n in names if isinstance(n, kind)] for kind in (int, str)]
            match = (lambda v: {"any": v}) if is_filling else (lambda v: {"except": v})
            must = [{"key": key, "match": match(values)} for values in listed if values]
            hits = ask(size, n_groups * size, must, [{"is_empty": {"key": key}}, {"has_id": list(seen)}])
            for point in hits:
                seen[point.id] = None
                for name in group_keys(point.payload.get(key)):
                    groups.setdefault(name, {}).setdefault(point.id, point)
            if complete() or not hits:
                break
    return [(name, sorted(groups[name].values(), key=rank)[:size]) for name in best()]


def group_keys(found: Any) -> list[Any]:
    values = found if isinstance(found, list) else [found]
    return list(dict.fromkeys(values)) if all(type(value) in (int, str) for value in values) else []


@cases(60)
@given(st.integers(0, WORLDS - 1), st.sampled_from(["cos", "euclid", "multi_dot"]), SEEDS, st.integers(1, 5))
def test_groups_over_a_prefetch_are_those_of_the_rust_core(number: int, field: str, random: Random, size: int) -> None:
    here = world(number)
    n_groups, limit, nested = random.randrange(1, 6), random.randrange(1, 6), random.random() < 0.3
    first, second = random_vector(random, "dot"), random_vector(random, field)

    def ask(factor: int, top: int, must: list[Any], must_not: list[Any]) -> list[Any]:
        prefetch = edge.Prefetch(limit=limit * factor, query=edge.Query.Nearest(first, using="dot"))
        if nested:
            above = edge.Query.Nearest(second, using=field)
            prefetch = edge.Prefetch(limit=(limit + 1) * factor, query=above, prefetches=[prefetch])
        filter = edge.Filter(must=list(map(edge_condition, must)), must_not=list(map(edge_condition, must_not)))
        query = edge.Query.Nearest(second, using=field)
        return here.rust.query(
            edge.QueryRequest(limit=top, query=query, prefetches=[prefetch], filter=filter, with_payload=True)
        )

    expected = by_the_driver(ask, "group", n_groups, size, field in ASCENDING)
    prefetch = models.Prefetch(query=first, using="dot", limit=limit)
    if nested:
        prefetch = models.Prefetch(query=second, using=field, limit=limit + 1, prefetch=prefetch)
    for store in here.stores:
        got = store.query_points_groups(
            NAME, "group", query=second, using=field, prefetch=prefetch, limit=n_groups, group_size=size
        ).groups
        assert [group.id for group in got] == [name for name, _ in expected]
        for group, (_, hits) in zip(got, expected, strict=True):
            assert [str(hit.id) for hit in group.hits] == [str(hit.id) for hit in hits]
            assert all(close(a.score, b.score) for a, b in zip(group.hits, hits, strict=True))


def edge_condition(condition: dict[str, Any]) -> Any:
    if "has_id" in condition:
        return edge.HasIdCondition(set(condition["has_id"]))
    if "is_empty" in condition:
        return edge.IsEmptyCondition(condition["is_empty"]["key"])
    (kind, values) = next(iter(condition["match"].items()))
    return edge.FieldCondition(condition["key"], match=(edge.MatchAny if kind == "any" else edge.MatchExcept)(values))


@cases(40)
@given(st.integers(0, WORLDS - 1), st.sampled_from(["rrf", "dbsf", "formula", "order_by"]), SEEDS, st.integers(1, 4))
def test_groups_over_prefetches_of_other_stages(number: int, stage: str, random: Random, size: int) -> None:
    """Each request the driver makes is answered by the store itself, whose plain queries other tests compare."""
    here = world(number)
    n_groups, limit = random.randrange(1, 6), random.randrange(1, 6)
    first, second = random_vector(random, "dot"), random_vector(random, "cos")
    query: Any = {
        "rrf": models.FusionQuery(fusion="rrf"),
        "dbsf": models.FusionQuery(fusion="dbsf"),
        "formula": models.FormulaQuery(formula=models.SumExpression(sum=["$score[0]", "number"])),
        "order_by": models.OrderByQuery(order_by=models.OrderBy(key="int", direction="desc")),
    }[stage]

    def prefetch(factor: int) -> list[models.Prefetch]:
        named = (("dot", first), ("cos", second))
        return [models.Prefetch(query=vector, using=using, limit=limit * factor) for using, vector in named]

    for store in here.stores:

        def ask(factor: int, top: int, must: list[Any], must_not: list[Any], store: QdrantClient = store) -> list[Any]:
            filter = models.Filter(must=must, must_not=must_not)
            points = store.query_points(NAME, query, prefetch=prefetch(factor), query_filter=filter, limit=top).points
            for point in points:
                point.score = point.score if point.order_value is None else point.order_value
            return points

        got = store.query_points_groups(
            NAME, "group", query=query, prefetch=prefetch(1), limit=n_groups, group_size=size
        ).groups
        expected = by_the_driver(ask, "group", n_groups, size, ascending=False)
        assert [(group.id, [hit.id for hit in group.hits]) for group in got] == [
            (name, [hit.id for hit in hits]) for name, hits in expected
        ]


def test_groups_over_a_small_prefetch_are_filled(client: QdrantClient) -> None:
    """Qdrant's own example: the first request brings up the best 50 points, in which most groups are short."""
    random = Random(1)
    client.create_collection("c", models.VectorParams(size=4, distance="Dot"))
    vectors = [[random.uniform(-1, 1) for _ in range(4)] for _ in range(200)]
    client.upsert("c", [models.PointStruct(id=i, vector=v, payload={"g": i % 20}) for i, v in enumerate(vectors)])
    query = [random.uniform(-1, 1) for _ in range(4)]
    groups = client.query_points_groups(
        "c", "g", query=query, prefetch=models.Prefetch(query=query, limit=10), limit=3, group_size=5
    ).groups
    assert [len(group.hits) for group in groups] == [5, 5, 5]
    assert all(hit.id % 20 == group.id for group in groups for hit in group.hits)


@pytest.mark.parametrize("variant", ["order_by", "sample", "mmr"])
def test_other_variants_can_be_grouped(variant: str) -> None:
    here = world(0)
    query: Any = {
        "order_by": models.OrderByQuery(order_by=models.OrderBy(key="int", direction="desc")),
        "sample": models.SampleQuery(sample="random"),
        "mmr": models.NearestQuery(nearest=[1.0, 0.0, 0.0], mmr=models.Mmr(candidates_limit=50)),
    }[variant]
    using = "dot" if variant == "mmr" else None
    for store in here.stores:
        groups = store.query_points_groups(NAME, "color", query=query, using=using, limit=5, group_size=4).groups
        assert {group.id for group in groups} == {"red", "green", "blue"}
        assert all(1 <= len(group.hits) <= 4 for group in groups)
        assert all(hit.payload["color"] == group.id for group in groups for hit in group.hits)
        assert all(len({hit.id for hit in group.hits}) == len(group.hits) for group in groups)


def test_groups_deep_in_the_ranking_are_filled(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    points = [models.PointStruct(id=i, vector=[float(-i)], payload={"g": "many"}) for i in range(1, 500)]
    points += [models.PointStruct(id=1000 + i, vector=[float(-1000 - i)], payload={"g": f"rare{i}"}) for i in range(3)]
    client.upsert("c", points)
    groups = client.query_points_groups("c", "g", query=[1.0], limit=4, group_size=2).groups
    assert [(group.id, [hit.id for hit in group.hits]) for group in groups] == [
        ("many", [1, 2]),
        ("rare0", [1000]),
        ("rare1", [1001]),
        ("rare2", [1002]),
    ]


def test_groups_look_up_points_with_their_keys_for_ids(client: QdrantClient) -> None:
    uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    for name in ("c", "docs"):
        client.create_collection(name, models.VectorParams(size=1, distance="Dot"))
    groups = [1, -1, "text", uuid, 2]
    client.upsert("c", [models.PointStruct(id=i, vector=[-i], payload={"g": g}) for i, g in enumerate(groups)])
    client.upsert("docs", [models.PointStruct(id=i, vector=[1.0], payload={"title": str(i)}) for i in (1, uuid, 9)])
    found = client.query_points_groups("c", "g", query=[1.0], with_lookup="docs").groups
    assert [(group.id, group.lookup and group.lookup.payload) for group in found] == [
        (1, {"title": "1"}),
        (-1, None),
        ("text", None),
        (uuid, {"title": uuid}),
        (2, None),
    ]
    lookup = models.WithLookup(collection="docs", with_payload=False, with_vectors=True)
    first = client.query_points_groups("c", "g", query=[1.0], with_lookup=lookup).groups[0].lookup
    assert first is not None
    assert (first.payload, first.vector) == (None, [1.0])


def test_an_unknown_lookup_collection_is_not_found(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    with pytest.raises(errors.NotFound, match=r"^Not found: Collection nowhere not found$"):
        client.query_points_groups("c", "g", query=[1.0], with_lookup="nowhere")


# --- distance matrix --------------------------------------------------------------------------------------------------


@cases(60)
@given(st.integers(0, WORLDS - 1), st.sampled_from(FIELDS), st.integers(1, 6), st.booleans())
def test_the_matrix_of_all_points(number: int, field: str, limit: int, filtered: bool) -> None:
    """A sample as large as the collection is no sample: it can be compared."""
    here = world(number)

    def arguments(kinds: Any) -> dict[str, Any]:
        red = kinds.FieldCondition(key="color", match=kinds.MatchValue(value="red"))
        return {
            "query_filter": kinds.Filter(must=[red]) if filtered else None,
            "limit": limit,
            "sample": 100,
            "using": field,
        }

    theirs = here.local.search_matrix_pairs(NAME, **arguments(m)).pairs
    for store in here.stores:
        got = store.search_matrix_pairs(NAME, **arguments(models)).pairs
        assert [(str(pair.a), str(pair.b)) for pair in got] == [(str(pair.a), str(pair.b)) for pair in theirs]
        assert all(close(one.score, other.score) for one, other in zip(got, theirs, strict=True))
        offsets = store.search_matrix_offsets(NAME, **arguments(models))
        assert offsets.ids == sorted(offsets.ids, key=id_key)
        assert [
            (offsets.ids[row], offsets.ids[column], score)
            for row, column, score in zip(offsets.offsets_row, offsets.offsets_col, offsets.scores, strict=True)
        ] == [(pair.a, pair.b, pair.score) for pair in got]


@cases(30)
@given(st.integers(0, WORLDS - 1), st.sampled_from(DENSE), st.integers(2, 10), st.integers(1, 4))
def test_a_matrix_stays_within_its_sample(number: int, field: str, sample: int, limit: int) -> None:
    here = world(number)
    for store in here.stores:
        matrix = store.search_matrix_offsets(NAME, sample=sample, limit=limit, using=field)
        assert len(matrix.ids) == sample
        assert len(set(matrix.ids)) == sample
        assert len(matrix.scores) == sample * min(limit, sample - 1)
        assert all(row != column for row, column in zip(matrix.offsets_row, matrix.offsets_col, strict=True))


def test_fewer_than_two_points_make_no_matrix(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    assert client.search_matrix_pairs("c").pairs == []
    assert client.search_matrix_offsets("c").ids == []


def test_a_matrix_of_an_unknown_vector(client: QdrantClient) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    with pytest.raises(errors.BadInput, match=r"(?m)^Wrong input: Not existing vector name error: x$"):
        client.search_matrix_pairs("c", using="x")


@pytest.mark.parametrize(("arguments", "text"), [({"sample": 1}, "sample"), ({"limit": 0}, "limit")])
def test_a_matrix_needs_a_sample_and_a_limit(client: QdrantClient, arguments: dict[str, int], text: str) -> None:
    client.create_collection("c", models.VectorParams(size=1, distance="Dot"))
    with pytest.raises(errors.ValidationError, match=text):
        client.search_matrix_pairs("c", **arguments)
