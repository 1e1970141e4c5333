"""Many multivectors: centroids of their tokens choose which of them are compared by MaxSim."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from minidb import QdrantClient, models
from minidb.index.centroids import CentroidIndex, centroids_of, nearest_of
from minidb.query.run import run_queries

N, TOKENS, SIZE = 600, 8, 16
BY_CENTROIDS, BY_ALL = "centroids of tokens, best compared by MaxSim", "MaxSim of every candidate"
EXACT = models.SearchParams(exact=True)
HALF = models.Filter(must=[models.FieldCondition(key="half", match=models.MatchValue(value=1))])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 600 points an index is made, and chooses 60."""
    monkeypatch.setattr("minidb.collection.index_plan.GRAPH_BYTES", 1)
    monkeypatch.setattr("minidb.collection.index_plan._LEAST_MULTIVECTORS", N // 2)
    monkeypatch.setattr("minidb.collection.index_plan._TAIL_MULTIVECTORS", 100)
    monkeypatch.setattr("minidb.query.max_sim._CANDIDATES_OF_10", 21)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points were taken in, as it happens."""
    counts: list[int] = []
    with_rows = CentroidIndex.with_rows

    def noted(index: CentroidIndex, n_rows: int, rows: Any, *args: Any, **kwargs: Any) -> CentroidIndex:
        counts.append(len(rows))
        return with_rows(index, n_rows, rows, *args, **kwargs)

    monkeypatch.setattr(CentroidIndex, "with_rows", noted)
    return counts


WORDS = np.random.default_rng(9).standard_normal((80, SIZE))


def token_sets(n: int, seed: int = 0) -> NDArray[np.float32]:
    """`(n, TOKENS, SIZE)`: words, each time somewhat different."""
    random = np.random.default_rng(seed)
    words = WORDS[random.integers(0, len(WORDS), (n, TOKENS))]
    found: NDArray[np.float32] = (words + 0.3 * random.standard_normal(words.shape)).astype(np.float32)
    return found


def fill(client: QdrantClient, n: int = N, name: str = "", **params: Any) -> None:
    field = models.VectorParams(**{"size": SIZE, "distance": "Cosine"} | params | MAX_SIM)
    client.create_collection("c", {name: field} if name else field)
    add(client, 0, token_sets(n), name)
    assert client.wait_until_indexed("c", 60)


MAX_SIM: dict[str, Any] = {"multivector_config": {"comparator": "max_sim"}}


def add(client: QdrantClient, first: int, sets: NDArray[np.float32], name: str = "") -> None:
    points = [
        models.PointStruct(
            id=first + at, vector={name: tokens} if name else tokens, payload={"half": at % 2, "ten": at % 10}
        )
        for at, tokens in enumerate(sets.tolist())
    ]
    client.upsert("c", points)


def queries() -> Iterator[list[list[float]]]:
    """Some tokens of a point, noisy, and others."""
    random = np.random.default_rng(3)
    for tokens, others in zip(token_sets(N)[:: N // 10], token_sets(10, seed=4), strict=True):
        mixed = np.concatenate([tokens[:5], others[:2]])
        yield (mixed + 0.2 * random.standard_normal(mixed.shape)).tolist()


def way(client: QdrantClient, query: Any, **asked: Any) -> str:
    told = client.explain("c", query, **asked)
    return next(str(step.facts["by"]) for step in told.steps if "by" in step.facts)


def ids(client: QdrantClient, query: Any, **asked: Any) -> list[Any]:
    return [hit.id for hit in client.query_points("c", query, **asked).points]


@pytest.mark.parametrize("params", [{}, {"distance": "Dot"}, {"datatype": "float16"}], ids=str)
def test_candidates_are_most_of_the_nearest_and_have_their_exact_scores(
    client: QdrantClient, params: dict[str, Any]
) -> None:
    fill(client, **params)
    found = 0
    for query in queries():
        assert way(client, query) == BY_CENTROIDS
        hits = client.query_points("c", query).points
        exact = client.query_points("c", query, limit=N, search_params=EXACT).points
        scores = {hit.id: hit.score for hit in exact}
        assert [hit.score for hit in hits] == [scores[hit.id] for hit in hits]
        assert hits[0] == exact[0]
        found += len({hit.id for hit in hits} & {hit.id for hit in exact[:10]})
    assert found >= 95


@pytest.mark.parametrize("exactly", [{"search_params": EXACT}, {"limit": N}], ids=["exact", "most are wanted"])
def test_exact_answers_where_they_are_asked_for_or_most_points_are(client: QdrantClient, exactly: Any) -> None:
    fill(client)
    assert way(client, next(queries()), **exactly) == BY_ALL


@pytest.mark.parametrize(
    "params",
    [{"hnsw_config": {"m": 0}}, {"distance": "Euclid"}, {"distance": "Manhattan"}],
    ids=["m 0", "Euclid", "Manhattan"],
)
def test_without_a_graph_by_the_settings_or_the_distance_all_are_compared(client: QdrantClient, params: Any) -> None:
    fill(client, **params)
    assert way(client, next(queries())) == BY_ALL
    assert client.get_collection("c").indexed_vectors_count == 0


def test_m_0_set_later_means_exact_from_then_on(client: QdrantClient) -> None:
    fill(client)
    client.update_collection("c", hnsw_config=models.HnswConfigDiff(m=0))
    assert way(client, next(queries())) == BY_ALL


def test_hnsw_ef_widens_the_choice(client: QdrantClient) -> None:
    fill(client)
    told = client.explain("c", next(queries()), search_params=models.SearchParams(hnsw_ef=40))
    assert [step.facts["candidates"] for step in told.steps if "by" in step.facts] == [160]


def test_filters_leave_out_points_before_the_choice_and_narrow_ones_are_exact(client: QdrantClient) -> None:
    fill(client)
    narrow = models.Filter(must=[models.FieldCondition(key="ten", match=models.MatchValue(value=3))])
    for query in queries():
        assert way(client, query, query_filter=HALF) == BY_CENTROIDS
        assert all(point % 2 for point in ids(client, query, query_filter=HALF))
        assert way(client, query, query_filter=narrow) == BY_ALL
        exact = ids(client, query, query_filter=narrow, search_params=EXACT)
        assert ids(client, query, query_filter=narrow) == exact


def test_what_is_written_is_found_at_once_and_what_is_deleted_is_not(client: QdrantClient) -> None:
    fill(client)
    query = next(queries())
    best = ids(client, query)[0]
    client.delete("c", [best])
    add(client, N, np.array([query], np.float32))
    assert way(client, query) == BY_CENTROIDS
    assert best not in ids(client, query, limit=50)
    assert ids(client, query)[0] == N
    only_indexed = models.SearchParams(indexed_only=True)
    assert N not in ids(client, query, search_params=only_indexed)


def test_the_index_takes_in_what_is_written(client: QdrantClient, built: list[int]) -> None:
    fill(client)
    assert built == [N]
    add(client, N, token_sets(150, seed=7))
    assert client.wait_until_indexed("c", 60)
    assert built == [N, 150]
    assert client.get_collection("c").indexed_vectors_count == N + 150
    add(client, N + 150, token_sets(N, seed=8))  # more than twice as many as the centroids were chosen for
    assert client.wait_until_indexed("c", 60)
    assert built == [N, 150, 2 * N + 150]


def test_vacuum_makes_it_anew(client: QdrantClient) -> None:
    fill(client, n=2 * N)
    client.update_collection("c", optimizers_config=models.OptimizersConfigDiff(vacuum_min_vector_number=100))
    client.delete("c", list(range(0, N)))
    assert client.wait_until_indexed("c", 60)
    for query in queries():
        assert way(client, query) == BY_CENTROIDS
        assert min(ids(client, query)) >= N


def test_batches_prefetches_and_groups_choose_likewise(client: QdrantClient) -> None:
    fill(client)
    asked = list(queries())
    single = [client.query_points("c", query, limit=5).points for query in asked]
    batch = client.query_batch_points("c", [models.QueryRequest(query=query, limit=5) for query in asked])
    assert [answer.points for answer in batch] == [
        [models.ScoredPoint(id=hit.id, version=hit.version, score=hit.score) for hit in hits] for hits in single
    ]
    for query, hits in zip(asked, single, strict=True):
        prefetch = models.Prefetch(query=query, limit=5)
        assert [hit.id for hit in hits] == ids(client, query, prefetch=prefetch)
        groups = client.query_points_groups("c", group_by="half", query=query, limit=2, group_size=1).groups
        assert hits[0].id in [group.hits[0].id for group in groups]


def test_a_saved_index_is_opened_and_a_damaged_one_made_anew(tmp_path: Path, built: list[int]) -> None:
    with QdrantClient(tmp_path) as client:
        fill(client)
        expected = [client.query_points("c", query).points for query in queries()]
    for damage, made in ((False, []), (True, [N]), (False, [])):
        if damage:
            [file] = tmp_path.rglob("centroids-*")
            content = bytearray(file.read_bytes())
            content[777] ^= 1
            file.write_bytes(content)
        built.clear()
        with QdrantClient(tmp_path) as client:
            client.count("c")
            assert client.wait_until_indexed("c", 60)
            assert way(client, next(queries())) == BY_CENTROIDS
            assert [client.query_points("c", query).points for query in queries()] == expected
        assert built == made


def test_a_reader_who_began_before_the_vector_was_deleted_goes_on(tmp_path: Path) -> None:
    def no_other(name: str) -> Any:
        raise AssertionError(name)

    with QdrantClient(tmp_path) as client:
        fill(client, name="tokens")
        request = models.QueryRequest(query=next(queries()), using="tokens")
        expected = client.query_points("c", request.query, using="tokens").points
        database: Any = client._database
        with database.snapshot("c") as older:
            client.delete_vector_name("c", "tokens")
            [answer] = run_queries(older, [request], no_other)
    assert [(hit.id, hit.score) for hit in answer.points] == [(hit.id, hit.score) for hit in expected]


def test_the_same_tokens_have_the_same_centroids() -> None:
    tokens = token_sets(100).reshape(-1, SIZE)
    centroids = centroids_of(tokens, 64)
    assert np.array_equal(centroids, centroids_of(tokens.copy(), 64))
    assert np.array_equal(nearest_of(centroids, tokens), (tokens @ centroids.T).argmax(axis=1))
    assert np.allclose(np.linalg.norm(centroids, axis=1), 1.0)


def test_equal_tokens_have_one_centroid() -> None:
    tokens = np.eye(3, dtype=np.float32)
    index = CentroidIndex.empty(centroids_of(np.tile(tokens, (9, 1)), 64), 3)
    assert len(index.centroids) == 3
    rows, counts = np.arange(3, dtype=np.uint32), np.ones(3, np.int64)
    index = index.with_rows(3, rows, counts, tokens, are_unit=True)
    scores = index.scores(np.array([[0.1, 1.0, 0.2]], np.float32), 3)
    assert scores.argmax() == 1


def test_all_that_a_prefetch_chose_is_compared(client: QdrantClient) -> None:
    fill(client)
    everything = models.Prefetch(limit=N)
    for query in queries():
        assert way(client, query) == BY_CENTROIDS
        asked = {"prefetch": [everything], "limit": 10}
        exact = client.query_points("c", query, limit=10, search_params=EXACT).points
        assert client.query_points("c", query, **asked).points == exact
        assert BY_CENTROIDS not in str(client.explain("c", query, **asked))
