"""Lists as callers have them, of one type each, where a request takes several: mypy reads this file in `.ci/run`.

A `list[int]` is no `list[int | str]` to a type checker, though every request takes both.
"""

from __future__ import annotations

from minidb import QdrantClient, models


def test_lists_of_one_type() -> None:
    ids, names, rows, vector = [1, 2], ["a"], [[0.1, 0.2], [0.3, 0.4]], [0.1, 0.2]
    conditions = [models.FieldCondition(key="a", range=models.Range(gte=1))]
    pairs = [models.ContextPair(positive=1, negative=2)]
    prefetches = [models.Prefetch(query=vector, using="v")]
    requests = [models.QueryRequest(query=vector, using="v", limit=1)]
    has_id = models.HasIdCondition(has_id=ids)
    where = models.Filter(must=conditions, should=[has_id])
    size = models.VectorParams(size=2, distance=models.Distance.DOT)
    with QdrantClient(":memory:") as client:
        client.create_collection("c", vectors_config={"v": size})
        client.upsert("c", models.Batch(ids=ids, vectors={"v": rows}, payloads=[{"a": 1}, {"a": 2}]))
        client.upsert("c", [models.PointStruct(id=3, vector={"v": rows[0]})])
        client.set_payload("c", {"a": 3}, points=[3])
        found = client.query_points("c", query=vector, using="v", query_filter=where, with_payload=names)
        assert [point.id for point in found.points] == [2, 1]
        assert len(client.query_points("c", prefetch=prefetches, query=vector, using="v").points) == 3
        assert len(client.query_batch_points("c", requests)) == 1
        recommend = models.RecommendInput(positive=ids, negative=rows)
        assert len(client.query_points("c", query=models.RecommendQuery(recommend=recommend), using="v").points) == 1
        context = models.ContextQuery(context=pairs)
        assert len(client.query_points("c", query=context, using="v").points) == 1
        client.delete("c", models.PointIdsList(points=ids))
        assert client.count("c").count == 1


def test_a_batch_of_unnamed_vectors() -> None:
    rows = [[0.1, 0.2], [0.3, 0.4]]
    with QdrantClient(":memory:") as client:
        client.create_collection("c", vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("c", models.Batch(ids=["5c56c793-69f3-4fbf-87e6-c4bf54c28c26", 2], vectors=rows))
        assert client.count("c").count == 2
