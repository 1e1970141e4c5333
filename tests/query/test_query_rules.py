"""Defaults, validation and execution of queries by example: spec §2.1, §2.2, §2.3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.errors import MinidbError

RRF = models.FusionQuery(fusion=models.Fusion.RRF)


def has_ids(*ids: int) -> models.Filter:
    return models.Filter(must=[models.HasIdCondition(has_id=list(ids))])


def either(*ids: int) -> models.Filter:
    return models.Filter(should=[models.HasIdCondition(has_id=[i]) for i in ids])


def ids(response: models.QueryResponse) -> list[Any]:
    return [hit.id for hit in response.points]


@pytest.fixture
def line(client: QdrantClient) -> QdrantClient:
    """Points 1 to 12 at x = id: `""` Dot, `far` Euclid (not of 12), sparse `s` with one index, id modulo 3."""
    client.create_collection(
        "c",
        {
            "": models.VectorParams(size=2, distance=models.Distance.DOT),
            "far": models.VectorParams(size=2, distance=models.Distance.EUCLID),
        },
        {"s": models.SparseVectorParams()},
    )
    client.create_collection("other", models.VectorParams(size=2, distance=models.Distance.DOT))
    points = []
    for i in range(1, 13):
        vector: dict[str, Any] = {"": [float(i), 0.0], "s": models.SparseVector(indices=[i % 3], values=[float(i)])}
        if i != 12:
            vector["far"] = [float(i), 0.0]
        points.append(models.PointStruct(id=i, vector=vector, payload={"n": i, "o": {"a": i, "b": i}}))
    client.upsert("c", points)
    client.upsert("other", [models.PointStruct(id=3, vector=[-1.0, 0.0])])
    return client


def test_without_limit_ten_points(line: QdrantClient) -> None:
    assert ids(line.query_points("c", [1.0, 0.0])) == [12, 11, 10, 9, 8, 7, 6, 5, 4, 3]
    assert ids(line.query_batch_points("c", [models.QueryRequest(query=[1.0, 0.0])])[0]) == [
        12,
        11,
        10,
        9,
        8,
        7,
        6,
        5,
        4,
        3,
    ]


def test_a_request_returns_no_payload_unless_asked_and_the_method_does(line: QdrantClient) -> None:
    request = models.QueryRequest(query=[1.0, 0.0], limit=1)
    assert line.query_batch_points("c", [request])[0].points[0].payload is None
    hit = line.query_points("c", [1.0, 0.0], limit=1).points[0]
    assert (hit.payload, hit.vector) == ({"n": 12, "o": {"a": 12, "b": 12}}, None)


def test_selectors(line: QdrantClient) -> None:
    def hit(**what: Any) -> Any:
        return line.query_points("c", [1.0, 0.0], limit=1, **what).points[0]

    assert hit(with_payload=["o.a"]).payload == {"o": {"a": 12}}
    assert hit(with_payload=models.PayloadSelectorExclude(exclude=["o.a", "n"])).payload == {"o": {"b": 12}}
    assert hit(with_payload=False).payload is None
    assert set(hit(with_vectors=True).vector) == {"", "s"}
    assert hit(with_vectors=["far"]).vector == {}


def test_without_query_points_by_id_with_score_one(line: QdrantClient) -> None:
    hits = line.query_points("c", limit=3, offset=1, query_filter=has_ids(9, 2, 4, 7)).points
    assert [(hit.id, hit.score, hit.version) for hit in hits] == [(4, 1.0, 0), (7, 1.0, 0), (9, 1.0, 0)]


def test_equal_scores_come_by_id(line: QdrantClient) -> None:
    line.upsert("c", [models.PointStruct(id=i, vector=[5.0, float(i)]) for i in (30, 20, 25)])
    assert ids(line.query_points("c", [1.0, 0.0], query_filter=has_ids(30, 5, 25, 20))) == [5, 20, 25, 30]


@pytest.mark.parametrize("count", [5, 37, 1000])
@pytest.mark.parametrize("distance", list(models.Distance))
def test_equal_vectors_have_equal_scores(client: QdrantClient, distance: models.Distance, count: int) -> None:
    """Wherever they lie: so ties come by id, and the same search twice is the same answer."""
    vector, query = np.random.default_rng(1).standard_normal((2, 100)).astype(np.float32)
    client.create_collection("t", models.VectorParams(size=100, distance=distance))
    client.upsert("t", {"ids": list(range(count)), "vectors": np.tile(vector, (count, 1))})
    hits = client.query_points("t", query, limit=5).points
    assert [hit.id for hit in hits] == [0, 1, 2, 3, 4]
    assert len({hit.score for hit in hits}) == 1


@pytest.mark.parametrize("length", [1e-44, 1e-30, 1e-6, 3e-4, 1e19, 1e30, 3e38])
def test_cosine_knows_no_length(client: QdrantClient, length: float) -> None:
    """Of whatever length, stored alone or among others, or asked for (qdrant#10692)."""
    client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.COSINE))
    client.create_collection(
        "m",
        models.VectorParams(
            size=2, distance="Cosine", multivector_config=models.MultiVectorConfig(comparator="max_sim")
        ),
    )
    client.upsert("c", [models.PointStruct(id=1, vector=[length, 0.0])])
    client.upsert("c", models.Batch(ids=[2, 3, 4], vectors=[[0.0, length], [1.0, 0.0], [0.0, 0.0]]))
    client.upsert("m", [models.PointStruct(id=1, vector=[[length, 0.0], [0.0, -length]])])
    vectors = {record.id: record.vector for record in client.scroll("c", with_vectors=True)[0]}
    assert vectors == {1: [1.0, 0.0], 2: [0.0, 1.0], 3: [1.0, 0.0], 4: [0.0, 0.0]}
    hits = client.query_points("c", [length, 0.0]).points
    assert [(hit.id, hit.score) for hit in hits] == [(1, 1.0), (3, 1.0), (2, 0.0), (4, 0.0)]
    assert [hit.score for hit in client.query_points("m", [[length, 0.0]]).points] == [1.0]


