"""Facets of every index kind, and formulas over indexed values, against the Rust core."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given
from hypothesis import strategies as st
from worlds import cases

from minidb import QdrantClient, errors, models

UUID = "550e8400-e29b-41d4-a716-446655440000"
KINDS = ["keyword", "integer", "float", "bool", "uuid", "datetime", "geo"]
VALUES: list[Any] = [
    None, True, False, 0, 1, 2, -3, 1.0, 2.5, 2**60, "a", "b", UUID, UUID.upper(), UUID.replace("-", ""),
    "2024-01-01", "2024-01-01T00:00:00Z", "1420070400", {"lon": 1.0, "lat": 2.0}, {"lon": 200.0, "lat": 2.0}, [], {},
]  # fmt: skip


def payloads(random: Random) -> list[dict[str, Any]]:
    made = []
    for _ in range(12):
        value = random.choice(VALUES)
        if random.random() < 0.3:
            value = random.choices(VALUES[:-2], k=random.randrange(1, 3))
        made.append({"x": value} if random.random() < 0.9 else {})
    return made


@contextmanager
def both(kind: str, made: list[dict[str, Any]]) -> Iterator[tuple[QdrantClient, edge.EdgeShard]]:
    folder = tempfile.mkdtemp(prefix="minidb-indexed-")
    shard = edge.EdgeShard.create(folder, edge.EdgeConfig(vectors=edge.EdgeVectorParams(1, edge.Distance.Dot)))
    shard.update(edge.UpdateOperation.create_field_index("x", getattr(edge.PayloadSchemaType, kind.capitalize())))
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(i, [1.0], p) for i, p in enumerate(made)]))
    with QdrantClient(":memory:") as store:
        store.create_collection("c", models.VectorParams(size=1, distance="Dot"))
        store.create_payload_index("c", "x", kind)
        store.upsert("c", [models.PointStruct(id=i, vector=[1.0], payload=p) for i, p in enumerate(made)])
        try:
            yield store, shard
        finally:
            shard.close()
            shutil.rmtree(folder, ignore_errors=True)


@cases(30)
@given(st.sampled_from(["keyword", "integer", "bool", "uuid"]), st.integers(0, 2**32).map(Random))
def test_facets_of_every_kind(kind: str, random: Random) -> None:
    with both(kind, payloads(random)) as (store, shard):
        expected = {
            str(hit.value): hit.count for hit in shard.facet(edge.FacetRequest("x", limit=100, exact=True)).hits
        }
        assert {str(hit.value): hit.count for hit in store.facet("c", "x", limit=100).hits} == expected


@cases(30)
@given(st.sampled_from(KINDS), st.integers(0, 2**32).map(Random))
def test_formulas_over_every_kind(kind: str, random: Random) -> None:
    """Point by point, since one unusable value fails a whole query."""
    made = payloads(random)
    with both(kind, made) as (store, shard):
        for at in range(len(made)):
            formula = edge.Formula(edge.Expression.Variable("x"), {"x": 0.25})
            has_id = edge.Filter(must=[edge.HasIdCondition({at})])
            prefetch = edge.Prefetch(limit=1, query=edge.Query.Nearest([1.0]), filter=has_id)
            try:
                (hit,) = shard.query(edge.QueryRequest(limit=1, query=formula, prefetches=[prefetch]))
                expected: Any = hit.score
            except Exception:  # noqa: BLE001, the core's errors have no class of their own
                expected = None
            ours = models.FormulaQuery(formula="x", defaults={"x": 0.25})
            one = models.Prefetch(filter=models.Filter(must=[models.HasIdCondition(has_id=[at])]))
            if expected is None:
                with pytest.raises(errors.BadInput):
                    store.query_points("c", ours, prefetch=one)
            else:
                assert store.query_points("c", ours, prefetch=one).points[0].score == expected


@pytest.mark.parametrize("values", [[2, 2], [2, 2.0], [2, "a", 2], [2, 3, 2], [2.5, 2.5], [2]])
@pytest.mark.parametrize("kind", ["integer", "float", "integer of ranges"])
def test_a_value_that_is_there_twice_is_one_where_the_index_holds_it_once(kind: str, values: list[Any]) -> None:
    folder = tempfile.mkdtemp(prefix="minidb-indexed-")
    shard = edge.EdgeShard.create(folder, edge.EdgeConfig(vectors=edge.EdgeVectorParams(1, edge.Distance.Dot)))
    of_ranges = kind == "integer of ranges"
    theirs: Any = getattr(edge.PayloadSchemaType, kind.split()[0].capitalize())
    ours: Any = kind.split()[0]
    if of_ranges:
        theirs = edge.IntegerIndexParams(lookup=False, range=True)
        ours = models.IntegerIndexParams(type="integer", lookup=False, range=True)
    shard.update(edge.UpdateOperation.create_field_index("x", theirs))
    shard.update(edge.UpdateOperation.upsert_points([edge.Point(0, [1.0], {"x": values})]))
    with QdrantClient(":memory:") as store:
        store.create_collection("c", models.VectorParams(size=1, distance="Dot"))
        store.create_payload_index("c", "x", ours)
        store.upsert("c", [models.PointStruct(id=0, vector=[1.0], payload={"x": values})])
        formula = edge.Formula(edge.Expression.Variable("x"), {"x": 0.25})
        prefetch = edge.Prefetch(limit=1, query=edge.Query.Nearest([1.0]))
        query, below = models.FormulaQuery(formula="x", defaults={"x": 0.25}), models.Prefetch(query=[1.0])
        try:
            (hit,) = shard.query(edge.QueryRequest(limit=1, query=formula, prefetches=[prefetch]))
        except Exception:  # noqa: BLE001, the core's errors have no class of their own
            with pytest.raises(errors.BadInput):
                store.query_points("c", query, prefetch=below)
        else:
            assert store.query_points("c", query, prefetch=below).points[0].score == hit.score
    shard.close()
    shutil.rmtree(folder, ignore_errors=True)
