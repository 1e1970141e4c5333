"""Searches by graph, of either library, against brute force: new, grown, thinned out, reopened, under writers."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.collection import index_rows, indexes
from minidb.index.dense import graph, libraries
from minidb.storage.rows import MappedRowFile

SIZE, N = 32, 6000
LIBRARIES = ["hnswlib", "usearch"]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: request.param == "hnswlib")
    return request.param


def clustered(n: int, seed: int = 0) -> NDArray[np.float32]:
    centres = np.random.default_rng(99).standard_normal((50, SIZE))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 50, n)] + 0.4 * rng.standard_normal((n, SIZE))).astype(np.float32)


def create(client: QdrantClient, distance: models.Distance) -> None:
    client.create_collection(
        "c",
        models.VectorParams(size=SIZE, distance=distance),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=1),
    )


def truth(vectors: NDArray[np.float32], ids: NDArray[np.int64], query: NDArray[np.float32], distance: str) -> set[int]:
    kept = vectors[ids]
    if distance == "Euclid":
        scores = -((kept - query) ** 2).sum(axis=1)
    else:
        scores = kept @ query
        if distance == "Cosine":
            scores = scores / np.linalg.norm(kept, axis=1)
    return set(ids[np.argsort(-scores)[:10]].tolist())


def recall(client: QdrantClient, vectors: NDArray[np.float32], ids: NDArray[np.int64], distance: str) -> float:
    queries = clustered(60, seed=1)
    by_graph = client.explain("c", query=queries[0], search_params=models.SearchParams(hnsw_ef=64))
    assert "graph" in str(by_graph)
    found = 0
    for query in queries:
        hits = client.query_points("c", query=query, search_params=models.SearchParams(hnsw_ef=64)).points
        found += len({hit.id for hit in hits} & truth(vectors, ids, query, distance))
    return found / 600


@pytest.mark.parametrize("distance", list(models.Distance)[:3])
def test_recall_of_a_graph_new_grown_thinned_out_and_reopened(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distance: models.Distance
) -> None:
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)
    vectors, ids = clustered(N + 3400), np.arange(N)
    name = str(distance)
    with QdrantClient(tmp_path) as client:
        create(client, distance)
        client.upload_collection("c", vectors[:N], ids=range(N), batch_size=1000)
        assert client.wait_until_indexed("c")
        assert client.get_collection("c").indexed_vectors_count == N
        assert recall(client, vectors, ids, name) >= 0.98
        client.upload_collection("c", vectors[N : N + 400], ids=range(N, N + 400))
        ids = np.arange(N + 400)
        assert recall(client, vectors, ids, name) >= 0.98
        client.delete("c", list(range(0, 1000)))
        ids = ids[1000:]
        assert recall(client, vectors, ids, name) >= 0.98
    with QdrantClient(tmp_path) as client:
        client.query_points("c", query=vectors[5])
        assert client.wait_until_indexed("c")
        assert recall(client, vectors, ids, name) >= 0.98
        client.upload_collection("c", vectors[N + 400 :], ids=range(N + 400, len(vectors)), batch_size=1000)
        assert client.wait_until_indexed("c")
        assert client.get_collection("c").indexed_vectors_count >= N
        assert recall(client, vectors, np.arange(1000, len(vectors)), name) >= 0.98


def test_equal_vectors_that_are_linked_to_each_other_only_hide_nothing(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More equal ones than a row has links: from some, fewer rows can be reached than the search asks for."""
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)
    vectors = np.repeat(clustered(50), 100, axis=0)
    with QdrantClient(":memory:") as client:
        create(client, models.Distance.EUCLID)
        client.upload_collection("c", vectors, ids=range(len(vectors)), batch_size=1000)
        assert client.wait_until_indexed("c")
        for query in vectors[::100]:
            hits = client.query_points("c", query=query, search_params=models.SearchParams(hnsw_ef=len(vectors))).points
            assert [hit.score for hit in hits] == [0.0] * 10


