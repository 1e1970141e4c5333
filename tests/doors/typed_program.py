"""A small program of each door, for type checkers: lines marked `# refused` hold mistakes, the others none.

Read by `test_types.py`; runs never.
"""

# ruff: noqa: B018, RUF059

import asyncio

import httpx
import numpy as np

import minidb
from minidb import AsyncQdrantClient, AsyncTransport, QdrantClient, Transport, errors, models

params = models.VectorParams(size=2, distance=models.Distance.COSINE)
red = models.Filter(must=[models.FieldCondition(key="color", match=models.MatchValue(value="red"))])
document = models.Document(text="words", model="minidb/hash-2")


def own_client() -> None:
    with QdrantClient(":memory:", durability="off") as client:
        client.create_collection("docs", {"text": params}, sparse_vectors_config={"words": models.SparseVectorParams()})
        client.create_collection("docs", params, metadata={"made": "today"})
        client.create_payload_index("docs", "color", "keyword")
        client.create_payload_index("docs", "color", models.PayloadSchemaType.KEYWORD)
        client.create_payload_index("docs", "note", models.TextIndexParams(type=models.TextIndexType.TEXT))
        client.create_payload_index("docs", "color", "keywrd")  # refused
        client.upsert("docs", [models.PointStruct(id=1, vector={"text": [1.0, 2.0]}, payload={"color": "red"})])
        client.upsert("docs", [models.PointStruct(id=2, vector=np.zeros(2)), models.PointStruct(id=3, vector=document)])
        client.upsert("docs", models.Batch(ids=[1, 2], vectors=np.zeros((2, 2))), update_mode="insert_only")
        client.upsert("docs", models.PointStruct(id=1, vector=[1.0, 2.0]))  # refused
        client.upload_collection("docs", np.zeros((2, 2), np.float32), ids=range(2), payload=[{}, {}])
        client.upload_collection("docs", [[1.0, 2.0], [3.0, 4.0]])
        client.upload_collection("docs", {"text": np.zeros((2, 2))})
        vector = [1, 2]
        client.query_points("docs", vector, using="text", query_filter=red, with_payload=["color"], limit=3)
        client.query_points("docs", np.zeros(2), with_vectors=True)
        client.query_points("docs", document)
        client.query_points("docs", 1)
        client.query_points("docs", [1.0, 2.0], with_payload=models.PayloadSelectorExclude(exclude=["note"]))
        client.query_points("docs", [1.0, 2.0], with_payload="color")  # refused
        client.query_points("docs", [1.0, 2.0], filter=red)  # refused
        client.query_points("docs", {1.0, 2.0})  # refused
        client.query_points("docs", [1.0, 2.0], prefetch=[[1.0, 2.0]])  # refused
        fused = client.query_points(
            "docs",
            models.FusionQuery(fusion=models.Fusion.RRF),
            prefetch=[models.Prefetch(query=[1.0, 2.0], using="text"), models.Prefetch(query=document)],
        )
        first = fused.points[0]
        score: float = first.score
        if isinstance(first.vector, dict):
            first.vector["text"]
        first.vector.nothing  # refused
        ids, scores = client.query_arrays("docs", np.zeros((3, 2)))
        ids.shape, scores.shape, score
        client.query_batch_points("docs", [models.QueryRequest(query=[1.0, 2.0])])
        client.query_points_groups("docs", "color", [1.0, 2.0], with_lookup="colors").groups[0].hits
        points, offset = client.scroll("docs", offset=3, order_by="color")
        while offset is not None:
            points, offset = client.scroll("docs", red, offset=offset, with_vectors=["text"])
        client.scroll("docs", offset=[1])  # refused
        client.retrieve("docs", [1, "550e8400-e29b-41d4-a716-446655440000"])
        client.retrieve("docs", 1)  # refused
        client.delete("docs", [1, 2])
        client.delete("docs", red)
        client.delete("docs", models.PointIdsList(points=[1]))
        client.set_payload("docs", {"color": "blue"}, points=[1])
        client.count("docs", red).count
        client.search("docs", [1.0, 2.0])  # refused
        try:
            client.facet("docs", "color").hits[0].value
        except errors.NotFound as error:
            print(error.hint, error.status_code)


async def own_asynchronous_client() -> None:
    async with AsyncQdrantClient(":memory:") as client:
        await client.create_collection("docs", params)
        await client.create_payload_index("docs", "color", "keywrd")  # refused
        found = await client.query_points("docs", [1.0, 2.0], limit=3)
        found.points[0].id
        client.count("docs").count  # refused


def clients_of_qdrant() -> None:
    client = minidb.qdrant_client(":memory:")
    client.get_collections().collections
    client.close()
    with minidb.intercept("http://localhost:6333") as store:
        store.count("docs").count
        store.cuont("docs")  # refused


async def transports() -> None:
    with httpx.Client(transport=Transport(":memory:"), base_url="http://minidb") as http:
        http.get("/collections").json()
    async with httpx.AsyncClient(transport=AsyncTransport(":memory:"), base_url="http://minidb") as later:
        await later.get("/collections")
    Transport(location=1)  # refused


QdrantClient(durability="ful")  # refused
asyncio.run(own_asynchronous_client())
