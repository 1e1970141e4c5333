"""What is refused, with which exception and in whose words; and what every union says when nothing fits."""

import uuid
from typing import Any

import pytest
from qdrant_client import models as qdrant

from minidb import errors, models
from minidb.models import parse


@pytest.mark.parametrize(
    ("type_", "body", "text"),
    [
        (models.QueryRequest, {"limit": 0}, "[internal.limit: value 0 invalid, must be 1 or larger]"),
        (
            models.QueryRequest,
            {"limit": 0, "params": {"hnsw_ef": 0}},
            "[internal.params.hnsw_ef: value 0 invalid, must be 1 or larger; internal.limit: value 0 invalid",
        ),
        (
            models.Prefetch,
            {"prefetch": [{"limit": 0}]},
            "[prefetch[0].limit: value 0 invalid, must be 1 or larger]",
        ),
        (models.Rrf, {"k": 0}, "[k: value 0 invalid, must be 1 or larger"),
        (models.Mmr, {"diversity": 1.5}, "[diversity: value 1.5 invalid, must be from 0.0 to 1.0"),
        (models.Mmr, {"candidates_limit": 16385}, "value 16385 invalid, must be 16384 or smaller"),
        (models.QuantizationSearchParams, {"oversampling": 0.5}, "value 0.5 invalid, must be 1.0 or larger"),
        (models.DenseVectorConfig, {"size": 0, "distance": "Dot"}, "[size: value 0 invalid, must be from 1 to 65536"),
        (models.VectorParams, {"size": 65537, "distance": "Dot"}, "value 65537 invalid, must be from 1 to 65536"),
        (models.HnswConfigDiff, {"ef_construct": 3}, "value 3 invalid, must be 4 or larger"),
        (models.ScalarQuantizationConfig, {"type": "int8", "quantile": 0.4}, "must be from 0.5 to 1.0"),
        (models.MinShould, {"conditions": [], "min_count": 0}, "[min_count: min_count must be greater than 0"),
        (
            models.SparseVector,
            {"indices": [1, 2], "values": [1.0]},
            "[values: Validation error: must be the same length as indices [{}]",
        ),
        (
            models.SparseVector,
            {"indices": [1, 1], "values": [1.0, 2.0]},
            "[indices: Validation error: must be unique [{}]",
        ),
        (
            models.SliceCondition,
            {"slice": {"total": 2, "index": 2}},
            "[__all__: Validation error: Slice index must be less than the total number of slices [{}]]",
        ),
        (models.FieldCondition, {"key": "a"}, "At least one field condition must be specified"),
        (models.RecommendInput, {}, "At least one positive or negative vector/id must be provided"),
        (
            models.RelevanceFeedbackInput,
            {"target": 1, "feedback": [], "strategy": {"naive": {"a": 1, "b": 1, "c": 1}}},
            "feedback elements must be non-empty",
        ),
        (
            models.NaiveFeedbackStrategyParams,
            {"a": 1, "b": -1, "c": 1},
            "[b: value -1.0 invalid, must be 0.0 or larger",
        ),
        (models.SearchMatrixRequest, {"sample": 1}, "value 1 invalid, must be 2 or larger"),
        (
            models.IntegerIndexParams,
            {"type": "integer", "lookup": False, "range": False},
            "the 'lookup' and 'range' capabilities can't be both disabled",
        ),
        (models.FormulaQuery, {"formula": {"max": []}}, "must have at least 1 operand"),
        (
            models.FormulaQuery,
            {"formula": 1, "defaults": {"$score[0]": "x"}},
            "[defaults: Validation error: Score default must be a number [{}]]",
        ),
        (models.UpdateVectors, {"points": []}, "must specify points to update"),
        (models.UpdateVectors, {"points": [{"id": 1, "vector": {}}]}, "must specify vectors to update for point"),
        (models.Batch, {"ids": [1, 2], "vectors": [[1.0]]}, "number of ids and vectors must be equal (2 != 1)"),
        (
            models.Batch,
            {"ids": [1], "vectors": {"a": [[1.0], [2.0]]}},
            "number of ids and vectors must be equal (1 != 2)",
        ),
        (models.Vector, [], "dense vector must not be empty"),
        (models.Vector, [[]], "[data: all vectors must be non-empty]"),
        (models.Vector, [[1.0], [1.0, 2.0]], "all vectors must have the same dimension, found vector with dimension 2"),
    ],
)
def test_a_value_out_of_range_is_422_in_qdrants_words(type_: Any, body: Any, text: str) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        parse(type_, body, forgiving=True)  # as what comes in over REST: paths begin as Qdrant's there

    assert caught.value.status_code == 422
    assert str(caught.value).startswith("Validation error: [")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("type_", "body", "text"),
    [
        (models.QueryRequest, {"limt": 3}, "unknown field `limt`"),
        (models.QueryRequest, {"params": {"ef": 3}}, "unknown field `ef` in params"),
        (models.PointStruct, {"vector": [1.0]}, "missing field `id`"),
        (models.PointsList, {"points": [{"id": 1}]}, "missing field `vector` in points[0]"),
        (models.QueryRequest, {"limit": "10"}, "expected an integer in limit"),
        (models.QueryRequest, {"limit": True}, "expected an integer in limit"),
        (models.QueryRequest, {"limit": -1}, "expected an unsigned integer in limit"),
        (models.QueryRequest, {"score_threshold": "0.5"}, "expected a number in score_threshold"),
        (
            models.QueryRequest,
            {"query": {"nearst": 1}},
            "Expected some form of vector, id, or a type of query in query",
        ),
        (models.QueryRequest, {"query": {}}, "Expected some form of vector, id, or a type of query"),
        (models.QueryInterface, "no uuid", "value no uuid is not a valid point ID"),
        (models.Condition, {"kye": "a"}, "Expected a condition with one of key, is_empty"),
        (models.Filter, {"must": [{"key": "a", "match": {"valu": 1}}]}, "Expected a match with one of value, text"),
        (models.MatchAny, {"any": [1, "a"]}, "Expected a list of strings or a list of integers"),
        (models.MatchValue, {"value": 1.5}, "expected a string, an integer or a bool"),
        (models.DatetimeRange, {"lt": "yesterday"}, "does not match accepted datetime format (RFC3339)"),
        (
            models.FormulaQuery,
            {"formula": {"foo": 1}},
            "Expected a number, a variable, a condition, or one of geo_distance",
        ),
        (models.FormulaQuery, {"formula": True}, "Expected a number, a variable"),
        (
            models.CreateFieldIndex,
            {"field_name": "a", "field_schema": {"type": "txt"}},
            "Expected a type or index params",
        ),
        (models.CreateCollection, {"quantization_config": {"foo": {}}}, "Expected quantization: one of scalar"),
        (models.CreateCollection, {"vectors": 5}, "Expected vector params with size and distance"),
        (models.PointInsertOperations, {}, "Invalid PointInsertOperations format"),
        (models.UpdateOperations, {"operations": [{"upsrt": {}}]}, "Expected one of upsert, delete"),
        (models.PointStruct, {"id": 1, "vector": [1.0, True]}, "in vector[1]"),
        (models.PointStruct, {"id": 1, "vector": ["1.0"]}, "in vector[0]"),
        (models.PointStruct, {"id": 1, "vector": {"a": {"text": "x"}}}, "missing field `model` in vector.a"),
        (models.SparseVector, {"indices": [-1], "values": [1.0]}, "in indices[0]"),
        (models.VectorParams, {"size": 0, "distance": "Dot"}, "invalid value: integer `0`, expected a nonzero u64 in"),
        (
            models.GeoPoint,
            {"lat": 90.5, "lon": 0},
            "Wrong format of GeoPoint payload: expected `lat` = 90.5 within [-90;90] and `lon` = 0 within [-180;180]",
        ),
        (models.GeoPoint, {"lat": 0, "lon": -181}, "`lon` = -181 within [-180;180]"),
        (
            models.GeoLineString,
            {"points": [{"lat": 0, "lon": 0}] * 3},
            "Validation failed: polygon invalid, the size must be at least 4, got 3",
        ),
        (
            models.GeoLineString,
            {"points": [{"lat": i, "lon": 0} for i in range(4)]},
            "polygon invalid, the first and the last points should be the same to form a closed line",
        ),
    ],
)
def test_a_wrong_shape_is_400_and_says_what_was_expected(type_: Any, body: Any, text: str) -> None:
    with pytest.raises(errors.FormatError) as caught:
        parse(type_, body)

    assert caught.value.status_code == 400
    assert str(caught.value).startswith("Format error: ")
    assert text in str(caught.value)


