"""Arrays, sparse rows and other forms of vectors; and the light classes that answers are made of."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from qdrant_client.http import models as qdrant

from minidb import errors, models
from minidb.models import PointStruct, Record, ScoredPoint, parse


@pytest.mark.parametrize("array", [np.ones(3, np.float32), np.ones((2, 3)), np.arange(4, dtype=np.uint8)])
def test_arrays_stay_the_arrays_they_are(array: Any) -> None:
    assert PointStruct(id=1, vector=array).vector is array
    assert PointStruct(id=1, vector={"a": array}).vector["a"] is array
    assert parse(models.QueryInterface, array) is array
    assert parse(models.NearestQuery, {"nearest": array}).nearest is array


@pytest.mark.parametrize(
    "array", [np.ones(3, bool), np.array(["a"]), np.ones((1, 1, 1)), np.array(1.0), np.array([1j])]
)
def test_arrays_that_are_no_vectors_are_refused(array: Any) -> None:
    with pytest.raises(errors.FormatError, match="Expected a"):
        PointStruct(id=1, vector=array)


def test_empty_arrays_are_out_of_range() -> None:
    with pytest.raises(errors.ValidationError, match="dense vector must not be empty"):
        PointStruct(id=1, vector=np.ones(0))


def test_lists_of_arrays_and_of_numpy_numbers_become_arrays() -> None:
    multi = PointStruct(id=1, vector=[np.ones(2), np.zeros(2)]).vector
    dense = PointStruct(id=1, vector=list(np.ones(2, np.float32))).vector

    assert isinstance(multi, np.ndarray)
    assert multi.shape == (2, 2)
    assert isinstance(dense, np.ndarray)
    assert dense.dtype == np.float32
    with pytest.raises(errors.FormatError):
        PointStruct(id=1, vector=[np.ones(2), np.ones(3)])


@pytest.mark.parametrize("make", [scipy.sparse.csr_matrix, scipy.sparse.coo_matrix, scipy.sparse.csr_array])
def test_a_scipy_row_becomes_a_sparse_vector_of_arrays(make: Any) -> None:
    vector = PointStruct(id=1, vector={"s": make(np.array([[0, 0.5, 0, 2.0]]))}).vector["s"]

    assert isinstance(vector, models.SparseVector)
    assert isinstance(vector.indices, np.ndarray)
    assert vector == models.SparseVector(indices=[1, 3], values=[0.5, 2.0])


def test_a_scipy_matrix_of_several_rows_is_a_batch_but_no_vector() -> None:
    matrix = scipy.sparse.csr_matrix(np.eye(3))

    batch = models.Batch(ids=[1, 2, 3], vectors={"s": matrix})
    assert [list(row.indices) for row in batch.vectors["s"]] == [[0], [1], [2]]
    with pytest.raises(errors.FormatError, match="one row"):
        PointStruct(id=1, vector={"s": matrix})


def test_batches_take_arrays_by_column() -> None:
    array = np.ones((2, 3), np.float32)

    assert models.Batch(ids=[1, 2], vectors=array).vectors is array
    assert models.Batch(ids=[1, 2], vectors={"a": array}).vectors["a"] is array


def test_models_with_arrays_compare_and_serialise() -> None:
    a = PointStruct(
        id=1, vector={"d": np.array([0.5, 1.0]), "s": {"indices": np.array([3]), "values": np.array([1.5])}}
    )
    b = PointStruct(id=1, vector={"d": [0.5, 1.0], "s": {"indices": [3], "values": [1.5]}})

    assert a == b
    assert a != PointStruct(id=1, vector={"d": np.array([0.5, 1.5])})
    assert a.model_dump(mode="json") == b.model_dump(mode="json")
    assert json.loads(a.model_dump_json())["vector"] == {"d": [0.5, 1.0], "s": {"indices": [3], "values": [1.5]}}
    assert isinstance(a.model_dump()["vector"]["d"], np.ndarray)


def point(**changes: Any) -> ScoredPoint:
    return ScoredPoint(**{"id": 1, "version": 3, "score": 0.5, "payload": {"a": 1}} | changes)


def test_results_dump_as_pydantic_would() -> None:
    ours, theirs = point(vector=[0.5]), qdrant.ScoredPoint(id=1, version=3, score=0.5, payload={"a": 1}, vector=[0.5])

    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_dump(exclude_none=True) == theirs.model_dump(exclude_none=True)
    assert ours.model_dump(include={"id"}) == {"id": 1}
    assert "payload" not in ours.model_dump(exclude={"payload"})
    assert json.loads(ours.model_dump_json()) == json.loads(theirs.model_dump_json())
    assert repr(ours) == repr(theirs)
    assert dict(ours) == dict(theirs)


def test_results_equal_qdrant_clients_in_both_directions() -> None:
    ours = models.QueryResponse(points=[point(vector={"s": models.SparseVector(indices=[1], values=[1.0])})])
    vector = {"s": qdrant.SparseVector(indices=[1], values=[1.0])}
    theirs = qdrant.QueryResponse(
        points=[qdrant.ScoredPoint(id=1, version=3, score=0.5, payload={"a": 1}, vector=vector)]
    )

    assert ours == theirs
    assert theirs == ours
    assert point() != point(score=0.4)
    assert point() != 5
    assert models.QueryResponse.model_validate(theirs) == ours


def test_results_with_arrays_compare_and_serialise() -> None:
    one, other = point(vector=np.array([0.5, 1.0])), point(vector=np.array([0.5, 1.0]))

    assert one == other == point(vector=[0.5, 1.0])
    assert one.model_dump(mode="json")["vector"] == [0.5, 1.0]
    assert json.loads(models.QueryResponse(points=[one]).model_dump_json())["points"][0]["vector"] == [0.5, 1.0]


def test_results_can_be_copied_and_pickled() -> None:
    original = point()

    changed = original.model_copy(update={"score": 0.1})
    assert (changed.score, original.score) == (0.1, 0.5)
    assert original.model_copy(deep=True).payload is not original.payload
    assert pickle.loads(pickle.dumps(original)) == original == copy.copy(original)


def test_results_refuse_unknown_and_missing_fields() -> None:
    with pytest.raises(errors.FormatError, match="unknown field `foo`"):
        Record.model_validate({"id": 1, "foo": 2})
    with pytest.raises(errors.FormatError, match="missing field `id`"):
        Record.model_validate({"payload": {}})


def test_a_record_can_be_written_back() -> None:
    record = Record(id=7, payload={"a": 1}, vector={"s": models.SparseVector(indices=[1], values=[1.0])})

    written = PointStruct.model_validate(record)
    assert (written.id, written.payload, written.vector) == (record.id, record.payload, record.vector)
    assert parse(models.PointsList, {"points": [record, qdrant.Record(id=8, vector=[1.0])]}).points[1].id == 8


GIVEN: dict[str, Any] = {
    "points": [
        {
            "id": n,
            "version": 1,
            "score": 0.5,
            "payload": {"city": "Berlin", "tags": ["a", {"b": n}]},
            "vector": [0.5, 1.5],
        }
        for n in range(3)
    ]
}


def responses() -> tuple[Any, Any]:
    """The same answer as minidb's and as qdrant-client's."""
    return models.QueryResponse.model_validate(GIVEN), qdrant.QueryResponse.model_validate(GIVEN)


@pytest.mark.filterwarnings("ignore:The `.*` method is deprecated")
def test_answers_have_the_methods_of_pydantic_1_too() -> None:
    ours, theirs = responses()
    assert ours.points[0].dict() == theirs.points[0].dict()
    assert ours.dict(exclude_none=True) == theirs.dict(exclude_none=True)
    assert ours.json() == theirs.json()
    assert ours.points[0].json(include={"id", "score"}) == theirs.points[0].json(include={"id", "score"})


def test_answers_are_read_from_json() -> None:
    ours, theirs = responses()
    assert models.QueryResponse.model_validate_json(theirs.model_dump_json()) == ours
    assert models.Record.model_validate_json(b'{"id": 1}') == models.Record(id=1)
    with pytest.raises(errors.FormatError, match="missing field `id`"):
        models.Record.model_validate_json("{}")


@pytest.mark.parametrize(
    "chosen",
    [
        {"include": {"points": {0: True}}},
        {"include": {"points": {0, 2}}},
        {"include": {"points": {"__all__": {"id", "score"}}}},
        {"include": {"points": {"__all__": {"payload": {"city"}, "id": True}}}},
        {"include": {"points": ...}},
        {"include": {}},
        {"exclude": {"points"}},
        {"exclude": {"points": {1}}},
        {"exclude": {"points": {"__all__": {"vector", "version"}}}},
        {"exclude": {"points": {"__all__": {"payload": {"tags": {0}}}}}},
        {"exclude": {"points": {0: {"vector"}, 1: True}}},
        {
            "include": {"points": {"__all__": {"id", "payload"}}},
            "exclude": {"points": {"__all__": {"payload": {"tags"}}}},
        },
    ],
)
@pytest.mark.parametrize("mode", ["python", "json"])
def test_parts_of_answers_are_chosen_as_pydantic_chooses(chosen: dict[str, Any], mode: str) -> None:
    ours, theirs = responses()
    assert ours.model_dump(mode=mode, **chosen) == theirs.model_dump(mode=mode, **chosen)
    if mode == "json":
        assert json.loads(ours.model_dump_json(**chosen)) == json.loads(theirs.model_dump_json(**chosen))
