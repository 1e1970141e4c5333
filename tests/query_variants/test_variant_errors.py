"""Every refusal of the query variants, word for word (spec §2)."""

from __future__ import annotations

from typing import Any

import pytest

from minidb import QdrantClient, errors, models

UNKNOWN = models.NearestQuery(nearest=99)
VECTOR = [1.0, 0.0]
SPARSE = models.SparseVector(indices=[1], values=[1.0])


@pytest.fixture
def filled(client: QdrantClient) -> QdrantClient:
    client.create_collection(
        "c",
        {
            "": models.VectorParams(size=2, distance="Dot"),
            "other": models.VectorParams(size=3, distance="Euclid"),
            "multi": models.VectorParams(
                size=2, distance="Dot", multivector_config=models.MultiVectorConfig(comparator="max_sim")
            ),
        },
        {"sparse": models.SparseVectorParams()},
    )
    client.upsert("c", [models.PointStruct(id=1, vector={"": VECTOR}), models.PointStruct(id=2, vector={})])
    return client


def recommend(positive: list[Any], negative: list[Any], strategy: str | None = None) -> models.RecommendQuery:
    return models.RecommendQuery(
        recommend=models.RecommendInput(positive=positive, negative=negative, strategy=strategy)
    )


FUSION = models.FusionQuery(fusion="rrf")
ORDER = models.OrderByQuery(order_by="n")
FORMULA = models.FormulaQuery(formula="$score")
PREFETCH = models.Prefetch(query=VECTOR)
MERGE = "Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query."
THRESHOLD = (
    "Bad request: A query is needed to use the score_threshold. Can't have score_threshold without defining a query."
)
ORDERED = "Bad request: Can't use score_threshold with an order_by query."


@pytest.mark.parametrize(
    ("error", "text", "arguments"),
    [
        (errors.BadRequest, MERGE, {"prefetch": PREFETCH}),
        (errors.BadRequest, MERGE, {"query": VECTOR, "prefetch": models.Prefetch(prefetch=PREFETCH)}),
        (errors.BadRequest, THRESHOLD, {"score_threshold": 0.5}),
        (errors.BadRequest, THRESHOLD, {"query": VECTOR, "prefetch": models.Prefetch(score_threshold=0.5)}),
        (errors.BadRequest, ORDERED, {"query": ORDER, "score_threshold": 0.5}),
        (errors.BadRequest, ORDERED, {"query": FUSION, "prefetch": models.Prefetch(query=ORDER, score_threshold=1.0)}),
        (
            errors.BadRequest,
            "Bad request: Fusion queries cannot be combined with the 'using' field.",
            {"query": FUSION, "prefetch": PREFETCH, "using": "other"},
        ),
        (errors.BadInput, "Wrong input: Validation failed: cannot apply Fusion without prefetches", {"query": FUSION}),
        (
            errors.BadInput,
            "Wrong input: Validation failed: cannot apply Formula without prefetches",
            {"query": FORMULA},
        ),
        (
            errors.BadRequest,
            "Bad request: RRF weights length (1) does not match number of prefetches (2)",
            {"query": models.RrfQuery(rrf=models.Rrf(weights=[1.0])), "prefetch": [PREFETCH, PREFETCH]},
        ),
        (errors.BadInput, "Wrong input: Not existing vector name error: x", {"query": VECTOR, "using": "x"}),
        (errors.NotFound, "Not found: No point with id 99 found", {"query": 99}),
        (errors.NotFound, "Not found: No point with id 99 found", {"query": UNKNOWN}),
        (errors.NotFound, "Not found: No point with id 99 found", {"query": recommend([1, 99], [])}),
        (errors.NotFound, "Not found: No point with id 99 found", {"query": recommend([1], [99], "best_score")}),
        (errors.NotFound, 'Not found: Vector with name "" for point not found', {"query": 2}),
        (errors.NotFound, 'Not found: Vector with name "other" for point not found', {"query": 1, "using": "other"}),
        (
            errors.NotFound,
            "Not found: Collection nowhere not found",
            {"query": 1, "lookup_from": models.LookupLocation(collection="nowhere")},
        ),
        (
            errors.BadInput,
            "Wrong input: Vector dimension error: expected dim: 3, got 2",
            {"query": 1, "using": "other", "lookup_from": models.LookupLocation(collection="c", vector="")},
        ),
        (
            errors.BadInput,
            "Wrong input: Positive vectors should not be empty with `average` strategy",
            {"query": recommend([], [1])},
        ),
        (
            errors.BadInput,
            "Wrong input: Can't average vectors with different types",
            {"query": recommend([VECTOR, [VECTOR]], []), "using": "multi"},
        ),
        (
            errors.BadInput,
            "Wrong input: Positive and negative vectors should be of the same type, either all dense or all sparse or "
            "all multi",
            {"query": recommend([VECTOR], [[VECTOR]]), "using": "multi"},
        ),
        (
            errors.BadInput,
            "Wrong input: Conversion between sparse and regular vectors failed",
            {"query": recommend([SPARSE], [], "best_score")},
        ),
        (
            errors.BadInput,
            "Wrong input: Conversion between sparse and regular vectors failed",
            {"query": recommend([VECTOR], []), "using": "sparse"},
        ),
        (
            errors.BadInput,
            "Wrong input: Conversion between multi and regular vectors failed",
            {"query": recommend([[VECTOR]], [])},
        ),
        (
            errors.BadInput,
            "Wrong input: Vector dimension error: expected dim: 2, got 3",
            {"query": recommend([[1.0, 2.0, 3.0]], [])},
        ),
    ],
)
def test_refusals(filled: QdrantClient, error: type[Exception], text: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error) as raised:
        filled.query_points("c", **arguments)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"recommend": {}}, r"positives, negatives: .*At least one positive or negative vector/id must be provided"),
        ({"nearest": VECTOR, "mmr": {"diversity": 1.5}}, "diversity"),
        ({"nearest": VECTOR, "mmr": {"candidates_limit": 16385}}, "candidates_limit"),
        (
            {
                "relevance_feedback": {
                    "target": VECTOR,
                    "feedback": [],
                    "strategy": {"naive": {"a": 1, "b": 1, "c": 1}},
                }
            },
            "feedback elements must be non-empty",
        ),
        (
            {
                "relevance_feedback": {
                    "target": VECTOR,
                    "feedback": [{"example": VECTOR, "score": 1}],
                    "strategy": {"naive": {"a": 1, "b": -1, "c": 1}},
                }
            },
            "b",
        ),
        ({"formula": {"max": []}}, r"max: .*at least 1 operand"),
        ({"formula": "$score", "defaults": {"$score": "x"}}, "must be a number"),
        ({"rrf": {"k": 0}}, "k"),
    ],
)
def test_values_out_of_range(filled: QdrantClient, query: dict[str, Any], text: str) -> None:
    with pytest.raises(errors.ValidationError, match=text):
        filled.query_points("c", query=query, prefetch=PREFETCH)


def test_prefetches_nest_only_so_deep(filled: QdrantClient) -> None:
    prefetch = models.Prefetch(query=VECTOR)
    for _ in range(64):
        prefetch = models.Prefetch.model_construct(prefetch=prefetch, query=VECTOR)
    request = models.QueryRequest.model_construct(query=VECTOR, prefetch=prefetch)
    with pytest.raises(errors.BadRequest, match=r"^Bad request: prefetches depth 65 exceeds max depth 64$"):
        filled._database.query("c", [request])