def test_a_point_is_not_its_own_neighbour(line: QdrantClient) -> None:
    assert ids(line.query_points("c", 5, using="far", limit=2)) == [4, 6]


def test_a_point_named_anywhere_in_the_tree_is_found_nowhere(line: QdrantClient) -> None:
    prefetch = [models.Prefetch(query=5, using="far", limit=3), models.Prefetch(query=[1.0, 0.0], filter=has_ids(5, 6))]
    assert set(ids(line.query_points("c", RRF, prefetch=prefetch))) == {3, 4, 6}


def test_points_of_another_collection_are_not_excluded(line: QdrantClient) -> None:
    found = line.query_points("c", 3, limit=3, lookup_from=models.LookupLocation(collection="other"))
    assert ids(found) == [1, 2, 3]


def test_thresholds_are_strict_in_the_direction_of_the_distance(line: QdrantClient) -> None:
    assert ids(line.query_points("c", [1.0, 0.0], score_threshold=10.0)) == [12, 11]
    assert ids(line.query_points("c", [0.0, 0.0], using="far", score_threshold=3.0)) == [1, 2]
    word = models.SparseVector(indices=[0], values=[1.0])
    assert ids(line.query_points("c", word, using="s", score_threshold=6.0)) == [12, 9]


def test_thresholds_of_fusions_include_their_value(line: QdrantClient) -> None:
    prefetch = models.Prefetch(query=[1.0, 0.0], limit=3)
    assert ids(line.query_points("c", RRF, prefetch=prefetch, score_threshold=0.5)) == [12]
    hits = line.query_points("c", RRF, prefetch=prefetch, score_threshold=0.25).points
    assert [hit.score for hit in hits] == pytest.approx([1 / 2, 1 / 3, 1 / 4])


def test_rrf_k_and_weights(line: QdrantClient) -> None:
    lists = [models.Prefetch(query=[1.0, 0.0], limit=2), models.Prefetch(query=[-1.0, 0.0], limit=2)]
    classic = line.query_points("c", models.RrfQuery(rrf=models.Rrf(k=60)), prefetch=lists).points
    assert [(hit.id, hit.score) for hit in classic] == [
        (1, pytest.approx(1 / 60)),
        (12, pytest.approx(1 / 60)),
        (2, pytest.approx(1 / 61)),
        (11, pytest.approx(1 / 61)),
    ]
    weighed = line.query_points("c", models.RrfQuery(rrf=models.Rrf(weights=[3.0, 0.0])), prefetch=lists).points
    assert [(hit.id, hit.score) for hit in weighed] == [
        (12, pytest.approx(1 / (1 / 3 + 1))),
        (11, pytest.approx(1 / (2 / 3 + 1))),
        (1, 0.0),
        (2, 0.0),
    ]


