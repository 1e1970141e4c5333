"""`explain`: the plan of a query as it ran."""

from __future__ import annotations

import numpy as np

from minidb import QdrantClient, models
from minidb.trace import Step


def steps_of(step: Step) -> list[Step]:
    return [step, *(below for child in step.steps for below in steps_of(child))]


def filled(client: QdrantClient) -> np.ndarray:
    client.create_collection(
        "c",
        vectors_config={
            "large": models.VectorParams(size=8, distance=models.Distance.COSINE),
            "small": models.VectorParams(size=2, distance=models.Distance.COSINE),
        },
    )
    vectors = np.random.default_rng(1).random((600, 8), np.float32)
    payload = [{"kind": f"k{at % 3}", "count": at} for at in range(600)]
    client.upload_collection("c", {"large": vectors, "small": vectors[:, :2]}, payload=payload, ids=range(600))
    return vectors


def test_every_level_and_clause_says_how_it_was_answered(client: QdrantClient) -> None:
    vectors = filled(client)
    client.create_payload_index("c", "kind", "keyword")
    wanted = models.Filter(
        must=[
            models.FieldCondition(key="kind", match=models.MatchValue(value="k1")),
            models.FieldCondition(key="count", range=models.Range(lt=300)),
        ]
    )
    tree = client.explain(
        "c",
        prefetch=models.Prefetch(query=vectors[0][:2], using="small", limit=50),
        query=vectors[0],
        using="large",
        query_filter=wanted,
    )
    by_name = {step.name: step for step in steps_of(tree)}
    assert by_name["filter"].facts["rows"] == 100
    clauses = [step.facts for step in steps_of(tree) if step.name == "clause"]
    assert [facts["rows"] for facts in clauses] == [200, 100]
    assert clauses[0]["by"] == "values index on kind"
    searches = [step.facts for step in steps_of(tree) if step.name == "Nearest"]
    assert [facts["candidates"] for facts in searches] == [50, 100]
    assert tree.micros > 0
    assert all(step.micros <= tree.micros for step in steps_of(tree))
    assert "values index on kind" in str(tree)


def test_a_filter_asked_again_is_remembered_until_something_is_written(client: QdrantClient) -> None:
    vectors = filled(client)
    wanted = models.Filter(must=models.FieldCondition(key="kind", match=models.MatchValue(value="k1")))

    def how() -> str:
        tree = client.explain("c", query=vectors[0], using="large", query_filter=wanted)
        found = next(step for step in steps_of(tree) if step.name == "filter")
        return str(found.facts.get("by", ""))

    assert "remembered" not in how()
    assert "remembered" in how()
    client.set_payload("c", {"kind": "k1"}, [0])
    assert "remembered" not in how()


def test_indexed_only_finds_what_is_too_small_for_a_graph(client: QdrantClient) -> None:
    """Qdrant skips large unindexed segments; by codes as by floats, a small one is none."""
    for name, n_points in (("floats", 10), ("codes", 1000)):
        client.create_collection(name, models.VectorParams(size=768, distance=models.Distance.DOT))
        vectors = np.random.default_rng(0).standard_normal((n_points, 768)).astype(np.float32)
        client.upload_collection(name, vectors, ids=range(n_points))
        search = models.SearchParams(indexed_only=True)
        (found,) = client.query_points(name, vectors[3], limit=1, search_params=search).points
        assert found.id == 3, name
        client.update_collection(name, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=10**6))
        assert client.query_points(name, vectors[3], limit=1, search_params=search).points == [found]
    assert "int8 scan" in str(client.explain("codes", vectors[3], limit=1))