def test_readers_and_a_writer_that_makes_the_graph_grow(library: str) -> None:
    vectors = clustered(N)
    with QdrantClient(":memory:") as client:
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors[:3000], ids=range(3000), batch_size=1000)
        assert client.wait_until_indexed("c")
        done = threading.Event()
        wrong: list[int] = []

        def read() -> None:
            while not done.is_set():
                asked = range(0, 3000, 97)
                found = [client.query_points("c", query=vectors[at], limit=1).points[0].id for at in asked]
                wrong.extend(at for at, best in zip(asked, found, strict=True) if at != best)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for start in range(3000, N, 500):
            client.upload_collection("c", vectors[start : start + 500], ids=range(start, start + 500))
            client.wait_until_indexed("c")
        done.set()
        for reader in readers:
            reader.join()
        assert wrong == []


def test_rows_the_graph_has_and_does_not_yet_vouch_for_come_once(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the insertion of a block and its announcement, which took most of the time a graph grew."""
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)
    kind = getattr(importlib.import_module(f"minidb.index.dense.{library}_graph"), f"{library.capitalize()}Graph")
    inserted, may_announce, add = threading.Event(), threading.Event(), kind.add

    def add_and_wait(self: graph.Graph, rows: Any, vectors: Any, n_rows: int) -> None:
        add(self, rows, vectors, self.n_rows)
        inserted.set()
        assert may_announce.wait(60)
        self.n_rows = n_rows

    vectors, payloads = clustered(N + 3000), [{"kept": at % 5 < 4} for at in range(N + 3000)]
    with QdrantClient(":memory:") as client:
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors[:N], ids=range(N), payload=payloads[:N], batch_size=N)
        assert client.wait_until_indexed("c")
        with monkeypatch.context() as pausing:
            pausing.setattr(kind, "add", add_and_wait)
            more = range(N, N + 3000)
            client.upload_collection("c", vectors[N:], ids=more, payload=payloads[N:], batch_size=3000)
            assert inserted.wait(60)
            most = models.Filter(must=models.FieldCondition(key="kept", match=models.MatchValue(value=True)))
            for at in more[::100]:
                for filter in (None, most):
                    ids = [hit.id for hit in client.query_points("c", vectors[at], query_filter=filter).points]
                    assert ids[0] == at
                    assert len(set(ids)) == 10
            plan = str(client.explain("c", query=vectors[0], query_filter=most))
            assert "graph, asked for more than pass the filter" in plan
            may_announce.set()
        assert client.wait_until_indexed("c")


def test_a_store_saved_with_one_library_opens_with_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(N)
    for has_hnswlib in (True, False, True):
        monkeypatch.setattr(libraries, "_has_hnswlib", lambda has=has_hnswlib: has)
        with QdrantClient(tmp_path) as client:
            if not client.collection_exists("c"):
                create(client, models.Distance.COSINE)
                client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
            assert client.query_points("c", query=vectors[5]).points[0].id == 5
            assert client.wait_until_indexed("c")
            assert client.get_collection("c").indexed_vectors_count == N
            assert client.query_points("c", query=vectors[9]).points[0].id == 9


def test_long_vectors_go_to_usearch(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for size, kind in ((libraries.LONG_VECTOR - 1, "HnswlibGraph"), (libraries.LONG_VECTOR, "UsearchGraph")):
        block = (np.arange(10, dtype=np.uint32), rng.random((10, size), np.float32))
        made = libraries.build("dot", size, graph.GraphSettings(8, 50), [block], 10, 10)
        assert type(made).__name__ == kind
        assert made.count == 10
        assert made.search(block[1][3], 50)[0] in range(10)


def test_a_mapped_graph_answers_the_first_search_after_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: False)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)
    vectors = clustered(N)
    with QdrantClient(tmp_path) as client:
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
        assert client.wait_until_indexed("c")
    with QdrantClient(tmp_path) as client:
        assert "graph" in str(client.explain("c", query=vectors[3]))
        assert client.query_points("c", query=vectors[3]).points[0].id == 3
        assert client.get_collection("c").indexed_vectors_count == N


def test_a_large_mapped_graph_is_opened_beside_the_first_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They scan the saved codes meanwhile; where there are none they wait for it."""
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: False)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr(indexes, "SCANNED_FLOATS", 1000)
    monkeypatch.setattr(indexes, "_OPENED_AT_ONCE", 0)
    vectors, wide = clustered(N), models.SearchParams(hnsw_ef=10)
    with QdrantClient(tmp_path) as client:
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
        assert client.wait_until_indexed("c")
    may_open, restored = threading.Event(), libraries.restored

    def slowly(*arguments: Any) -> Any:
        assert may_open.wait(60)
        return restored(*arguments)

    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)  # a graph is asked where there is one
    with QdrantClient(tmp_path) as client, monkeypatch.context() as watched:
        watched.setattr(indexes, "restored", slowly)
        assert "int8 scan" in str(client.explain("c", query=vectors[3], search_params=wide))
        assert client.query_points("c", query=vectors[3]).points[0].id == 3
        only_indexed = models.SearchParams(indexed_only=True)  # all are: they were left out while it was being opened
        assert client.query_points("c", query=vectors[3], search_params=only_indexed).points[0].id == 3
        may_open.set()
        assert client.wait_until_indexed("c", 60)
        assert "graph" in str(client.explain("c", query=vectors[3], search_params=wide))
        assert client.query_points("c", query=vectors[3]).points[0].id == 3
    for sketch in tmp_path.glob("derived/*/sketch-*"):
        sketch.unlink()
    monkeypatch.setattr(indexes, "find_checkpoint", without_codes(indexes.find_checkpoint))
    with QdrantClient(tmp_path) as client:
        assert "graph" in str(client.explain("c", query=vectors[3], search_params=wide))


