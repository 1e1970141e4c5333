"""Rows of a graph that no search of its library finds are found all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.index.dense import libraries
from minidb.index.dense.unlinked import Links, Unlinked

SIZE, N = 16, 3_000
LOST = [5, 700, 2_999]
EF = models.SearchParams(hnsw_ef=64)
WIDE = models.Filter(must=[models.FieldCondition(key="n", range=models.Range(gte=3))])


def test_what_links_lead_to_and_what_lies_beside_what_is_found() -> None:
    links = Links(  # 10 → 11 → 12; 13 has links to 11 and 12, and nobody to it; 14 and 15 only to each other
        rows=np.arange(10, 16, dtype=np.uint32),
        is_start=np.array([True, False, False, False, False, False]),
        counts=np.array([1, 1, 0, 2, 1, 1]),
        nodes=np.array([[1, 5], [2, 5], [5, 5], [1, 2], [5, 0], [4, 0]], np.uint32),
    )
    assert links.linked().tolist() == [False, True, True, False, False, False]
    asked: list[list[int]] = []

    def nearest(rows: np.ndarray) -> list[np.ndarray]:
        asked.append(rows.tolist())
        near = {10: [10, 11], 13: [11, 12], 14: [12], 15: []}
        return [np.array(near[row], np.uint32) for row in rows.tolist()]

    for unlinked in (found := Unlinked.of(links, nearest), Unlinked.of_arrays(found.arrays())):
        assert len(unlinked) == 3
        assert unlinked.beside(np.array([11], np.uint32)).tolist() == [10, 13]
        assert set(unlinked.beside(np.array([12, 10], np.uint32)).tolist()) == {13, 14}
        assert unlinked.beside(np.array([13, 99], np.uint32)).tolist() == []
    assert asked == [[10, 13, 14, 15]]
    assert len(Unlinked.of_arrays({})) == 0


@pytest.fixture(params=["hnswlib", "usearch"])
def losing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of whose graph no link leads to some rows."""
    if request.param == "hnswlib":
        pytest.importorskip("hnswlib")
        from minidb.index.dense.hnswlib_graph import HnswlibGraph as Graph
    else:
        from minidb.index.dense.usearch_graph import UsearchGraph as Graph  # type: ignore[assignment]
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: request.param == "hnswlib")
    nearest, linked = Graph._nearest, Links.linked

    def without_lost(self: Any, queries: Any, width: int, threads: int) -> list[Any]:
        return [rows[~np.isin(rows, LOST)] for rows in nearest(self, queries, width + len(LOST), threads)]

    for name, value in {"_FLOAT_ELEMENTS": 0, "_FLOAT_SCAN_ELEMENTS": 0, "_graph_ns": lambda graph, field: 0.0}.items():
        monkeypatch.setattr(f"minidb.query.search.{name}", value)
    monkeypatch.setattr(Graph, "_nearest", without_lost)
    monkeypatch.setattr(Links, "linked", lambda self: linked(self) & ~np.isin(self.rows, LOST))


@pytest.mark.parametrize("place", ["memory", "disk"])
@pytest.mark.usefixtures("losing")
def test_a_point_without_links_to_it_is_found(place: str, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((N, SIZE)).astype(np.float32)
    client = QdrantClient(":memory:" if place == "memory" else tmp_path)
    client.create_collection(
        "c",
        models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1),
    )
    client.upload_collection("c", vectors, payload=[{"n": at} for at in range(N)], ids=range(N))
    assert client.wait_until_indexed("c")
    for reopened in range(2 if place == "disk" else 1):
        if reopened:
            client.close()
            client = QdrantClient(tmp_path)
            client.query_points("c", vectors[0])
            assert client.wait_until_indexed("c")
        for row in LOST:
            for filter in (None, WIDE):
                plan = str(client.explain("c", vectors[row], query_filter=filter, search_params=EF))
                assert "graph" in plan
                hits = client.query_points("c", vectors[row], query_filter=filter, search_params=EF, limit=5).points
                assert hits[0].id == row
                assert len({hit.id for hit in hits}) == 5
        many, _ = client.query_arrays("c", vectors[LOST], search_params=EF, limit=5)
        assert many[:, 0].tolist() == LOST
    client.delete("c", [700])
    without = models.Filter(must_not=[models.HasIdCondition(has_id=[5])])
    for row in (5, 700):
        hits = client.query_points("c", vectors[row], query_filter=without, search_params=EF, limit=5).points
        assert row not in {hit.id for hit in hits}
    client.close()
