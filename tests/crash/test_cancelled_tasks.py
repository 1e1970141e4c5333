"""Tasks that are cancelled in the middle of their calls: the calls end by themselves, and nothing waits for them."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from minidb import AsyncQdrantClient, QdrantClient, models

N_TASKS = 40 * int(os.environ.get("MINIDB_CASES", "5"))


async def use(client: AsyncQdrantClient, number: int, acknowledged: set[int]) -> None:
    await client.upsert("c", [models.PointStruct(id=number, vector=[1.0, float(number)])])
    acknowledged.add(number)
    await client.query_points("c", [1.0, 0.0], limit=3)
    await client.count("c")


async def storm(location: str, rng: random.Random) -> set[int]:
    acknowledged: set[int] = set()
    async with AsyncQdrantClient(location) as client:
        await client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        for start in range(0, N_TASKS, 8):
            tasks = [asyncio.create_task(use(client, at, acknowledged)) for at in range(start, start + 8)]
            for _ in range(rng.randrange(6)):
                await asyncio.sleep(0)
            for task in rng.sample(tasks, 5):
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(each is None or isinstance(each, asyncio.CancelledError) for each in ended), ended
        found = {record.id for record in (await client.scroll("c", limit=10_000))[0]}
        assert acknowledged <= found
    return acknowledged


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_cancelled_tasks_leave_a_working_store(place: str, tmp_path: Path) -> None:
    location = ":memory:" if place == "memory" else str(tmp_path)
    acknowledged = asyncio.run(storm(location, random.Random(3)))
    assert acknowledged
    if place == "disk":
        with QdrantClient(tmp_path) as client:
            assert acknowledged <= {record.id for record in client.scroll("c", limit=10_000)[0]}