def without_codes(find: Any) -> Any:
    return lambda txn, space, kind, slot: None if kind == "sketch" else find(txn, space, kind, slot)


def test_a_graph_that_is_read_gives_the_rows_back_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """hnswlib's holds the floats itself: those it is filled from would be in memory a second time."""
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: True)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)
    vectors = clustered(N)
    with QdrantClient(tmp_path) as client:
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
        assert client.wait_until_indexed("c")
    monkeypatch.setattr(index_rows, "_PASS_BYTES", N * SIZE * 4 // 10)
    monkeypatch.setattr(index_rows, "CHUNK_ROWS", N // 10)
    monkeypatch.setattr("minidb.index.dense.hnswlib_graph._COPY_ROWS", N // 10)
    given_back = []
    monkeypatch.setattr(MappedRowFile, "release", lambda file: given_back.append(file.name))
    with QdrantClient(tmp_path) as client:
        assert client.wait_until_indexed("c")
        by_graph = client.explain("c", query=vectors[3], search_params=models.SearchParams(hnsw_ef=64))
        assert "graph" in str(by_graph)
    assert len(given_back) >= 20  # ten times while they are copied, ten while they are checked


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_mapped_graph_is_searched_by_all_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_reopened: bool
) -> None:
    """One usearch index is searched by one thread at a time; of mapped bytes there may be several."""
    usearch = importlib.import_module("usearch.index")
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: False)
    monkeypatch.setattr("minidb.index.dense.usearch_graph.N_CORES", 2)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    monkeypatch.setattr("minidb.query.search._scan_ns", lambda field: 1e6)
    vectors = clustered(N)
    both_search, search = threading.Barrier(2), usearch.Index.search
    client = QdrantClient(tmp_path)
    create(client, models.Distance.COSINE)
    client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
    assert client.wait_until_indexed("c")
    if is_reopened:
        client.close()
        client = QdrantClient(tmp_path)
        assert client.query_points("c", vectors[3]).points[0].id == 3

    def search_with_the_other(*args: Any, **kwargs: Any) -> Any:
        both_search.wait(30)
        return search(*args, **kwargs)

    with client, monkeypatch.context() as watched, ThreadPoolExecutor(2) as threads:
        watched.setattr(usearch.Index, "search", search_with_the_other)
        for first in range(0, 100, 2):
            answers = threads.map(lambda at: client.query_points("c", vectors[at]).points[0].id, (first, first + 1))
            assert list(answers) == [first, first + 1]


def test_many_vectors_go_to_usearch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "MANY_BYTES", 10 * SIZE * 4)
    for n, kind in ((10, "HnswlibGraph"), (11, "UsearchGraph")):
        block = (np.arange(n, dtype=np.uint32), clustered(n))
        assert type(libraries.build("dot", SIZE, graph.GraphSettings(8, 50), [block], n, n)).__name__ == kind


