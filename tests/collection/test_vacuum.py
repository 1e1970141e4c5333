"""Vacuum: the next generation of a collection's rows, and what it must not disturb."""

from __future__ import annotations

import threading

from minidb import QdrantClient, models
from minidb.collection.vacuum import vacuum

VECTOR = models.VectorParams(size=1, distance=models.Distance.DOT)


def test_with_nothing_to_do_it_changes_nothing(client: QdrantClient) -> None:
    """An empty commit gets no number of its own; readers once waited for it for ever."""
    client.create_collection("c", VECTOR)
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0])])
    database = client._database
    with database.snapshot("c") as snapshot:
        collection = snapshot.collection
    vacuum(database._store, collection)
    assert client.count("c").count == 1
    client.upsert("c", [models.PointStruct(id=2, vector=[1.0])])
    assert client.count("c").count == 2


def test_writes_that_share_its_commit_are_in_the_next_generation(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR, optimizers_config=models.OptimizersConfigDiff(vacuum_min_vector_number=100))

    def rewrite(first: int) -> None:
        for round_ in range(60):
            points = [
                models.PointStruct(id=first + at, vector=[float(round_)], payload={"n": round_}) for at in range(10)
            ]
            client.upsert("c", points)

    threads = [threading.Thread(target=rewrite, args=(1000 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.wait_until_indexed("c")
    found = client.scroll("c", limit=100, with_vectors=True)[0]
    assert len(found) == client.count("c").count == 40
    assert all(record.vector == [59.0] and record.payload == {"n": 59} for record in found)
