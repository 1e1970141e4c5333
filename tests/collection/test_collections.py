"""Collections and aliases: created, echoed, changed, deleted (spec §1, §4)."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.errors import AlreadyExists, MinidbError, NotFound
from minidb.index.dense.sketch import Sketch

VECTOR = models.VectorParams(size=2, distance=models.Distance.DOT)


def alias(name: str, collection: str = "c") -> models.CreateAliasOperation:
    return models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=collection, alias_name=name))


def drop(name: str) -> models.DeleteAliasOperation:
    return models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=name))


def rename(old: str, new: str) -> models.RenameAliasOperation:
    return models.RenameAliasOperation(rename_alias=models.RenameAlias(old_alias_name=old, new_alias_name=new))


def aliases(client: QdrantClient) -> dict[str, str]:
    return {one.alias_name: one.collection_name for one in client.get_aliases().aliases}


def test_the_life_of_a_collection(client: QdrantClient) -> None:
    assert not client.collection_exists("c")
    assert client.create_collection("c", VECTOR) is True
    assert client.create_collection("a", VECTOR) is True
    assert client.collection_exists("c")
    assert [one.name for one in client.get_collections().collections] == ["a", "c"]
    assert client.delete_collection("c") is True
    assert client.delete_collection("c") is False
    assert not client.collection_exists("c")
    with pytest.raises(NotFound, match=r"Not found: Collection `c` doesn't exist!"):
        client.get_collection("c")


def test_a_collection_keeps_the_settings_it_was_made_with(client: QdrantClient) -> None:
    """The objects of the request are the caller's, and may be used again for another collection."""
    params = models.VectorParams(size=2, distance=models.Distance.DOT)
    client.create_collection("c", params, metadata={"pair": (1, 2)})
    params.size, params.distance = 3, models.Distance.COSINE
    config = client.get_collection("c").config
    assert (config.params.vectors, config.metadata) == (VECTOR, {"pair": [1, 2]})
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    assert client.count("c").count == 1


def changed(value: Any) -> None:
    """Change all that can be: lists, dicts, fields of models."""
    if isinstance(value, dict):
        for part in list(value.values()):
            changed(part)
        value["mine"] = 1
    elif isinstance(value, list):
        for part in value:
            changed(part)
        value.append("mine")
    elif hasattr(value, "__dict__") and not isinstance(value, Enum):
        for name, part in list(vars(value).items()):
            changed(part)
            with suppress(TypeError):  # results are frozen, what they hold need not be
                setattr(value, name, "mine")