def test_a_graph_being_opened_by_a_search_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_has_hnswlib", lambda: False)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 1000)
    vectors = clustered(N)
    with QdrantClient(tmp_path) as client:
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
        assert client.wait_until_indexed("c")
    opening, may_go_on, restored = threading.Event(), threading.Event(), libraries.restored

    def slowly(*arguments: Any) -> Any:
        opening.set()
        assert may_go_on.wait(10)
        return restored(*arguments)

    monkeypatch.setattr("minidb.collection.indexes.restored", slowly)
    monkeypatch.setattr("minidb.collection.indexer.build", lambda *arguments: pytest.fail("built again"))
    with QdrantClient(tmp_path) as client:
        search = threading.Thread(target=client.query_points, args=("c", vectors[3]))
        search.start()
        assert opening.wait(10)
        client.query_points("c", query=vectors[3], search_params=models.SearchParams(exact=True))  # wakes the indexer
        may_go_on.set()
        search.join()
        assert client.wait_until_indexed("c", 30)
        assert client.get_collection("c").indexed_vectors_count == N
        assert client.get_collection("c").optimizer_status == models.OptimizersStatusOneOf.OK


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_error_nobody_foresaw_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(2 * N)
    with QdrantClient(":memory:") as client, monkeypatch.context() as broken:
        create(client, models.Distance.COSINE)
        broken.setattr("minidb.collection.indexer.build", None)
        client.upload_collection("c", vectors[:N], ids=range(N), batch_size=N)
        assert client.wait_until_indexed("c", timeout=60)
        assert client.get_collection("c").indexed_vectors_count == 0
        broken.undo()
        client.upload_collection("c", vectors[N:], ids=range(N, 2 * N), batch_size=N)
        assert client.wait_until_indexed("c", timeout=60)
        assert client.get_collection("c").indexed_vectors_count == 2 * N


def test_a_graph_saved_by_another_version_of_its_library_is_built_anew(
    library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"minidb.index.dense.{library}_graph")
    of_library = {"hnswlib": "HnswlibGraph", "usearch": "UsearchGraph"}[library]
    saved = getattr(module, of_library)._saved

    def saved_otherwise(graph: Any) -> Any:
        meta, arrays = saved(graph)
        if library == "hnswlib":
            meta["scalars"] = {**meta["scalars"], "ser_version": meta["scalars"]["ser_version"] + 1}
        else:
            data = bytes(arrays["index"]).replace(b"usearch\x02", b"usearch\x09")
            arrays["index"] = np.frombuffer(data, np.uint8)
        return meta, arrays

    vectors = clustered(N)
    with monkeypatch.context() as patched, QdrantClient(tmp_path) as client:
        patched.setattr(getattr(module, of_library), "_saved", saved_otherwise)
        create(client, models.Distance.COSINE)
        client.upload_collection("c", vectors, ids=range(N), batch_size=1000)
        assert client.wait_until_indexed("c", 60)
    with QdrantClient(tmp_path) as client:
        assert client.query_points("c", query=vectors[5], limit=1).points[0].id == 5
        assert client.wait_until_indexed("c", 60)
        assert client.get_collection("c").indexed_vectors_count == N
        assert client.get_collection("c").optimizer_status == "ok"
    with QdrantClient(tmp_path) as client, monkeypatch.context() as patched:
        patched.setattr("minidb.collection.indexer.build", None)  # the new one was saved
        client.query_points("c", query=vectors[5], limit=1)
        assert client.wait_until_indexed("c", 60)
        assert client.get_collection("c").indexed_vectors_count == N
