"""What a new process that opens a store and asks for a vector does without pydantic's schemas, whose building takes
longer than the answer: the same as with them.
"""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, field_validator

from minidb import QdrantClient, models
from minidb.client.arguments import query_request
from minidb.collection.config import StoredConfig, new_config
from minidb.errors import FormatError, MinidbError
from minidb.models.base import parse

ASKING = """
import sys
import numpy as np
from minidb import QdrantClient, models
client = QdrantClient(sys.argv[1])
for query in ([1.0, 2.0], np.array([1.0, 2.0], np.float32)):
    assert [hit.id for hit in client.query_points("docs", query, using="dense", limit=1).points] == [1]
assert models.QueryRequest.__pydantic_complete__ is False
assert models.CollectionConfig.__pydantic_complete__ is False
print("pydantic.plugin._loader" in sys.modules)
"""


def test_a_new_process_builds_none(tmp_path: Path) -> None:
    with QdrantClient(tmp_path) as client:
        client.create_collection(
            "docs",
            vectors_config={"dense": models.VectorParams(size=2, distance=models.Distance.DOT)},
            sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
        client.upsert("docs", [models.PointStruct(id=n, vector={"dense": [n, n]}) for n in (0, 1)])

    shown = subprocess.run([sys.executable, "-c", ASKING, tmp_path], capture_output=True, text=True, check=True).stdout

    assert shown.strip() == "False"


QUERIES: list[Any] = [
    [0.5, 1.0],
    [0.5, 1],
    [0.5, True],
    [0.5, "1"],
    [math.nan, 1.0],
    [math.inf],
    [],
    [[0.5], [1.0]],
    [np.float64(0.5)],
    (0.5, 1.0),
    np.array([0.5, 1.0]),
    np.array([0.5, 1.0], np.float32),
    np.array([0.5, 1.0], np.float16),
    np.array([1, 2]),
    np.array([True]),
    np.array([1j]),
    np.array([[0.5]], np.float32),
    np.array([], np.float32),
    np.float32(0.5),
    7,
    None,
    "words",
]
SPARSE: list[Any] = [
    models.SparseVector(indices=[1, 2], values=[0.5, 1]),
    models.SparseVector(indices=np.array([1]), values=np.array([0.5])),
    models.SparseVector(indices=[], values=[]),
    models.SparseVector(indices=[1, 2], values=[0.5, 1]).model_copy(update={"indices": [1]}),
    models.SparseVector(indices=[1, 2], values=[0.5, 1]).model_copy(update={"indices": [1, 1]}),
]
FUSIONS: list[Any] = [
    models.FusionQuery(fusion=models.Fusion.RRF),
    models.RrfQuery(rrf=models.Rrf(k=3)),
    {"fusion": "dbsf"},
    models.SampleQuery(sample=models.Sample.RANDOM),
]
PREFETCHES: list[Any] = [
    models.Prefetch(query=[0.5], using="a", limit=3),
    models.Prefetch(query=SPARSE[0], prefetch=[models.Prefetch(query=[0.5])]),
    {"query": [0.5]},
    None,
]
ARGUMENTS = {
    "query": st.sampled_from(QUERIES + SPARSE + FUSIONS),
    "using": st.sampled_from([None, "", "a", 3]),
    "prefetch": st.one_of(st.none(), st.sampled_from(PREFETCHES), st.lists(st.sampled_from(PREFETCHES), max_size=2)),
    "filter": st.sampled_from([None, None, {"must": []}, models.Filter(must=[])]),
    "params": st.sampled_from([None, None, {"exact": True}, models.SearchParams(exact=True)]),
    "limit": st.sampled_from([10, 1, 0, -1, True, 1.0, None, 2**32, 2**64]),
    "offset": st.sampled_from([None, 0, 1, -1, False, 2**32, "1"]),
    "with_payload": st.sampled_from([True, False, None, 1, ["a"]]),
    "with_vector": st.sampled_from([True, False, None, 0, ["a"]]),
    "score_threshold": st.sampled_from([None, None, 0.5, math.nan]),
    "lookup_from": st.sampled_from([None, None, {"collection": "a"}]),
}


def shown(make: Callable[[], Any]) -> object:
    """What came of it, or the error."""
    try:
        made = make()
    except MinidbError as error:
        return type(error), str(error)
    types = {name: type(value) for name, value in made}
    return types, made.model_fields_set, repr(made), repr(made.model_dump(mode="json"))  # NaN equals itself there


@given(st.fixed_dictionaries(ARGUMENTS))
def test_a_request_is_the_same_by_either_way(arguments: dict[str, Any]) -> None:
    assert shown(lambda: query_request(**arguments)) == shown(lambda: parse(models.QueryRequest, dict(arguments)))


@given(st.fixed_dictionaries({name: ARGUMENTS[name] for name in ("query", "using", "prefetch", "filter", "limit")}))
def test_a_prefetch_is_the_same_by_either_way(arguments: dict[str, Any]) -> None:
    assert shown(lambda: models.Prefetch(**arguments)) == shown(lambda: parse(models.Prefetch, dict(arguments)))


UUID_TEXT = "5c56c793-69f3-4fbf-87e6-c4bf54c28c26"
VECTORS: list[Any] = [
    *QUERIES,
    [1, 2],
    [True, 1.0],
    [10**400],
    [2**70, 0.5],
    [0.5, np.float32(1)],
    [np.float32(1), 0.5],
    [None],
    np.zeros((2, 2, 2)),
    np.zeros((0, 2)),
]
NAMED: list[Any] = [
    {},
    {"a": [0.5]},
    {"": [1, 2], "b": np.array([0.5])},
    {"text": [0.5], "model": [0.5]},
    {"indices": [1], "values": [0.5]},
    {"a": None},
    {"a": []},
    {"ä": [0.5]},
    {"\ud800": [0.5]},
    {3: [0.5]},
    {"text": "words", "model": "Qdrant/bm25"},
    {"a": {"indices": [1], "values": [0.5]}},
]
POINTS = {
    "id": st.sampled_from(
        [1, 0, -1, 2**64 - 1, 2**64, True, 1.0, None, UUID_TEXT, UUID_TEXT.upper(), "a", UUID(int=5)]
    ),
    "vector": st.sampled_from(VECTORS + NAMED),
}
PAYLOADS: list[Any] = [None, {}, {"a": 1}, {"a": {"b": None}}, {"ä": 1}, {1: 2}, {"\ud800": 1}, [], "a", {"a": 1, 2: 3}]


@given(st.fixed_dictionaries(POINTS, optional={"payload": st.sampled_from(PAYLOADS), "other": st.just(1)}))
def test_a_point_is_the_same_by_either_way(fields: dict[str, Any]) -> None:
    assert shown(lambda: models.PointStruct(**fields)) == shown(lambda: parse(models.PointStruct, dict(fields)))


SIZES = st.sampled_from([1, 4, 65536, 65537, 0, -1, True, 4.0, "4", None, 2**64, np.int64(4)])
DISTANCES = st.sampled_from(["Cosine", "cosine", "COSINE", models.Distance.DOT, models.Memory.COLD, None, 3, ["Dot"]])


@given(SIZES, DISTANCES, st.fixed_dictionaries({}, optional={"on_disk": st.sampled_from([None, True])}))
def test_parameters_are_the_same_by_either_way(size: Any, distance: Any, others: dict[str, Any]) -> None:
    fields = {"size": size, "distance": distance, **others}

    assert shown(lambda: models.VectorParams(**fields)) == shown(lambda: parse(models.VectorParams, fields))


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"], ["ä"], ["\ud800"], [3]])
def test_a_collection_of_named_vectors_is_the_same_by_either_way(names: list[Any]) -> None:
    vectors = {name: models.VectorParams(size=2, distance="Dot") for name in names}

    by_name = shown(lambda: models.CreateCollection(vectors=vectors))

    assert by_name == shown(lambda: parse(models.CreateCollection, {"vectors": vectors}))


@pytest.mark.parametrize("missing", ["id", "vector"])
def test_what_a_point_lacks_is_told(missing: str) -> None:
    fields = {"id": 1, "vector": [0.5]}
    del fields[missing]

    with pytest.raises(FormatError, match=f"missing field `{missing}`"):
        models.PointStruct(**fields)


def test_the_validators_of_a_subclass_are_asked() -> None:
    class Even(models.PointStruct):
        @field_validator("id")
        @classmethod
        def _even(cls, value: int) -> int:
            return value - value % 2

    assert Even(id=3, vector=[0.5]).id == 2


def test_such_a_point_is_an_ordinary_model() -> None:
    vector, payload = [0.5], {"a": 1}
    point = models.PointStruct(id=1, vector=vector, payload=payload)
    vector.append(1.0)
    payload["b"] = 2

    assert point.model_dump() == {"id": 1, "vector": [0.5], "payload": {"a": 1}}
    assert pickle.loads(pickle.dumps(point)) == point == point.model_copy(deep=True)
    assert models.PointStruct(id=1, vector=[0.5]).model_dump(exclude_unset=True) == {"id": 1, "vector": [0.5]}
    assert TypeAdapter(Any).dump_python(point) == point.model_dump()


SETTINGS: list[dict[str, Any]] = [
    {},
    {"vectors": {}},
    {"vectors": {"size": 4, "distance": "Dot"}},
    {"vectors": {"size": {"size": 4, "distance": "Cosine"}, "b": {"size": 2, "distance": "Euclid"}}},
    {"vectors": {"size": 4, "distance": "Dot", "on_disk": True}},
    {"vectors": {"size": 4, "distance": "Dot", "datatype": "uint8"}},
    {"vectors": {"size": 4, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}}},
    {"vectors": {"size": 4, "distance": "Dot", "hnsw_config": {"m": 0}}},
    {"sparse_vectors": {"a": {}, "b": {"modifier": "idf"}}},
    {"sparse_vectors": {"a": {"index": {"on_disk": True}}}},
    {"vectors": {"size": 4, "distance": "Dot"}, "hnsw_config": {"m": 4, "on_disk": True}},
    {"vectors": {"size": 4, "distance": "Dot"}, "hnsw_config": {"memory": "cold"}},
    {"vectors": {"size": 4, "distance": "Dot"}, "sharding_method": "custom"},
    {"vectors": {"size": 4, "distance": "Dot"}, "metadata": {"a": {"b": None}}},
    {"vectors": {"size": 4, "distance": "Dot"}, "strict_mode_config": {"enabled": True}},
    {"vectors": {"size": 4, "distance": "Dot"}, "quantization_config": {"scalar": {"type": "int8"}}},
    {"vectors": {"size": 4, "distance": "Dot"}, "wal_config": {"wal_capacity_mb": 1}, "on_disk_payload": False},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_stored_configuration_is_the_same_by_either_way(settings: dict[str, Any]) -> None:
    stored = new_config(models.CreateCollection(**settings))
    packed = stored.pack()

    assert msgpack.unpackb(packed)[0] == stored.config.model_dump(mode="json", exclude_none=True)
    trusted, checked = StoredConfig.unpack(packed), StoredConfig.unpack(packed, is_foreign=True)

    assert trusted == checked
    assert repr(trusted) == repr(checked)
    assert trusted.pack() == packed


def test_bytes_from_elsewhere_are_looked_at() -> None:
    packed = new_config(models.CreateCollection(vectors={"size": 4, "distance": "Dot"})).pack()
    plain, *rest = msgpack.unpackb(packed)
    plain["hnsw_config"]["m"] = -1

    with pytest.raises(MinidbError, match="-1"):
        StoredConfig.unpack(msgpack.packb((plain, *rest)), is_foreign=True)