def test_models_built_directly_raise_the_same_errors() -> None:
    with pytest.raises(errors.ValidationError, match="must be from 1 to 65536"):
        models.VectorParams(size=65537, distance=models.Distance.DOT)
    with pytest.raises(errors.FormatError, match="unknown field `foo`"):
        models.CountRequest(foo=1)  # type: ignore[call-arg]
    with pytest.raises(errors.FormatError, match="missing field `key`"):
        models.FacetRequest.model_validate_json("{}")


def test_names_users_gave_stay_in_the_path_of_an_error() -> None:
    with pytest.raises(errors.ValidationError, match=r"\[vector.dense.vector: dense vector must not be empty\]"):
        models.PointStruct(id=1, vector={"dense": []})
    with pytest.raises(errors.FormatError, match=r"in vector.Image\[0\]"):
        models.PointStruct(id=1, vector={"Image": ["x"]})


def test_only_the_answer_of_an_interface_names_a_body() -> None:
    with pytest.raises(errors.ValidationError) as caught:
        parse(models.ScrollRequest, {"limit": 0})

    assert str(caught.value).startswith("Validation error: [limit: value 0 invalid, must be 1 or larger]")
    told = caught.value.answer()
    assert told.startswith("Validation error in JSON body: [limit: value 0 invalid, must be 1 or larger]")


UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    "spelling",
    [UUID, UUID.upper(), UUID.replace("-", ""), "{" + UUID + "}", "urn:uuid:" + UUID, uuid.UUID(UUID)],
)
def test_uuids_in_all_spellings_are_normalised_to_one(spelling: Any) -> None:
    assert models.normalize_id(spelling) == UUID
    assert models.PointStruct(id=spelling, vector=[1.0]).id == spelling


