"""Random writes of points whose payload is all that matters, and what the points are after each."""

from __future__ import annotations

from typing import Any, TypeAlias

from hypothesis import strategies as st

from minidb import QdrantClient, models

N_IDS = 12
Payload: TypeAlias = dict[str, Any]
Payloads: TypeAlias = dict[int, Payload]
"""By id."""
Write: TypeAlias = tuple[str, list[int], Payload]


def writes(payloads: st.SearchStrategy[Payload]) -> st.SearchStrategy[Write]:
    """One payload for some ids that may or may not be there: half of them upserts."""
    ids = st.lists(st.integers(0, N_IDS - 1), min_size=1, max_size=4, unique=True)
    return st.tuples(st.sampled_from(["upsert", "upsert", "delete", "overwrite"]), ids, payloads)


def upsert(client: QdrantClient, points: Payloads) -> None:
    """Write the points to collection "c", all with the same vector."""
    client.upsert("c", [models.PointStruct(id=at, vector=[1.0, 0.0], payload=each) for at, each in points.items()])


def apply(client: QdrantClient, known: Payloads, write: Write) -> Payloads:
    """Do it, and say what the points are then."""
    kind, chosen, payload = write
    if kind == "upsert":
        upsert(client, dict.fromkeys(chosen, payload))
        return known | dict.fromkeys(chosen, payload)
    if kind == "delete":
        client.delete("c", chosen)
        return {point: kept for point, kept in known.items() if point not in chosen}
    there = [point for point in chosen if point in known]
    if there:
        client.overwrite_payload("c", payload, points=there)
    return known | dict.fromkeys(there, payload)
