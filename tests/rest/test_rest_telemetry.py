"""Telemetry by level of detail, and metrics under Qdrant's names: what is in them, and that numbers are true."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qdrant_client.http import models as m
from rest_world import World

ZEROS = (
    "cpu", "payload_io_read", "payload_io_write", "payload_index_io_read", "payload_index_io_write", "vector_io_read",
    "vector_io_write",
)  # fmt: skip
COUNT = "POST /collections/{collection_name}/points/count"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


def telemetry(world: World, **parameters: Any) -> Any:
    query = "&".join(f"{name}={str(value).lower()}" for name, value in parameters.items())
    result = world.ask("GET", "/telemetry", query=query).result
    m.TelemetryData.model_validate(result)
    return result


def samples(world: World, query: str = "") -> dict[str, dict[str, float]]:
    """Every family's samples by labels, as the format of Prometheus has them."""
    text = world.send("GET", "/metrics", query=query).response.body.decode()
    assert text.endswith("\n")
    families: dict[str, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in kinds, f"{name} comes twice"
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            found = re.fullmatch(r'(\w+)(?:\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\})? (\S+)', line)
            assert found, line
            base = re.sub(r"_(bucket|sum|count)$", "", found[1])
            assert found[1] in kinds or kinds[base] == "histogram", line
            assert found[2] not in families.setdefault(found[1], {}), line
            families[found[1]][found[2] or ""] = float(found[3])
    return families


# Telemetry


FIELDS: dict[str, str] = {
    "": "0: id app collections cluster requests quota; 1: hardware search_pool memory",
    "app": "0: name version startup; 1: features runtime_features low_memory_mode hnsw_global_config system",
    "app.features": "1: debug service_debug_feature recovery_mode gpu rocksdb staging",
    "app.hnsw_global_config": "1: healing_threshold",
    "app.system": "1: distribution distribution_version is_docker container_runtime cores ram_size disk_size cpu_flags "
    "cpu_endian",
    "collections": "0: number_of_collections; 1: collections snapshots",
    "cluster": "0: enabled resharding_enabled; 2: config",
    "cluster.config": "2: grpc_timeout_ms p2p consensus",
    "requests": "0: rest grpc",
    "quota": "0: config exceeded",
    "search_pool": "1: mode high_cpu_threads high_io_threads",
    "hardware": "1: collection_data",
    "collections.collections.0": "2: id init_time_ms config; 3: shards transfers resharding",
    "collections.collections.0.config": "2: params hnsw_config optimizer_config wal_config quantization_config",
    "collections.collections.0.shards.0": "3: id key local remote replicate_states partial_snapshot",
    "collections.collections.0.shards.0.partial_snapshot": "3: ongoing_create_snapshot_requests is_recovering "
    "recovery_timestamp",
    "collections.collections.0.shards.0.local": "3: variant_name status total_optimized_points vectors_size_bytes "
    "payloads_size_bytes num_points num_vectors num_vectors_by_name optimizations async_scorer update_queue; "
    "4: segments indexed_only_excluded_vectors",
    "collections.collections.0.shards.0.local.update_queue": "3: length op_num deferred_points",
    "collections.collections.0.shards.0.local.optimizations": "3: status optimizations; 4: log",
    "collections.collections.0.shards.0.local.segments.0": "4: info config vector_index_searches payload_field_indices",
    "collections.collections.0.shards.0.local.segments.0.info": "4: uuid segment_type num_vectors num_points "
    "num_deferred_points num_deleted_deferred_points num_indexed_vectors num_deleted_vectors vectors_size_bytes "
    "payloads_size_bytes ram_usage_bytes disk_usage_bytes is_appendable index_schema vector_data",
    "collections.collections.0.shards.0.local.segments.0.info.vector_data.many": "4: num_vectors num_indexed_vectors "
    "num_deleted_vectors",
    "collections.collections.0.shards.0.local.segments.0.config": "4: vector_data sparse_vector_data "
    "payload_storage_type",
    "collections.collections.0.shards.0.local.segments.0.config.vector_data.many": "4: size distance storage_type "
    "index quantization_config multivector_config",
    "collections.collections.0.shards.0.local.segments.0.config.sparse_vector_data.words": "4: index storage_type "
    "modifier",
    "collections.collections.0.shards.0.local.segments.0.payload_field_indices.0": "4: field_name index_type "
    "points_values_count points_count",
}
"""By path, the fields that each level of detail adds, as Qdrant has them (`telemetry.rs` of each of its crates)."""


@pytest.mark.parametrize("path", FIELDS)
def test_what_each_level_adds(world: World, path: str) -> None:
    expected: set[str] = set()
    added = {int(part.split(":")[0]): part.split(":")[1].split() for part in FIELDS[path].split(";")}
    for level in range(6):  # 5 is as 4
        expected |= set(added.get(level, ()))
        if sys.platform != "linux":
            expected -= {"memory"}
        told = telemetry(world, details_level=level)
        for step in path.split(".") if path else ():
            if isinstance(told, list):
                told = told[int(step)] if told else None
            else:
                told = (told or {}).get(step)
        if expected:
            assert told is not None, f"nothing at level {level}"
            assert told.keys() == expected, f"level {level}"
        elif path.endswith("collections.0"):
            assert told is None or level == 1


def test_level_one_tells_of_collections_what_counts(world: World) -> None:
    collections = telemetry(world, details_level=1)["collections"]["collections"]
    assert [each.keys() for each in collections] == [{"vectors", "optimizers_status", "params"}] * 2


def test_a_collection_is_one_segment(world: World) -> None:
    world.ask("PUT", "/collections/c/index", {"field_name": "n", "field_schema": "integer"})
    world.ask("POST", "/collections/c/points/delete", {"points": [1]})
    c = telemetry(world, details_level=4)["collections"]["collections"][0]
    local = c["shards"][0]["local"]
    [segment] = local["segments"]
    info = segment["info"]
    assert (info["num_points"], info["num_vectors"], info["num_deleted_vectors"]) == (5, 20, 4)
    assert info["segment_type"] == "plain"
    assert info["num_vectors"] == sum(each["num_vectors"] for each in info["vector_data"].values())
    assert info["vector_data"][""] == {"num_vectors": 5, "num_indexed_vectors": 0, "num_deleted_vectors": 1}
    assert (info["vectors_size_bytes"], info["payloads_size_bytes"]) == (
        local["vectors_size_bytes"], local["payloads_size_bytes"],
    )  # fmt: skip
    assert info["ram_usage_bytes"] > info["disk_usage_bytes"] == 0
    assert info["index_schema"] == world.ask("GET", "/collections/c").result["payload_schema"]
    indexes = {(each["field_name"], each["index_type"]) for each in segment["payload_field_indices"]}
    assert {("n", "mutable_map"), ("n", "mutable_numeric")} <= indexes
    assert [each["index_name"] for each in segment["vector_index_searches"]] == ["", "many", "two", "words"]
    listed = world.ask("GET", "/collections/c/optimizations", query="with=idle_segments").result
    assert listed["idle_segments"] == [{"uuid": info["uuid"], "points_count": 5}]
    assert listed["summary"]["idle_segments"] == 1


@pytest.mark.parametrize(
    ("schema", "values", "expected"),
    [
        ("keyword", ["a", ["a", "b", "b"], 3, None], [("mutable_map", 3, 2)]),
        ("integer", [1, [1, 2], "x", 1.5], [("mutable_map", 3, 2), ("mutable_numeric", 3, 2)]),
        ("float", [1, [0.5, 2], "x"], [("mutable_numeric", 3, 2)]),
        ("bool", [True, [True, False], 1], [("mmap_bool", 3, 2)]),
        ("datetime", ["2024-01-01T00:00:00Z", "x"], [("mutable_numeric", 1, 1)]),
        ("geo", [{"lon": 1, "lat": 1}, [{"lon": 1, "lat": 1}, {"lon": 2, "lat": 1}]], [("mutable_geo", 3, 2)]),
        ("text", ["one two", ["three"], 1], [("mutable_full_text", 2, 2)]),
    ],
)
def test_payload_indexes_count_values_and_points(
    world: World, schema: str, values: list[Any], expected: list[tuple[str, int, int]]
) -> None:
    world.ask("PUT", "/collections/a", {})
    world.ask("PUT", "/collections/a/index", {"field_name": "k", "field_schema": schema})
    points = [{"id": at, "vector": {}, "payload": {"k": value}} for at, value in enumerate(values)]
    world.ask("PUT", "/collections/a/points", {"points": points})
    [segment] = telemetry(world, details_level=4)["collections"]["collections"][0]["shards"][0]["local"]["segments"]
    told = [(i["index_type"], i["points_values_count"], i["points_count"]) for i in segment["payload_field_indices"]]
    assert told == expected


def test_collections_are_told_as_they_are(world: World) -> None:
    c, other = telemetry(world, details_level=3)["collections"]["collections"]
    assert (c["id"], other["id"]) == ("c", "other")
    assert c["config"] == world.ask("GET", "/collections/c").result["config"]
    [shard] = c["shards"]
    local = shard["local"]
    assert (local["num_points"], local["num_vectors"]) == (6, 24)
    assert local["num_vectors_by_name"] == {"": 6, "many": 6, "two": 6, "words": 6}
    sparse_bytes = 6 * 2 * 8
    assert local["vectors_size_bytes"] == 6 * 4 * 4 + 6 * 2 * 2 + 12 * 2 * 4 + sparse_bytes
    assert local["payloads_size_bytes"] == world.ask("GET", "/collections/c/memory").result["payload"]["ram_bytes"]
    assert shard["replicate_states"] == {"1": "Active"}
    world.ask("POST", "/collections/c/points/delete", {"points": [1]})
    after = telemetry(world, details_level=3)["collections"]["collections"][0]["shards"][0]["local"]
    assert after["num_points"] == 5
    assert after["update_queue"]["op_num"] == local["update_queue"]["op_num"] + 1


def test_hardware_is_zeros_and_features_are_off(world: World) -> None:
    told = telemetry(world, details_level=1)
    assert told["hardware"]["collection_data"] == {name: dict.fromkeys(ZEROS, 0) for name in ("c", "other")}
    assert set(told["app"]["features"].values()) == {False}


def test_requests_by_collection_where_asked_for(world: World) -> None:
    for collection in ("c", "c", "other", "nope"):
        world.try_to("POST", f"/collections/{collection}/points/count", {})
    rest = telemetry(world)["requests"]["rest"]
    assert "per_collection_responses" not in rest
    assert {status: each["count"] for status, each in rest["responses"][COUNT].items()} == {"200": 3, "404": 1}
    assert rest["responses"][COUNT]["200"].keys() == {"count", "avg_duration_micros"}
    rest = telemetry(world, per_collection=True, details_level=1)["requests"]["rest"]
    counts = {name: counted[COUNT]["200"]["count"] for name, counted in rest["per_collection_responses"].items()}
    assert counts == {"c": 2, "other": 1}, "a name that never was a collection's is not kept"
    assert rest["responses"][COUNT]["200"].keys() >= {"min_duration_micros", "last_responded"}


def test_anonymous_telemetry_has_no_name_that_a_user_chose(world: World) -> None:
    body = {"vectors": {"secret": {"size": 2, "distance": "Dot"}}, "sparse_vectors": {"secret-words": {}},
            "metadata": {"secret": "secret"}, "strict_mode_config": {"enabled": False,
            "sparse_config": {"secret-words": {"max_length": 3}}}}  # fmt: skip
    world.ask("PUT", "/collections/secret-one", body)
    for level in range(5):
        told = telemetry(world, details_level=level, anonymize=True, per_collection=True)
        assert "secret" not in json.dumps(told)
        assert "per_collection_responses" not in told["requests"]["rest"]
    assert "secret" in json.dumps(telemetry(world, details_level=2))
    assert "secret" not in world.send("GET", "/metrics", query="anonymize=true").response.body.decode()


def test_anonymous_numbers_are_rounded(world: World) -> None:
    world.ask("PUT", "/collections/large", {"vectors": {"size": 2, "distance": "Dot"}})
    vectors = np.ones((123_456, 2)).tolist()
    world.ask("PUT", "/collections/large/points", {"batch": {"ids": list(range(123_456)), "vectors": vectors}})
    of_large = telemetry(world, details_level=3, anonymize=True)["collections"]["collections"][1]
    assert of_large["shards"][0]["local"]["num_points"] == 123_450


@pytest.mark.parametrize("query", ["details_level=x", "anonymize=1", "per_collection=yes"])
def test_parameters_are_checked(world: World, query: str) -> None:
    assert world.try_to("GET", "/telemetry", query=query).status == 400


# Metrics


def test_families_of_a_single_node(world: World) -> None:
    world.ask("POST", "/collections/c/points/count", {})
    found = samples(world)
    assert found["collections_total"] == {"": 2}
    assert found["collections_vector_total"] == {"": 26}
    assert found["collection_vectors"]['collection="c",vector="two"'] == 6
    assert found["collection_points"] == {'id="c"': 6, 'id="other"': 2}
    assert found["collection_active_replicas_min"] == found["collection_active_replicas_max"] == {"": 1}
    assert found["cluster_enabled"] == found["collection_dead_replicas"] == {"": 0}
    for name in ZEROS:
        assert found[f"collection_hardware_metric_{name}"] == {'id="c"': 0, 'id="other"': 0}
    if sys.platform == "linux":
        assert found["memory_resident_bytes"][""] >= found["memory_allocated_bytes"][""] > 1 << 20
        assert found["process_open_fds"][""] < found["process_max_fds"][""]
        assert found["process_threads"][""] >= 1


def test_only_what_works_on_points_is_timed_and_only_when_it_succeeded(world: World) -> None:
    world.try_to("POST", "/collections/c/points/count", {"filter": 1})
    world.ask("POST", "/collections/c/points/count", {})
    world.ask("GET", "/collections/c/points/1")
    found = samples(world)
    endpoint = 'method="POST",endpoint="/collections/{collection_name}/points/count"'
    assert found["rest_responses_total"][f'{endpoint},status="200"'] == 1
    assert found["rest_responses_total"][f'{endpoint},status="400"'] == 1
    for name in ("avg", "min", "max"):
        timed = found[f"rest_responses_{name}_duration_seconds"]
        assert timed[f'{endpoint},status="200"'] > 0
        assert f'{endpoint},status="400"' not in timed
    assert found["rest_responses_duration_seconds_count"][f'{endpoint},status="200"'] == 1
    bounds = ["0.001", "0.005", "0.01", "0.02", "0.05", "0.1", "0.5", "1", "5", "10", "50", "+Inf"]
    buckets = [found["rest_responses_duration_seconds_bucket"][f'{endpoint},status="200",le="{le}"'] for le in bounds]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1
    counted = {re.findall(r'endpoint="([^"]*)"', labels)[0] for labels in found["rest_responses_total"]}
    assert counted == {f"/collections/{{collection_name}}/{path}" for path in ("index", "points", "points/count")}


def test_metrics_by_collection(world: World) -> None:
    world.ask("POST", "/collections/also/points/count", {})
    total = samples(world, "per_collection=true")["rest_responses_total"]
    label = 'method="POST",endpoint="/collections/{collection_name}/points/count",status="200"'
    assert total[f'{label},collection="also"'] == 1
    assert all("collection=" in labels for labels in total)
    assert label in samples(world)["rest_responses_total"]


def test_labels_are_escaped(world: World) -> None:
    name = "a\nb"
    world.ask("PUT", "/collections/x", {"vectors": {name: {"size": 2, "distance": "Dot"}}})
    assert samples(world)["collection_vectors"][r'collection="x",vector="a\nb"'] == 0


def test_snapshots_that_were_made_are_counted(world: World) -> None:
    assert "snapshot_created_total" not in samples(world)
    for _ in range(2):
        world.ask("POST", "/collections/other/snapshots")
    assert samples(world)["snapshot_created_total"] == {'id="other"': 2}


def test_points_that_indexed_only_leaves_out(world: World) -> None:
    n, size = 12_000, 64
    world.ask("PUT", "/collections/big", {"vectors": {"size": size, "distance": "Dot"}})
    vectors = np.random.default_rng(0).normal(size=(n, size)).astype(np.float32).tolist()
    world.ask("PUT", "/collections/big/points", {"batch": {"ids": list(range(n)), "vectors": vectors}})
    assert samples(world)["collection_indexed_only_excluded_points"]['id="big",vector=""'] == 0
    world.ask("PATCH", "/collections/big", {"optimizers_config": {"indexing_threshold": 1}})
    assert world.database.wait_until_indexed("big", 60)
    world.ask("PUT", "/collections/big/points", {"points": [{"id": n, "vector": vectors[0]}]})
    left_out = samples(world)["collection_indexed_only_excluded_points"]
    assert left_out.pop('id="big",vector=""') == 1
    assert not any(left_out.values())