@pytest.mark.parametrize("value", [0, 5, 2**64 - 1])
def test_unsigned_integers_are_ids(value: int) -> None:
    assert models.normalize_id(value) == value


@pytest.mark.parametrize(
    "value", [-1, 2**64, True, 1.0, "", "17", "x" * 32, UUID[:-1], UUID + "0", "{" + UUID, None, []]
)
def test_anything_else_is_no_id(value: Any) -> None:
    text = "is not a valid point ID, valid values are either an unsigned integer or a UUID"
    with pytest.raises(errors.BadInput, match=text):
        models.normalize_id(value)
    with pytest.raises(errors.FormatError, match=text):
        models.PointStruct(id=value, vector=[1.0])


@pytest.mark.parametrize(
    ("body", "class_name"),
    [
        ({"nearest": 1, "mmr": {}}, "NearestQuery"),
        ({"text": "some words"}, "TextQuery"),
        ({"text": "some words", "model": "m"}, "Document"),
        ({"image": "file.png", "model": "m"}, "Image"),
        ({"object": 5, "model": "m"}, "InferenceObject"),
        ({"indices": [], "values": []}, "SparseVector"),
        ({"context": []}, "ContextQuery"),
        ({"fusion": "rrf"}, "FusionQuery"),
        ({"rrf": {}}, "RrfQuery"),
        ({"sample": "random"}, "SampleQuery"),
        ({"order_by": "a"}, "OrderByQuery"),
        (17, "int"),
        (UUID, "str"),
        ([0.5], "list"),
    ],
)
def test_a_bare_body_becomes_the_query_qdrant_would_read(body: Any, class_name: str) -> None:
    assert type(parse(models.QueryInterface, body)).__name__ == class_name


@pytest.mark.parametrize(
    ("body", "class_name"),
    [
        ({"key": "a", "is_empty": True}, "FieldCondition"),
        ({"is_empty": {"key": "a"}}, "IsEmptyCondition"),
        ({"nested": {"key": "a", "filter": {}}}, "NestedCondition"),
        ({"must": {"has_id": [1]}}, "Filter"),
        ({}, "Filter"),
    ],
)
def test_a_bare_body_becomes_the_condition_qdrant_would_read(body: Any, class_name: str) -> None:
    assert type(parse(models.Condition, body)).__name__ == class_name


def test_the_type_of_a_bound_decides_the_kind_of_range() -> None:
    body = {"key": "a", "range": {"gte": "2024-01-01 10:00", "lt": "2024-02-01T00:00:00Z"}}

    assert isinstance(parse(models.FieldCondition, body).range, models.DatetimeRange)
    assert isinstance(models.FieldCondition(key="a", range={"gte": 5}).range, models.Range)


def test_vectors_may_have_the_names_of_fields() -> None:
    vectors = parse(models.CreateCollection, {"vectors": {"size": {"size": 2, "distance": "Dot"}}}).vectors
    point = models.PointStruct(id=1, vector={"text": [1.0], "model": [2.0]})

    assert vectors["size"].size == 2  # type: ignore[index]
    assert point.vector == {"text": [1.0], "model": [2.0]}


def test_aliases_of_fields_are_taken() -> None:
    assert models.PointStruct.model_validate({"id": 1, "vectors": [1.0]}).vector == [1.0]
    assert parse(models.QueryRequest, {"with_vectors": True}).with_vector is True
    assert models.MatchExcept(except_=[1]).model_dump(by_alias=True) == {"except": [1]}
    assert parse(models.MatchExcept, qdrant.MatchExcept(**{"except": ["a"]})).except_ == ["a"]
    assert parse(
        models.VectorParams, {"size": 2, "distance": "Dot", "quantization": {"binary": {}}}
    ).quantization_config


def test_parse_returns_own_instances_themselves_and_keeps_nested_ones() -> None:
    condition = models.HasIdCondition(has_id=[1])
    query = models.NearestQuery(nearest=1)

    assert parse(models.HasIdCondition, condition) is condition
    assert parse(models.Condition, condition) is condition
    assert parse(models.QueryInterface, query) is query
    assert models.Filter(must=[condition]).must[0] is condition  # type: ignore[index]


def test_enum_members_are_strings_with_qdrants_values() -> None:
    assert models.Distance.COSINE == "Cosine" == str(models.Distance.COSINE)
    assert (
        parse(models.VectorParams, {"size": 1, "distance": qdrant.Distance.EUCLID}).distance is models.Distance.EUCLID
    )
    with pytest.raises(errors.FormatError, match="in distance"):
        models.VectorParams(size=1, distance="cosine")


@pytest.mark.parametrize("name", ["PointStruct", "Filter", "QueryRequest", "FormulaQuery", "CreateCollection", "Batch"])
def test_models_have_a_json_schema(name: str) -> None:
    schema = getattr(models, name).model_json_schema()

    assert schema.get("properties") or schema["$defs"][name]["properties"]
