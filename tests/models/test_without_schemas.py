"""What a new process that opens a store and asks for a vector does without pydantic's schemas, whose building takes
longer than the answer: the same as with them.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb import QdrantClient, models
from minidb.client.arguments import query_request
from minidb.collection.config import StoredConfig, new_config
from minidb.errors import MinidbError
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
ARGUMENTS = {
    "query": st.sampled_from(QUERIES),
    "using": st.sampled_from([None, "", "a", 3]),
    "prefetch": st.sampled_from([None, None, []]),
    "filter": st.sampled_from([None, None, {"must": []}]),
    "params": st.sampled_from([None, None, {"exact": True}]),
    "limit": st.sampled_from([10, 1, 0, -1, True, 1.0, None, 2**32, 2**64]),
    "offset": st.sampled_from([None, 0, 1, -1, False, 2**32, "1"]),
    "with_payload": st.sampled_from([True, False, None, 1, ["a"]]),
    "with_vector": st.sampled_from([True, False, None, 0, ["a"]]),
    "score_threshold": st.sampled_from([None, None, 0.5, math.nan]),
    "lookup_from": st.sampled_from([None, None, {"collection": "a"}]),
}


@given(st.fixed_dictionaries(ARGUMENTS))
def test_a_request_is_the_same_by_either_way(arguments: dict[str, Any]) -> None:
    def shown(make: Callable[[], models.QueryRequest]) -> object:
        try:
            request = make()
        except MinidbError as error:
            return type(error), str(error)
        types = {name: type(value) for name, value in request}
        return types, request.model_fields_set, repr(request)  # NaN equals itself there

    assert shown(lambda: query_request(**arguments)) == shown(lambda: parse(models.QueryRequest, dict(arguments)))


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
    packed = new_config(models.CreateCollection(**settings)).pack()

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
