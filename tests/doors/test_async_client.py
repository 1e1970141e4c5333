"""The async door: the same methods, awaited."""

from __future__ import annotations

import asyncio

import pytest

from minidb import AsyncQdrantClient, errors, models


def test_the_same_calls_awaited_give_the_same_answers() -> None:
    async def scenario() -> list[int | str]:
        async with AsyncQdrantClient(":memory:") as client:
            await client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
            points = [models.PointStruct(id=at, vector=[float(at), 1.0]) for at in range(5)]
            await client.upsert("c", points)
            answers = await asyncio.gather(*(client.query_points("c", query=[1.0, 0.0], limit=3) for _ in range(8)))
            assert all(answer == answers[0] for answer in answers)
            return [point.id for point in answers[0].points]

    assert asyncio.run(scenario()) == [4, 3, 2]


def test_a_closed_client_says_so() -> None:
    async def scenario() -> None:
        client = AsyncQdrantClient()
        await client.close()
        await client.close()
        with pytest.raises(errors.StoreClosed):
            await client.get_collections()

    asyncio.run(scenario())