def test_settings_are_neither_the_givers_nor_the_readers(client: QdrantClient) -> None:
    stopwords = models.StopwordsSet(languages=["english"], custom=["foo"])
    index = models.TextIndexParams(type="text", stopwords=stopwords)
    strict, hnsw = models.StrictModeConfig(max_query_limit=5), models.HnswConfigDiff(m=9)
    vectors = {"a": models.VectorParams(size=2, distance=models.Distance.DOT, hnsw_config=models.HnswConfigDiff(m=8))}
    dense = models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=3, distance=models.Distance.DOT))
    metadata = {"deep": {"list": [1]}}
    client.create_collection("c", vectors, metadata={"first": [{}]})
    client.update_collection("c", strict_mode_config=strict, hnsw_config=hnsw, metadata=metadata)
    client.create_payload_index("c", "t", index)
    client.create_vector_name("c", "b", dense)
    client.update_collection_aliases([alias("other")])
    reads = (lambda: client.get_collection("c"), client.get_aliases, client.get_collections)
    before = [copy.deepcopy(read()) for read in reads]
    changed([index, strict, hnsw, vectors, dense, metadata])
    assert [read() for read in reads] == before
    for read in reads:
        changed(read())
    assert [read() for read in reads] == before
    client.upsert("c", [models.PointStruct(id=1, vector={"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]})])


def test_an_existing_collection_is_not_created_again(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    with pytest.raises(AlreadyExists, match="Wrong input: Collection `c` already exists!") as caught:
        client.create_collection("c", VECTOR)
    assert (caught.value.status_code, client.count("c").count) == (409, 1)


def test_recreated_is_empty(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    client.recreate_collection("c", models.VectorParams(size=3, distance=models.Distance.COSINE))
    assert client.count("c").count == 0
    assert client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0, 3.0])]).operation_id == 0


def test_an_empty_collection_answers(client: QdrantClient) -> None:
    dense = {"": VECTOR, "l1": models.VectorParams(size=2, distance=models.Distance.MANHATTAN)}
    client.create_collection("c", dense, {"s": models.SparseVectorParams(modifier=models.Modifier.IDF)})
    assert client.query_points("c", [1.0, 2.0]).points == []
    assert client.query_points("c", [1.0, 2.0], using="l1").points == []
    assert client.query_points("c", models.SparseVector(indices=[1], values=[1.0]), using="s").points == []
    assert client.query_points("c").points == []
    assert client.scroll("c") == ([], None)
    assert client.count("c").count == 0


def test_a_new_collection_has_qdrants_defaults(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    info = client.get_collection("c")
    assert (info.status, info.optimizer_status, info.points_count, info.indexed_vectors_count) == ("green", "ok", 0, 0)
    assert (info.segments_count, info.payload_schema) == (1, {})
    config = info.config
    assert (config.params.shard_number, config.params.replication_factor, config.params.on_disk_payload) == (1, 1, True)
    hnsw, optimizer, wal = config.hnsw_config, config.optimizer_config, config.wal_config
    assert (hnsw.m, hnsw.ef_construct, hnsw.full_scan_threshold, hnsw.max_indexing_threads) == (16, 100, 10000, 0)
    assert (optimizer.deleted_threshold, optimizer.vacuum_min_vector_number) == (0.2, 1000)
    assert (optimizer.default_segment_number, optimizer.indexing_threshold, optimizer.flush_interval_sec) == (
        0,
        10000,
        5,
    )
    assert (wal.wal_capacity_mb, wal.wal_segments_ahead, wal.wal_retain_closed) == (32, 0, 1)


SETTINGS: dict[str, dict[str, Any]] = {
    "hnsw_config": {
        "m": 8,
        "ef_construct": 50,
        "full_scan_threshold": 20,
        "max_indexing_threads": 2,
        "on_disk": True,
        "payload_m": 4,
        "inline_storage": True,
    },
    "optimizers_config": {
        "deleted_threshold": 0.5,
        "vacuum_min_vector_number": 200,
        "default_segment_number": 2,
        "max_segment_size": 1000,
        "memmap_threshold": 1000,
        "indexing_threshold": 5,
        "flush_interval_sec": 9,
        "max_optimization_threads": 1,
        "prevent_unoptimized": True,
    },
    "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 2, "wal_retain_closed": 3},
    "strict_mode_config": {
        "enabled": True,
        "max_query_limit": 100,
        "read_rate_limit": 1000,
        "search_allow_exact": True,
    },
    "metadata": {"owner": "me", "nested": {"n": [1, None]}},
}
ECHOED = {"optimizers_config": "optimizer_config"}


@pytest.mark.parametrize("field", SETTINGS)
def test_settings_are_echoed(client: QdrantClient, field: str) -> None:
    client.create_collection("c", VECTOR, **{field: SETTINGS[field]})
    echoed = getattr(client.get_collection("c").config, ECHOED.get(field, field))
    plain = echoed if isinstance(echoed, dict) else echoed.model_dump(exclude_none=True)
    assert SETTINGS[field].items() <= plain.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shard_number", 3),
        ("replication_factor", 2),
        ("write_consistency_factor", 2),
        ("on_disk_payload", False),
        ("sharding_method", "custom"),
    ],
)
def test_parameters_are_echoed(client: QdrantClient, field: str, value: Any) -> None:
    client.create_collection("c", VECTOR, **{field: value})
    assert getattr(client.get_collection("c").config.params, field) == value


@pytest.mark.parametrize(
    "quantization",
    [
        {"scalar": {"type": "int8", "quantile": 0.9, "always_ram": True}},
        {"product": {"compression": "x16", "always_ram": True}},
        {"binary": {"encoding": "two_bits", "query_encoding": "scalar4bits"}},
        {"turbo": {"bits": "bits2"}},
    ],
    ids=lambda q: next(iter(q)),
)
def test_quantization_is_echoed(client: QdrantClient, quantization: dict[str, Any]) -> None:
    client.create_collection("c", VECTOR, quantization_config=quantization)
    echoed = client.get_collection("c").config.quantization_config.model_dump(mode="json", exclude_none=True)
    (name,) = quantization
    assert quantization[name].items() <= echoed[name].items()


def test_vector_parameters_are_echoed(client: QdrantClient) -> None:
    dense = {
        "size": 4,
        "distance": "Manhattan",
        "on_disk": True,
        "datatype": "float16",
        "hnsw_config": {"m": 4},
        "multivector_config": {"comparator": "max_sim"},
        "quantization_config": {"scalar": {"type": "int8"}},
    }
    sparse = {"index": {"full_scan_threshold": 7, "on_disk": True, "datatype": "float16"}, "modifier": "idf"}
    client.create_collection("c", {"d": dense}, {"s": sparse})
    params = client.get_collection("c").config.params
    assert params.vectors["d"].model_dump(mode="json", exclude_none=True) == dense
    assert params.sparse_vectors["s"].model_dump(mode="json", exclude_none=True) == sparse


REFUSED: dict[str, tuple[Callable[[QdrantClient], Any], int, str]] = {
    "slash": (lambda c: c.create_collection("a/b", VECTOR), 422, 'collection name cannot contain "/" char'),
    "empty name": (lambda c: c.create_collection("", VECTOR), 422, "1 to 255"),
    "long name": (lambda c: c.create_collection("é" * 256, VECTOR), 422, "1 to 255"),
    "size 0": (lambda c: c.create_collection("n", {"size": 0, "distance": "Dot"}), 400, "expected a nonzero u64"),
    "size 65537": (lambda c: c.create_collection("n", {"size": 65537, "distance": "Dot"}), 422, "from 1 to 65536"),
    "distance": (lambda c: c.create_collection("n", {"size": 2, "distance": "dot"}), 400, "Format error"),
    "unknown field": (
        lambda c: c.create_collection("n", {"size": 2, "distance": "Dot", "colour": 1}),
        400,
        "unknown field `colour`",
    ),
    "ef_construct 3": (lambda c: c.create_collection("n", VECTOR, hnsw_config={"ef_construct": 3}), 422, "4 or larger"),
    "deleted_threshold 2": (
        lambda c: c.create_collection("n", VECTOR, optimizers_config={"deleted_threshold": 2.0}),
        422,
        "deleted_threshold",
    ),
    "shard_number 0": (lambda c: c.create_collection("n", VECTOR, shard_number=0), 422, "value 0 invalid"),
    "one name twice": (
        lambda c: c.create_collection("n", {"v": VECTOR}, {"v": {}}),
        400,
        "Dense and sparse vector names must be unique - duplicate found with 'v'",
    ),
    "unnamed sparse": (lambda c: c.create_collection("n", {}, {"": {}}), 400, "Sparse vector name cannot be empty"),
    "long vector name": (lambda c: c.create_collection("n", {"v" * 201: VECTOR}), 400, "at most 200 bytes long"),
    "alias of that name": (
        lambda c: c.create_collection("also", VECTOR),
        400,
        "Can't create collection with name also. Alias with the same name already exists",
    ),
    "patch an unknown vector": (
        lambda c: c.update_collection("c", vectors_config={"zz": {"on_disk": True}}),
        400,
        "Not existing vector name error: zz",
    ),
    "patch a missing collection": (lambda c: c.update_collection("nope", metadata={}), 404, "doesn't exist"),
    "alias named as a collection": (lambda c: c.update_collection_aliases([alias("c")]), 409, "already exists"),
    "alias of nothing": (
        lambda c: c.update_collection_aliases([alias("x", "nope")]),
        404,
        "Collection `nope` doesn't exist!",
    ),
    "rename a missing alias": (
        lambda c: c.update_collection_aliases([rename("nope", "x")]),
        404,
        "Not found: Alias nope does not exists!",
    ),
    "half of a list": (
        lambda c: c.update_collection_aliases([alias("x"), drop("also"), rename("nope", "y")]),
        404,
        "Alias nope does not exists!",
    ),
    "add a vector of another shape": (
        lambda c: c.create_vector_name("c", "v", {"dense": {"size": 3, "distance": "Dot"}}),
        409,
        "already exists",
    ),
    "remove an unknown vector": (lambda c: c.delete_vector_name("c", "zz"), 400, "Not existing vector name error: zz"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_changes_change_nothing(client: QdrantClient, case: str) -> None:
    client.create_collection("c", {"v": VECTOR})
    client.update_collection_aliases([alias("also")])
    before = (client.get_collections(), aliases(client), client.get_collection("c"))
    call, status, text = REFUSED[case]
    with pytest.raises(MinidbError) as caught:
        call(client)
    assert (caught.value.status_code, text in str(caught.value)) == (status, True), str(caught.value)
    assert (client.get_collections(), aliases(client), client.get_collection("c")) == before


def test_updates_are_merged_into_the_settings(client: QdrantClient) -> None:
    client.create_collection(
        "c",
        {"v": VECTOR},
        hnsw_config={"m": 8},
        metadata={"a": 1, "b": 2},
        quantization_config={"scalar": {"type": "int8"}},
    )
    client.update_collection(
        "c",
        hnsw_config={"ef_construct": 30},
        optimizers_config={"indexing_threshold": 7},
        vectors_config={"v": {"on_disk": True, "hnsw_config": {"m": 5}}},
        collection_params={"replication_factor": 4},
        strict_mode_config={"enabled": False},
        metadata={"b": None, "c": 3},
        quantization_config="Disabled",
    )
    config = client.get_collection("c").config
    assert (config.hnsw_config.m, config.hnsw_config.ef_construct) == (8, 30)
    assert config.optimizer_config.indexing_threshold == 7
    assert (config.params.vectors["v"].on_disk, config.params.vectors["v"].hnsw_config.m) == (True, 5)
    assert (config.params.vectors["v"].size, config.params.replication_factor) == (2, 4)
    assert config.strict_mode_config.enabled is False
    assert config.metadata == {"a": 1, "c": 3}
    assert config.quantization_config is None


def test_aliases_stand_for_their_collection(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    client.create_collection("d", VECTOR)
    client.update_collection_aliases([alias("x"), alias("y", "d")])
    client.upsert("x", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    assert (client.count("c").count, client.collection_exists("x")) == (1, True)
    assert [one.alias_name for one in client.get_collection_aliases("c").aliases] == ["x"]
    client.update_collection_aliases([alias("x", "d"), rename("y", "z"), drop("unknown")])  # x is given away
    assert aliases(client) == {"x": "d", "z": "d"}
    assert client.count("x").count == 0


@pytest.mark.parametrize("name", ["", "a/b", "x" * 300, "a:b", "\x00", "ä"])
def test_an_alias_may_have_any_name(client: QdrantClient, name: str) -> None:
    """Qdrant checks no alias' name (storage, toc/collection_meta_ops.rs)."""
    client.create_collection("c", VECTOR)
    client.update_collection_aliases([alias("x"), rename("x", name)])
    client.update_collection_aliases([drop(name), alias(name)])
    assert aliases(client) == {name: "c"}
    assert client.count(name).count == 0


def test_aliases_go_with_their_collection(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    client.update_collection_aliases([alias("x")])
    client.delete_collection("c")
    assert aliases(client) == {}
    assert not client.collection_exists("x")


def test_an_alias_is_not_a_way_to_delete(client: QdrantClient) -> None:
    """Qdrant's delete takes the name as it is (storage, toc/collection_meta_ops.rs): nothing of that name was there."""
    client.create_collection("c", VECTOR)
    client.update_collection_aliases([alias("x")])
    assert client.delete_collection("x") is False
    assert client.collection_exists("c")


def test_named_vectors_come_and_go(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 2.0])])
    client.create_vector_name("c", "more", {"dense": {"size": 3, "distance": "Cosine"}})
    client.create_vector_name("c", "words", {"sparse": {"modifier": "idf"}})
    assert client.query_points("c", [1.0, 2.0, 3.0], using="more").points == []
    word = models.SparseVector(indices=[1], values=[1.0])
    client.update_vectors("c", [models.PointVectors(id=1, vector={"more": [0.0, 0.0, 5.0], "words": word})])
    stored = client.retrieve("c", [1], with_vectors=True)[0].vector
    assert stored == {"": [1.0, 2.0], "more": [0.0, 0.0, 1.0], "words": word}
    client.delete_vector_name("c", "more")
    client.create_vector_name("c", "more", {"dense": {"size": 1, "distance": "Dot"}})  # the old ones do not come back
    assert set(client.retrieve("c", [1], with_vectors=True)[0].vector) == {"", "words"}
    assert client.query_points("c", [1.0], using="more").points == []


def test_the_same_vector_again_is_no_change_under_a_number_of_its_own(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    config = {"dense": {"size": 3, "distance": "Cosine"}}
    numbers = [client.create_vector_name("c", "more", config).operation_id for _ in range(2)]
    numbers.append(client.upsert("c", [models.PointStruct(id=1, vector={"": [1.0, 2.0]})]).operation_id)
    assert len(set(numbers)) == 3, numbers
    assert numbers == sorted(numbers)


def test_more_vectors_than_a_word_has_bits_may_come_and_go(client: QdrantClient) -> None:
    client.create_collection("c", VECTOR)
    for number in range(70):
        client.create_vector_name("c", f"v{number}", {"dense": {"size": 1, "distance": "Dot"}})
        if number < 69:
            client.delete_vector_name("c", f"v{number}")
    client.upsert("c", [models.PointStruct(id=1, vector={"": [1.0, 2.0], "v69": [3.0]})])
    assert client.query_points("c", [2.0], using="v69", with_vectors=True).points[0].vector == {
        "": [1.0, 2.0],
        "v69": [3.0],
    }


def test_what_searches_made_of_a_vector_goes_with_its_name(client: QdrantClient) -> None:
    params = models.VectorParams(size=64, distance=models.Distance.DOT)
    client.create_collection("c", {"kept": params, "gone": params})
    vectors = np.random.default_rng(0).standard_normal((12_000, 64)).astype(np.float32)
    both = {"kept": vectors, "gone": vectors}
    client.upsert("c", models.Batch(ids=list(range(len(vectors))), vectors=both))  # type: ignore[arg-type]
    for name in both:
        client.query_points("c", query=vectors[0], using=name)
    before = n_sketches()
    client.delete_vector_name("c", "gone")
    assert n_sketches() == before - 1
    assert client.query_points("c", query=vectors[7], using="kept", limit=1).points[0].score > 0


def n_sketches() -> int:
    gc.collect()
    return sum(isinstance(thing, Sketch) for thing in gc.get_objects())