def test_dbsf_takes_distances_as_they_are(line: QdrantClient) -> None:
    """A larger distance counts more: with Euclid the worst of a list comes first."""
    fused = line.query_points(
        "c",
        models.FusionQuery(fusion=models.Fusion.DBSF),
        prefetch=models.Prefetch(query=[0.0, 0.0], using="far", limit=3),
    ).points
    assert [(hit.id, hit.score) for hit in fused] == [
        (3, pytest.approx(4 / 6)),
        (2, pytest.approx(3 / 6)),
        (1, pytest.approx(2 / 6)),
    ]


def test_rescoring_forgets_prefetch_scores_and_repeated_points(line: QdrantClient) -> None:
    prefetch = [models.Prefetch(query=[1.0, 0.0], limit=3), models.Prefetch(query=[1.0, 0.0], limit=4)]
    hits = line.query_points("c", [0.0, 0.0], using="far", prefetch=prefetch).points
    assert [(hit.id, hit.score) for hit in hits] == [(9, 9.0), (10, 10.0), (11, 11.0)]  # 12 has no such vector


def test_the_root_filter_works_in_the_leaves(line: QdrantClient) -> None:
    prefetch = models.Prefetch(query=[1.0, 0.0], limit=2)
    assert ids(line.query_points("c", [-1.0, 0.0], prefetch=prefetch, query_filter=has_ids(1, 2, 3, 4))) == [3, 4]


def test_should_of_root_and_prefetch_become_one(line: QdrantClient) -> None:
    """The core merges filters field by field (spec §2.2.3): an `or` of both, not an `and` of two."""
    prefetch = models.Prefetch(query=[1.0, 0.0], filter=either(2, 3))
    assert ids(line.query_points("c", [1.0, 0.0], prefetch=prefetch, query_filter=either(3, 7))) == [7, 3, 2]


def test_pages_of_a_diversified_query(line: QdrantClient) -> None:
    """Together they are what one long page is, though no `candidates_limit` is given (qdrant#10500, #10600)."""
    query = models.NearestQuery(nearest=[1.0, 0.5], mmr=models.Mmr(diversity=0.7))
    for offset in range(0, 12, 3):
        whole = ids(line.query_points("c", query, using="far", limit=3 + offset))
        assert ids(line.query_points("c", query, using="far", limit=3, offset=offset)) == whole[offset:]
    assert ids(line.query_points("c", query, using="far", limit=3, offset=6)) != []


def test_a_prefetch_without_query_gives_points_by_id(line: QdrantClient) -> None:
    assert ids(line.query_points("c", [1.0, 0.0], prefetch=models.Prefetch(limit=3))) == [3, 2, 1]


def test_prefetches_have_a_limit_of_ten(line: QdrantClient) -> None:
    assert len(line.query_points("c", [1.0, 0.0], prefetch=models.Prefetch(), limit=100).points) == 10


def test_sparse_points_without_common_index_are_not_found(line: QdrantClient) -> None:
    word = models.SparseVector(indices=[0, 7], values=[-1.0, 1.0])
    hits = line.query_points("c", word, using="s").points
    assert [(hit.id, hit.score) for hit in hits] == [(3, -3.0), (6, -6.0), (9, -9.0), (12, -12.0)]
    assert line.query_points("c", models.SparseVector(indices=[], values=[]), using="s").points == []


def test_a_batch_answers_each_request(line: QdrantClient) -> None:
    requests = [models.QueryRequest(query=[1.0, 0.0], limit=1), models.QueryRequest(query=4, using="far", limit=1)]
    assert [ids(answer) for answer in line.query_batch_points("c", requests)] == [[12], [3]]
    assert line.query_batch_points("c", []) == []


def nested(depth: int) -> models.Prefetch:
    prefetch = models.Prefetch(query=[1.0, 0.0])
    for _ in range(depth - 1):
        prefetch = models.Prefetch(query=[1.0, 0.0], prefetch=prefetch)
    return prefetch


def test_prefetches_64_deep(line: QdrantClient) -> None:
    assert len(line.query_points("c", [1.0, 0.0], prefetch=nested(64)).points) == 10


