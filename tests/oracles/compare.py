"""What counts as the same answer: vectors and scores within 1e-5, hits in order but for runs of equal score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracles.model import CollectionModel, canonical
from oracles.schema import Stored, named

RELATIVE = 1e-5
ABSOLUTE = 2e-6
Ranking = Sequence[tuple[int | str, float]]


def close(a: float, b: float, relative: float = RELATIVE) -> bool:
    return abs(a - b) <= ABSOLUTE + relative * max(abs(a), abs(b))


def assert_hits(hits: Sequence[Any], expected: Ranking, relative: float = RELATIVE) -> None:
    """`hits` are the beginning of a ranking: the same scores in order, and every point with its own score.

    Together with the points being distinct this compares runs of equal score as sets. Pass the whole ranking as
    `expected`, so that a tie at the last place may be resolved either way; its length beyond `hits` is not checked.
    """
    ids = [canonical(hit.id) for hit in hits]
    assert len(set(ids)) == len(ids), f"a point twice: {ids}"
    scores = dict(expected)
    for place, (point_id, hit) in enumerate(zip(ids, hits, strict=True)):
        assert place < len(expected), f"more hits than expected: {ids} vs {expected}"
        assert point_id in scores, f"{point_id} should not be found: {list(zip(ids, hits, strict=True))} vs {expected}"
        assert close(hit.score, scores[point_id], relative), f"{point_id}: {hit.score} != {scores[point_id]}"
        assert close(hit.score, expected[place][1], relative), f"place {place}: {hit.score} != {expected[place]}"


def assert_same_hits(hits: Sequence[Any], expected: Ranking, limit: int, relative: float = RELATIVE) -> None:
    """As `assert_hits`, for the first `limit` of the whole ranking `expected`."""
    assert len(hits) == min(limit, len(expected)), f"{len(hits)} hits, expected {expected[:limit]}"
    assert_hits(hits, expected, relative)


def plain(vector: Any) -> Stored:
    """A returned vector as the model keeps it."""
    if hasattr(vector, "indices"):
        return tuple(int(index) for index in vector.indices), np.array(vector.values, np.float32)
    return np.array(vector, np.float32)


def assert_vectors(returned: Any, expected: Mapping[str, Stored]) -> None:
    found = {name: plain(vector) for name, vector in named(returned).items()} if len(returned) else {}
    assert set(found) == set(expected)
    for name, vector in expected.items():
        if isinstance(vector, tuple):
            assert found[name][0] == vector[0], name
            np.testing.assert_allclose(found[name][1], vector[1], RELATIVE, ABSOLUTE)
        else:
            np.testing.assert_allclose(found[name], vector, RELATIVE, ABSOLUTE)


def assert_points(records: Sequence[Any], model: CollectionModel, ids: Sequence[int | str]) -> None:
    """The records are these points of the model, in this order, with payload and vectors."""
    assert [canonical(record.id) for record in records] == list(ids)
    for record, point_id in zip(records, ids, strict=True):
        point = model.points[point_id]
        assert (record.payload or {}) == point.payload, point_id
        assert_vectors(record.vector, point.vectors)


def everything(client: Any, name: str, page: int = 1000) -> list[Any]:
    """All points of a collection with payload and vectors, page by page."""
    found: list[Any] = []
    offset = None
    while True:
        records, offset = client.scroll(name, limit=page, offset=offset, with_payload=True, with_vectors=True)
        found += records
        if offset is None:
            return found
        assert len(records) == page, "a page is full while there is a next one"