Call = Callable[[QdrantClient], Any]
MERGE = "Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query."
LEAF = models.Prefetch(query=[1.0, 0.0])
REFUSED: dict[str, tuple[Call, int, str]] = {
    "limit 0": (
        lambda c: c.query_points("c", [1.0, 0.0], limit=0),
        422,
        "Validation error: [limit: value 0 invalid, must be 1 or larger]",
    ),
    "negative offset": (lambda c: c.query_points("c", [1.0, 0.0], offset=-1), 400, "Format error"),
    "hnsw_ef 0": (
        lambda c: c.query_points("c", [1.0, 0.0], search_params={"hnsw_ef": 0}),
        422,
        "value 0 invalid, must be 1 or larger",
    ),
    "dimension": (lambda c: c.query_points("c", [1.0]), 400, "Vector dimension error: expected dim: 2, got 1"),
    "NaN": (lambda c: c.query_points("c", [1.0, float("nan")]), 400, "not finite"),
    "unknown name": (lambda c: c.query_points("c", [1.0, 0.0], using="zz"), 400, "Not existing vector name error: zz"),
    "unknown name to return": (
        lambda c: c.query_points("c", [1.0, 0.0], with_vectors=["zz"]),
        400,
        "Not existing vector name error: zz",
    ),
    "unknown name in a prefetch": (
        lambda c: c.query_points("c", [1.0, 0.0], prefetch=models.Prefetch(query=[1.0], using="zz")),
        400,
        "Not existing vector name error: zz",
    ),
    "sparse on dense": (
        lambda c: c.query_points("c", models.SparseVector(indices=[1], values=[1.0])),
        400,
        "Conversion between sparse and regular vectors failed",
    ),
    "dense on sparse": (
        lambda c: c.query_points("c", [1.0, 0.0], using="s"),
        400,
        "Conversion between sparse and regular vectors failed",
    ),
    "multi on dense": (
        lambda c: c.query_points("c", [[1.0, 0.0], [1.0, 0.0]]),
        400,
        "Conversion between multi and regular vectors failed",
    ),
    "missing id": (lambda c: c.query_points("c", 99), 404, "Not found: No point with id 99 found"),
    "missing id in a prefetch": (
        lambda c: c.query_points("c", RRF, prefetch=models.Prefetch(query=99)),
        404,
        "Not found: No point with id 99 found",
    ),
    "id without the vector": (
        lambda c: c.query_points("c", 12, using="far"),
        404,
        'Not found: Vector with name "far" for point not found',
    ),
    "lookup in a missing collection": (
        lambda c: c.query_points("c", 1, lookup_from={"collection": "nope"}),
        404,
        "Not found: Collection nope not found",
    ),
    "missing collection": (lambda c: c.query_points("nope", [1.0]), 404, "Not found: Collection `nope` doesn't exist!"),
    "prefetch without query": (lambda c: c.query_points("c", prefetch=LEAF), 400, MERGE),
    "threshold without query": (
        lambda c: c.query_points("c", score_threshold=0.5),
        400,
        "Bad request: A query is needed to use the score_threshold. "
        "Can't have score_threshold without defining a query.",
    ),
    "fusion without prefetch": (lambda c: c.query_points("c", RRF), 400, "cannot apply Fusion without prefetches"),
    "fusion with using": (
        lambda c: c.query_points("c", RRF, using="far", prefetch=LEAF),
        400,
        "Fusion queries cannot be combined with the 'using' field.",
    ),
    "weights": (
        lambda c: c.query_points("c", {"rrf": {"weights": [1.0]}}, prefetch=[LEAF, LEAF]),
        400,
        "RRF weights length (1) does not match number of prefetches (2)",
    ),
    "k 0": (lambda c: c.query_points("c", {"rrf": {"k": 0}}, prefetch=LEAF), 422, "value 0 invalid"),
    "depth 65": (
        lambda c: c.query_points("c", [1.0, 0.0], prefetch=nested(65)),
        400,
        "prefetches depth 65 exceeds max depth 64",
    ),
    "no form of a query": (
        lambda c: c.query_points("c", {"nearer": [1.0]}),
        400,
        "Format error: Expected",
    ),
    "unknown field of a prefetch": (
        lambda c: c.query_points("c", RRF, prefetch={"query": [1.0, 0.0], "offset": 1}),
        400,
        "unknown field `offset`",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_queries(line: QdrantClient, case: str) -> None:
    call, status, text = REFUSED[case]
    with pytest.raises(MinidbError) as caught:
        call(line)
    assert (caught.value.status_code, text in str(caught.value)) == (status, True), str(caught.value)


def test_only_named_vectors_need_a_name(client: QdrantClient) -> None:
    client.create_collection("n", {"v": models.VectorParams(size=1, distance=models.Distance.DOT)})
    with pytest.raises(MinidbError, match=r"(?m)Wrong input: Not existing vector name error: $"):
        client.query_points("n", [1.0])
