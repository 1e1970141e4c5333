"""Where messages and JSON differ: defaults, presence, old forms, unknown numbers, and what Qdrant says to each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rpc.rpc_world import RpcWorld, dense, encoded, ids, nearest, packed

from minidb.grpc.descriptors import message_class

C = {"collection_name": "c"}
ONE = {"num": 1}
ONLY_9 = {"must": [{"has_id": {"has_id": [{"num": 9}]}}]}
CITY = {"must": [{"field": {"key": "city", "match": {"keyword": "Berlin"}}}]}


@pytest.fixture
def world() -> Iterator[RpcWorld]:
    with RpcWorld() as world:
        yield world


def point(number: int, vectors: dict[str, Any], **payload: Any) -> dict[str, Any]:
    return {"id": {"num": number}, "vectors": vectors, "payload": payload}


def vector_of(world: RpcWorld, number: int, name: str = "") -> Any:
    reply = world.call("Points/Get", **C, ids=[{"num": number}], with_vectors={"enable": True})
    vectors = reply.result[0].vectors
    return vectors.vector if vectors.HasField("vector") else vectors.vectors.vectors[name]


def named(name: str, vector: dict[str, Any]) -> dict[str, Any]:
    return {"vectors": {"vectors": {name: vector}}}


# Defaults and presence


def test_who_does_not_say_to_wait_hears_that_it_was_taken(world: RpcWorld) -> None:
    points = [point(9, {"vector": dense(1, 2, 3, 4)})]
    assert world.call("Points/Upsert", **C, points=points).result.status == 1  # Acknowledged
    assert world.call("Points/Upsert", **C, points=points, wait=True).result.status == 2  # Completed
    assert world.call("Points/Upsert", **C, points=points, wait=False).result.status == 1


def test_a_zero_that_is_not_on_the_wire_is_a_zero(world: RpcWorld) -> None:
    centre = {"lon": 0.0, "lat": 0.0}
    radius = {"must": [{"field": {"key": "place", "geo_radius": {"center": centre, "radius": 1.0}}}]}
    assert world.call("Points/Count", **C, filter=radius).result.count == 0
    assert world.call("Points/Count", **C, filter={"must": [{"slice": {"total": 1, "index": 0}}]}).result.count == 6
    code, text = world.refused("Points/Count", **C, filter={"must": [{"slice": {"total": 0}}]})
    assert code == "INVALID_ARGUMENT"
    assert "total" in text
    feedback = [{"example": {"id": ONE}, "score": 0.0}, {"example": {"id": {"num": 2}}, "score": 1.0}]
    query = {"target": {"id": ONE}, "feedback": feedback, "strategy": {"naive": {"a": 1.0, "b": 0.0, "c": 1.0}}}
    assert world.call("Points/Query", **C, query={"relevance_feedback": query}).result


def test_what_is_returned_of_a_point_when_nobody_says(world: RpcWorld) -> None:
    assert not world.call("Points/Query", **C, query=nearest(1, 0, 0, 0)).result[0].payload
    assert not world.call("Points/Get", **C, ids=[ONE]).result[0].payload
    assert world.call("Points/Scroll", **C).result[0].payload
    groups = world.call(
        "Points/QueryGroups", **C, query=nearest(1, 0, 0, 0), group_by="n", with_lookup={"collection": "other"}
    ).result.groups
    assert any(group.lookup.payload for group in groups)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("Points/Search", {"vector": packed(1, 0, 0, 0)}),
        ("Points/Discover", {"target": {"single": {"id": ONE}}}),
        ("Points/SearchGroups", {"vector": packed(1, 0, 0, 0), "group_by": "n", "group_size": 1}),
        ("Points/RecommendGroups", {"positive": [ONE], "group_by": "n", "group_size": 1}),
        ("Points/Query", {"limit": 0}),
    ],
)
def test_a_limit_of_zero_is_refused(world: RpcWorld, name: str, more: dict[str, Any]) -> None:
    expected = "Validation error in body: [limit: value 0 invalid, must be 1 or larger]"
    assert world.refused(name, **C, **more) == ("INVALID_ARGUMENT", expected)


def test_but_not_by_recommend_which_finds_nothing_then(world: RpcWorld) -> None:
    assert not world.call("Points/Recommend", **C, positive=[ONE]).result
    assert len(world.call("Points/Recommend", **C, positive=[ONE], limit=2).result) == 2
    batch = [{**C, "positive": [ONE]}, {**C, "positive": [ONE], "limit": 1}]
    found = world.call("Points/RecommendBatch", **C, recommend_points=batch).result
    assert [len(hits.result) for hits in found] == [0, 1]
    code, text = world.refused("Points/Recommend", **C, positive=[{"num": 404}])
    assert (code, text) == ("NOT_FOUND", "Not found: No point with id 404 found")


@pytest.mark.parametrize(
    ("name", "field", "one"),
    [
        ("Points/QueryBatch", "query_points", {}),
        ("Points/SearchBatch", "search_points", {"vector": packed(1, 0, 0, 0), "limit": 1}),
        ("Points/RecommendBatch", "recommend_points", {"positive": [ONE], "limit": 1}),
        ("Points/DiscoverBatch", "discover_points", {"target": {"single": {"id": ONE}}, "limit": 1}),
    ],
)
def test_each_of_a_batch_has_to_name_a_collection_that_is_not_looked_at(
    world: RpcWorld, name: str, field: str, one: dict[str, Any]
) -> None:
    code, text = world.refused(name, **C, **{field: [one]})
    assert code == "INVALID_ARGUMENT"
    assert 'collection_name: value "" invalid, must be from 1 to 255 characters' in text
    assert world.call(name, **C, **{field: [{**one, "collection_name": "whatever"}]}).result[0].result


def test_a_collection_has_to_be_named(world: RpcWorld) -> None:
    text = 'Validation error in body: [collection_name: value "{}" invalid, must be from 1 to 255 characters]'
    assert world.refused("Points/Count") == ("INVALID_ARGUMENT", text.format(""))
    long = "x" * 256
    assert world.refused("Points/Count", collection_name=long) == ("INVALID_ARGUMENT", text.format(long))


def test_deleting_what_is_not_there_is_no_error(world: RpcWorld) -> None:
    assert world.call("Collections/Delete", collection_name="nothing").result is False


# Vectors


def test_vectors_are_read_in_their_old_form(world: RpcWorld) -> None:
    old = {
        "": {"data": packed(1, 2, 3, 4)},
        "many": {"data": packed(1, 2, 3, 4), "vectors_count": 2},
        "words": {"data": packed(0.5), "indices": {"data": [7]}},
    }
    world.call("Points/Upsert", **C, wait=True, points=[point(9, {"vectors": {"vectors": old}})])
    assert vector_of(world, 9).dense.data == packed(1, 2, 3, 4)
    assert [row.data for row in vector_of(world, 9, "many").multi_dense.vectors] == [packed(1, 2), packed(3, 4)]
    assert vector_of(world, 9, "words").sparse.values == packed(0.5)
    assert list(vector_of(world, 9, "words").sparse.indices) == [7]


def test_todays_form_wins_over_the_old_one(world: RpcWorld) -> None:
    both = {"data": packed(9, 9, 9, 9), **dense(1, 2, 3, 4)}
    world.call("Points/Upsert", **C, wait=True, points=[point(9, {"vector": both})])
    assert vector_of(world, 9).dense.data == packed(1, 2, 3, 4)
    assert not vector_of(world, 9).data


@pytest.mark.parametrize(
    ("vectors", "text"),
    [
        ({"vector": {"dense": {}}}, "dense vector must not be empty"),
        ({"vector": {}}, "dense vector must not be empty"),
        (named("many", {"multi_dense": {}}), "multi vector must not be empty"),
        (
            named("many", {"multi_dense": {"vectors": [{"data": packed(1)}, {"data": packed(1, 2)}]}}),
            "all vectors must have the same dimension",
        ),
        ({"vector": {"dense": {"data": b"12345"}}}, "a packed array of floats must have 4 bytes for each"),
        ({"vector": {"data": packed(1, 2, 3), "vectors_count": 2}}, "Unable to convert to multi-dense vector"),
        ({"vector": {"data": packed(1, 2), "vectors_count": 0}}, "Unable to convert to multi-dense vector"),
        ({"vector": {"sparse": {"indices": [1], "values": packed(1)}}}, "Sparse vector must be named"),
        ({"vector": {"data": packed(1), "indices": {"data": [1]}}}, "Sparse vector must be named"),
        (named("words", {"sparse": {"indices": [1, 2], "values": packed(1)}}), "must be the same length"),
        (named("words", {"sparse": {"indices": [1, 1], "values": packed(1, 2)}}), "must be unique"),
        ({"vector": dense(1, float("nan"), 3, 4)}, "not finite"),
        ({"vector": dense(1, float("inf"), 3, 4)}, "not finite"),
        ({"vector": dense(1, 2)}, "Wrong input: Vector dimension error: expected dim: 4, got 2"),
        ({}, "No Vector Provided"),
        (None, "Expected some vectors"),
    ],
)  # fmt: skip
def test_vectors_that_are_none_are_refused(world: RpcWorld, vectors: Any, text: str) -> None:
    before = world.dump()
    code, said = world.refused("Points/Upsert", **C, points=[{"id": ONE, "vectors": vectors}])
    assert code == "INVALID_ARGUMENT"
    assert text.lower() in said.lower()
    assert world.dump() == before


def test_floats_that_are_not_packed_are_none(world: RpcWorld) -> None:
    unpacked = b"".join(b"\x0d" + packed(number) for number in (1, 2, 3, 4))  # field 1 as four floats of 32 bits
    assert message_class("DenseVector").FromString(unpacked).data == b""
    vector = b"\xaa\x06" + bytes([len(unpacked)]) + unpacked  # field 101 of Vector
    vectors = b"\x0a" + bytes([len(vector)]) + vector
    structure = b"\x0a\x02\x08\x01" + b"\x22" + bytes([len(vectors)]) + vectors
    message = b"\x0a\x01c" + b"\x1a" + bytes([len(structure)]) + structure
    answer = world.answer("Points/Upsert", message)
    assert answer.code == 3
    assert "dense vector must not be empty" in answer.text


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("Points/Query", {"query": {"nearest": {"dense": {}}}}),
        ("Points/Query", {"query": {"nearest_with_mmr": {"nearest": {"dense": {}}, "mmr": {}}}}),
        ("Points/Search", {"limit": 1}),
        ("Points/Recommend", {"positive_vectors": [{"data": b""}], "limit": 1}),
        ("Points/Discover", {"target": {"single": {"vector": {}}}, "limit": 1}),
    ],
)
def test_an_empty_vector_to_compare_with_is_of_a_wrong_dimension(
    world: RpcWorld, name: str, asked: dict[str, Any]
) -> None:
    text = "Wrong input: Vector dimension error: expected dim: 4, got 0"
    assert world.refused(name, **C, **asked) == ("INVALID_ARGUMENT", text)


# Numbers of enums, ids, payload, times


def test_numbers_of_32_bits_are_told_as_they_were_meant(world: RpcWorld) -> None:
    scalar = {"scalar": {"type": 1, "quantile": 0.99}}
    made = {"vectors_config": {"params": {"size": 2, "distance": 1}}, "quantization_config": scalar}
    limits = {"search_max_oversampling": 1.2}
    world.call("Collections/Create", collection_name="new", **made, strict_mode_config=limits)
    config = world.ask("GET", "/collections/new").result["config"]
    assert config["quantization_config"] == {"scalar": {"type": "int8", "quantile": 0.99}}
    assert config["strict_mode_config"] == limits


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (0, "Malformed distance parameter: UnknownDistance"),
        (77, "Malformed distance parameter, unexpected value: 77"),
    ],
)
def test_a_distance_has_to_be_known(world: RpcWorld, distance: int, text: str) -> None:
    params = {"params": {"size": 2, "distance": distance}}
    refused = world.refused("Collections/Create", collection_name="new", vectors_config=params)
    assert refused == ("INVALID_ARGUMENT", text)


def test_a_number_0_that_says_nothing_is_left_out(world: RpcWorld) -> None:
    params = {"size": 2, "distance": 1, "datatype": 0, "memory": 0}
    world.call("Collections/Create", collection_name="new", vectors_config={"params": params})
    written = world.call("Collections/Get", collection_name="new").result.config.params.vectors_config.params
    assert not written.HasField("datatype")
    assert not written.HasField("memory")


def test_an_unknown_direction_is_ascending(world: RpcWorld) -> None:
    found = world.call("Points/Query", **C, query={"order_by": {"key": "n", "direction": 7}}, limit=2).result
    assert ids(found) == [1, 2]
    assert [hit.order_value.int for hit in found] == [0, 1]


def test_an_unknown_way_of_updating_is_an_upsert(world: RpcWorld) -> None:
    points = [{"id": {"num": n}, "vectors": {"vector": dense(1, 2, 3, 4)}} for n in (1, 77)]
    world.call("Points/Upsert", **C, points=points, update_mode=9)
    once_more = {"upsert": {"points": [{**points[0], "id": {"num": 78}}], "update_mode": -1}}
    world.call("Points/UpdateBatch", **C, operations=[once_more])
    found = world.call("Points/Get", **C, ids=[{"num": n} for n in (1, 77, 78)], with_payload={"enable": True}).result
    assert [(point.id.num, len(point.payload)) for point in found] == [(1, 0), (77, 0), (78, 0)]


def test_unknown_settings_that_qdrant_does_not_refuse_are_left_out(world: RpcWorld) -> None:
    params = {"size": 2, "distance": 1, "hnsw_config": {"memory": 9, "m": 5}}
    sparse = {"map": {"s": {"modifier": 9}}}
    made = {"vectors_config": {"params": params}, "sparse_vectors_config": sparse, "hnsw_config": {"memory": -1}}
    world.call("Collections/Create", collection_name="new", **made)
    written = world.call("Collections/Get", collection_name="new").result.config
    assert not written.hnsw_config.HasField("memory")
    assert written.params.vectors_config.params.hnsw_config.m == 5
    assert not written.params.vectors_config.params.hnsw_config.HasField("memory")
    assert not written.params.sparse_vectors_config.map["s"].HasField("modifier")


@pytest.mark.parametrize(
    ("name", "asked", "text"),
    [
        ("Points/Delete", {"points": {"points": {"ids": [{"num": 1}]}}, "ordering": {"type": 9}},
         "cannot convert ordering: 9"),
        ("Points/CreateFieldIndex", {"field_name": "a", "field_type": 9, "field_index_params": {}},
         "field type is missing"),
        ("Points/CreateFieldIndex", {"field_name": "a", "field_type": 9},
         "Format error in body: Unable to infer type for the field 'a'. Please specify `field_type`"),
        ("Points/CreateVectorName", {"vector_name": "s", "sparse_config": {"modifier": 9}},
         "Cannot convert sparse modifier: 9"),
        ("Collections/Update",
         {"optimizers_config": {"max_optimization_threads": {"setting": 9}}},
         "Invalid MaxOptimizationThreads setting: unknown enumeration value 9"),
        ("Collections/Create",
         {"collection_name": "new", "quantization_config": {"binary": {"query_encoding": {"setting": 9}}}},
         "Unknown binary quantization query encoding"),
        ("Collections/Create", {"collection_name": "new", "quantization_config": {"binary": {"query_encoding": {}}}},
         "Unknown binary quantization query encoding"),
        ("Collections/Create", {"collection_name": "new", "sharding_method": 9},
         "Cannot convert ShardingMethod: 9, error: unknown enumeration value 9"),
    ],
)  # fmt: skip
def test_unknown_numbers_of_enums_are_told_in_qdrants_words(
    world: RpcWorld, name: str, asked: dict[str, Any], text: str
) -> None:
    assert world.refused(name, **C | asked) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    ("name", "field", "others"),
    [
        ("Points/CreateFieldIndex", "field_name", {**C, "field_type": 0}),
        ("Points/DeleteFieldIndex", "field_name", C),
        ("Points/Facet", "key", C),
        ("Points/QueryGroups", "group_by", C),
        ("Points/SearchGroups", "group_by", {**C, "vector": packed(1, 2, 3, 4), "limit": 1, "group_size": 1}),
        ("Points/RecommendGroups", "group_by", {**C, "positive": [{"num": 1}], "limit": 1, "group_size": 1}),
        ("Snapshots/Delete", "snapshot_name", C),
        ("Snapshots/DeleteFull", "snapshot_name", {}),
    ],
)
def test_names_may_not_be_empty(world: RpcWorld, name: str, field: str, others: dict[str, Any]) -> None:
    text = f'Validation error in body: [{field}: value "" invalid, must be at least 1 characters]'
    assert world.refused(name, **others) == ("INVALID_ARGUMENT", text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"fusion": 9}, "invalid fusion type value 9"),
        ({"sample": 9}, "invalid sample type value 9"),
        ({"recommend": {"positive": [{"id": ONE}], "strategy": 9}}, "Unknown recommend strategy: 9"),
        ({}, "Query variant is missing"),
        ({"nearest": {}}, "VectorInput variant is missing"),
        ({"nearest": {"id": {}}}, "No ID options provided"),
        ({"nearest": {"id": {"uuid": "no"}}}, "Unable to parse UUID: no"),
        ({"discover": {}}, "DiscoverInput target is missing"),
        ({"discover": {"target": {"id": ONE}}}, "DiscoverInput context is missing"),
        ({"context": {"pairs": [{"positive": {"id": ONE}}]}}, "ContextPair negative is missing"),
        ({"nearest_with_mmr": {}}, "nearest vector is missing"),
        ({"nearest_with_mmr": {"nearest": {"id": ONE}}}, "mmr is missing"),
        ({"relevance_feedback": {}}, "target is missing"),
        ({"formula": {}}, "missing field: expression"),
        ({"formula": {"expression": {"neg": {}}}}, "missing field: variant"),
        ({"order_by": {"key": "at", "start_from": {"timestamp": {"seconds": 10**12}}}}, "Unable to parse timestamp"),
    ],
)
def test_queries_that_say_nothing_are_refused(world: RpcWorld, query: Any, text: str) -> None:
    code, said = world.refused("Points/Query", **C, query=query)
    assert code == "INVALID_ARGUMENT"
    assert said.startswith(text)


def test_payload_of_every_kind_comes_back(world: RpcWorld) -> None:
    values = {
        "null": {"null_value": 0},
        "none": {},
        "double": {"double_value": 0.25},
        "integer": {"integer_value": -(2**63)},
        "string": {"string_value": "ü€😀"},
        "bool": {"bool_value": False},
        "struct": {"struct_value": {"fields": {"a": {"list_value": {"values": [{"integer_value": 1}, {}]}}}}},
    }
    world.call("Points/Upsert", **C, wait=True, points=[point(9, {"vector": dense(1, 2, 3, 4)}, **values)])
    found = world.call("Points/Get", **C, ids=[{"num": 9}], with_payload={"enable": True}).result[0].payload
    expected = message_class("RetrievedPoint")(payload={**values, "none": {"null_value": 0}}).payload
    expected["struct"].struct_value.fields["a"].list_value.values[1].null_value = 0
    assert dict(found) == dict(expected)


def test_integers_beyond_64_bits_leave_as_doubles(world: RpcWorld) -> None:
    world.ask("PUT", "/collections/c/points", {"points": [{"id": 9, "vector": {}, "payload": {"big": 2**63}}]})
    found = world.call("Points/Get", **C, ids=[{"num": 9}], with_payload={"enable": True}).result[0]
    assert found.payload["big"].double_value == float(2**63)


def nested(levels: int, kind: type) -> Any:
    return 1 if levels == 0 else [nested(levels - 1, kind)] if kind is list else {"a": nested(levels - 1, kind)}


@pytest.mark.parametrize("kind", [list, dict])
def test_a_payload_too_deep_for_protobuf_is_an_error_and_no_message_nobody_can_read(
    world: RpcWorld, kind: type
) -> None:
    calls = {
        "Points/Get": {"ids": [{"num": 9}], "with_payload": {"enable": True}},
        "Points/Scroll": {"filter": ONLY_9, "with_payload": {"enable": True}},
        "Points/Query": {"filter": ONLY_9, "with_payload": {"enable": True}},
        "Points/QueryBatch": {"query_points": [{**C, "filter": ONLY_9, "with_payload": {"enable": True}}]},
        "Points/QueryGroups": {"group_by": "g", "filter": ONLY_9, "with_payload": {"enable": True}},
    }
    refused: dict[str, list[int]] = {}
    for levels in range(29, 50):
        point = {"id": 9, "vector": {}, "payload": {"g": 1, "x": nested(levels, kind)}}
        world.ask("PUT", "/collections/c/points", {"points": [point]})
        for rpc, asked in calls.items():
            answer = world.answer(rpc, encoded(rpc, {**C, **asked}))
            if answer.code == 0:  # it can be read
                world.call(rpc, **C, **asked)
            else:
                refused.setdefault(rpc, []).append(levels)
                assert "nested so deep" in answer.text
    first = {rpc: levels[0] for rpc, levels in refused.items()}
    deepest = (49, 48, 48) if kind is list else (33, 32, 32)
    plain, batch, groups = deepest
    assert first == {
        "Points/Get": plain,
        "Points/Scroll": plain,
        "Points/Query": plain,
        "Points/QueryBatch": batch,
        "Points/QueryGroups": groups,
    }


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_json_does_not_have_are_refused(world: RpcWorld, number: float) -> None:
    points = [point(9, {"vector": dense(1, 2, 3, 4)}, x={"double_value": number})]
    assert world.refused("Points/Upsert", **C, points=points) == (
        "INVALID_ARGUMENT",
        "cannot convert to json number",
    )


def test_groups_facets_and_orders_have_the_kind_of_their_value(world: RpcWorld) -> None:
    values = [-(2**63), -5, 0, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 1.5, True, "s"]
    points = [{"id": 100 + at, "vector": {}, "payload": {"kind": value}} for at, value in enumerate(values)]
    world.ask("PUT", "/collections/c/points", {"points": points})
    groups = world.call("Points/QueryGroups", **C, group_by="kind", limit=20).result.groups
    found = {(group.id.WhichOneof("kind"), getattr(group.id, group.id.WhichOneof("kind"))) for group in groups}
    unsigned = {("unsigned_value", number) for number in (0, 2**63 - 1, 2**63, 2**64 - 1)}
    signed = {("integer_value", number) for number in (-(2**63), -5)}
    assert found == unsigned | signed | {("string_value", "s")}
    for kind, expected in (
        (1, [("integer_value", -(2**63)), ("integer_value", -5), ("integer_value", 0), ("integer_value", 2**63 - 1)]),
        (0, [("string_value", "s")]),
        (5, [("bool_value", True)]),
    ):
        world.call("Points/CreateFieldIndex", **C, wait=True, field_name="kind", field_type=kind)
        hits = world.call("Points/Facet", **C, key="kind", exact=True).hits
        told = [(hit.value.WhichOneof("variant"), getattr(hit.value, hit.value.WhichOneof("variant"))) for hit in hits]
        assert told == expected
    for kind, expected_type, count in ((1, "int", 4), (2, "float", 8)):
        world.call("Points/CreateFieldIndex", **C, wait=True, field_name="kind", field_type=kind)
        ordered = world.call("Points/Scroll", **C, order_by={"key": "kind"}, limit=20).result
        assert [one.order_value.WhichOneof("variant") for one in ordered] == [expected_type] * count
    times = world.call("Points/Scroll", **C, order_by={"key": "at"}, limit=1).result
    assert times[0].order_value.WhichOneof("variant") == "int"


@pytest.mark.parametrize("seconds", [-62_135_596_800, 253_402_300_799])
def test_times_go_from_year_1_to_9999(world: RpcWorld, seconds: int) -> None:
    def count(**clause: Any) -> int:
        condition = {"field": {"key": "at", "datetime_range": clause}}
        found: int = world.call("Points/Count", **C, filter={"must": [condition]}).result.count
        return found

    later = seconds > 0
    assert count(lte={"seconds": seconds, "nanos": 999_999_999}) == (6 if later else 0)
    assert count(gte={"seconds": seconds}) == (0 if later else 6)
    beyond = {"key": "at", "datetime_range": {"gte": {"seconds": seconds + (1 if later else -1)}}}
    code, text = world.refused("Points/Count", **C, filter={"must": [{"field": beyond}]})
    assert (code, text.partition(":")[0]) == ("INVALID_ARGUMENT", "Unable to parse timestamp")


# Filters and selectors


def test_empty_conditions_are_none(world: RpcWorld) -> None:
    assert world.call("Points/Count", **C, filter={"must": [{}], "should": [{}], "must_not": [{}]}).result.count == 6


def test_a_range_of_numbers_wins_over_one_of_times(world: RpcWorld) -> None:
    times = {"gt": {"seconds": 0}}
    both = {"field": {"key": "n", "range": {"gte": 4.0}, "datetime_range": times}}
    assert world.call("Points/Count", **C, filter={"must": [both]}).result.count == 2
    late = {"field": {"key": "at", "datetime_range": {"gte": {"seconds": 1707004800}}}}  # 4 February 2024
    assert world.call("Points/Count", **C, filter={"must": [late]}).result.count == 3


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ({"field": {"key": "n", "match": {}}}, "Malformed Match condition"),
        ({"field": {"key": "n"}}, "Validation error in body: [filter.must[0].__all__: Validation error: At least one"),
        ({"field": {"key": "p", "geo_bounding_box": {}}}, "Malformed GeoBoundingBox type"),
        ({"field": {"key": "p", "geo_radius": {"radius": 1}}}, "Malformed GeoRadius type"),
        ({"field": {"key": "p", "geo_polygon": {}}}, "Malformed GeoPolygon type"),
        ({"nested": {"key": "deep"}}, "Nested condition must have a filter"),
        ({"field": {"key": "at", "datetime_range": {"gt": {"nanos": -1}}}}, "Unable to parse timestamp"),
    ],
)
def test_conditions_that_say_nothing_are_refused(world: RpcWorld, condition: Any, text: str) -> None:
    code, said = world.refused("Points/Count", **C, filter={"must": [condition]})
    assert code == "INVALID_ARGUMENT"
    assert said.startswith(text)


def test_selectors(world: RpcWorld) -> None:
    assert world.refused("Points/Scroll", **C, with_payload={}) == ("INVALID_ARGUMENT", "No PayloadSelector")
    assert not world.call("Points/Scroll", **C, with_vectors={}).result[0].HasField("vectors")
    for name in ("Delete", "ClearPayload"):
        assert world.refused(f"Points/{name}", **C) == ("INVALID_ARGUMENT", "PointSelector is missing")
        refused = world.refused(f"Points/{name}", **C, points={})
        assert refused == ("INVALID_ARGUMENT", "Malformed PointsSelector type")
    for name in ("SetPayload", "OverwritePayload", "DeletePayload", "DeleteVectors"):
        assert world.refused(f"Points/{name}", **C) == ("INVALID_ARGUMENT", "points_selector is expected")


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({"fallback": {"keyword": "a"}}, "Fallback shard key can only be set when a single shard key is provided"),
        ({"shard_keys": [{}]}, "Shard key is not specified"),
    ],
)
def test_shard_keys_have_to_be_whole(world: RpcWorld, selector: Any, text: str) -> None:
    assert world.refused("Points/Count", **C, shard_key_selector=selector) == ("INVALID_ARGUMENT", text)


# Writes


def test_overwriting_does_not_look_at_the_key(world: RpcWorld) -> None:
    change = {"payload": {"z": {"integer_value": 1}}, "points_selector": {"points": {"ids": [ONE]}}, "key": "deep"}
    world.call("Points/SetPayload", **C, wait=True, **change)
    found = world.call("Points/Get", **C, ids=[ONE], with_payload={"enable": True}).result[0].payload
    assert "z" in found["deep"].struct_value.fields
    for overwrite in (
        lambda: world.call("Points/OverwritePayload", **C, wait=True, **change),
        lambda: world.call("Points/UpdateBatch", **C, wait=True, operations=[{"overwrite_payload": change}]),
    ):
        overwrite()
        found = world.call("Points/Get", **C, ids=[ONE], with_payload={"enable": True}).result[0].payload
        assert dict(found) == dict(message_class("RetrievedPoint")(payload=change["payload"]).payload)


def test_the_old_names_in_a_batch(world: RpcWorld) -> None:
    chosen = {"points": {"ids": [ONE]}}
    operations = [{"clear_payload_deprecated": chosen}, {"delete_deprecated": {"filter": CITY}}]
    done = world.call("Points/UpdateBatch", **C, wait=True, operations=operations).result
    assert [result.status for result in done] == [2, 2]
    assert world.call("Points/Count", **C).result.count == 5  # point 1 lost its city first
    assert world.refused("Points/UpdateBatch", **C, operations=[{}]) == ("INVALID_ARGUMENT", "Operation is missing")


def test_a_batch_of_no_operations_is_refused(world: RpcWorld) -> None:
    text = "Validation error in body: [operations: value [] invalid, must be at least 1 characters]"
    assert world.refused("Points/UpdateBatch", **C) == ("INVALID_ARGUMENT", text)


def test_types_of_indexes(world: RpcWorld) -> None:
    field = {**C, "field_name": "fresh"}
    assert world.refused("Points/CreateFieldIndex", **field) == ("INVALID_ARGUMENT", "cannot convert field_type")
    wrong = {"field_type": 0, "field_index_params": {"integer_index_params": {}}}
    text = "field_type (Keyword) and field_index_params do not match"
    assert world.refused("Points/CreateFieldIndex", **field, **wrong) == ("INVALID_ARGUMENT", text)
    no_tokenizer = {"field_type": 4, "field_index_params": {"text_index_params": {}}}
    assert world.refused("Points/CreateFieldIndex", **field, **no_tokenizer) == (
        "INVALID_ARGUMENT",
        "unknown tokenizer type",
    )


TEXT_INDEX = {
    "tokenizer": 3,
    "lowercase": True,
    "stopwords": {"languages": ["english"], "custom": ["foo"]},
    "stemmer": {"snowball": {"language": "english"}},
    "phrase_matching": True,
    "scoring": {"type": 0},
}


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (0, {"keyword_index_params": {"is_tenant": True, "prefix": {}}}),
        (1, {"integer_index_params": {"lookup": True, "range": False}}),
        (4, {"text_index_params": TEXT_INDEX}),
        (4, {"text_index_params": {"tokenizer": 2, "stemmer": {"disabled": {}}}}),
        (7, {"uuid_index_params": {}}),
    ],
)
def test_indexes_are_told_as_they_were_made(world: RpcWorld, kind: int, params: dict[str, Any]) -> None:
    made = {"field_name": "fresh", "field_type": kind, "field_index_params": params}
    world.call("Points/CreateFieldIndex", **C, wait=True, **made)
    told = world.call("Collections/Get", **C).result.payload_schema["fresh"]
    assert told.params == message_class("PayloadIndexParams")(**params)
    assert told.data_type == kind + 1


SETTINGS = {
    "vectors_config": {
        "params_map": {
            "map": {
                "a": {"size": 3, "distance": 4, "datatype": 3, "on_disk": True, "hnsw_config": {"m": 8}},
                "b": {
                    "size": 2,
                    "distance": 3,
                    "multivector_config": {"comparator": 0},
                    "quantization_config": {"binary": {"encoding": 1, "query_encoding": {"setting": 3}}},
                },
            }
        }
    },
    "sparse_vectors_config": {"map": {"s": {"modifier": 1, "index": {"full_scan_threshold": 7, "datatype": 3}}}},
    "hnsw_config": {"m": 32, "ef_construct": 50, "payload_m": 8},
    "wal_config": {"wal_capacity_mb": 1},
    "quantization_config": {"turboquant": {"bits": 3}},
    "strict_mode_config": {
        "enabled": True,
        "max_query_limit": 50,
        "multivector_config": {"multivector_config": {"b": {"max_vectors": 4}}},
        "sparse_config": {"sparse_config": {"s": {"max_length": 9}}},
    },
    "metadata": {"owner": {"string_value": "me"}, "list": {"list_value": {"values": [{"null_value": 0}]}}},
}


def test_settings_are_told_as_they_were_made(world: RpcWorld) -> None:
    optimizers = {"max_optimization_threads": {"value": 2}, "indexing_threshold": 5}
    world.call("Collections/Create", collection_name="new", optimizers_config=optimizers, **SETTINGS)
    told = world.call("Collections/Get", collection_name="new").result.config
    assert told.params.vectors_config == message_class("VectorsConfig")(**SETTINGS["vectors_config"])
    assert told.params.sparse_vectors_config == message_class("SparseVectorConfig")(**SETTINGS["sparse_vectors_config"])
    assert told.quantization_config == message_class("QuantizationConfig")(**SETTINGS["quantization_config"])
    assert told.strict_mode_config == message_class("StrictModeConfig")(**SETTINGS["strict_mode_config"])
    assert dict(told.metadata) == dict(message_class("CollectionConfig")(metadata=SETTINGS["metadata"]).metadata)
    assert (told.hnsw_config.m, told.hnsw_config.payload_m, told.wal_config.wal_capacity_mb) == (32, 8, 1)
    assert told.optimizer_config.max_optimization_threads.value == 2
    changes = {
        "vectors_config": {"params_map": {"map": {"b": {"quantization_config": {"disabled": {}}}}}},
        "optimizers_config": {"deprecated_max_optimization_threads": 3},
    }
    assert world.call("Collections/Update", collection_name="new", **changes).result
    told = world.call("Collections/Get", collection_name="new").result.config
    assert not told.params.vectors_config.params_map.map["b"].HasField("quantization_config")
    assert told.optimizer_config.max_optimization_threads.value == 3


def test_what_rest_took_and_no_field_can_hold_is_the_largest_it_can(world: RpcWorld) -> None:
    limits = {"max_query_limit": 2**40, "read_rate_limit": 2**64 - 1, "max_points_count": 2**40}
    body = {"vectors": {"size": 2, "distance": "Dot"}, "strict_mode_config": limits}
    world.ask("PUT", "/collections/new", body)
    told = world.call("Collections/Get", collection_name="new").result.config
    strict = told.strict_mode_config
    assert (strict.max_query_limit, strict.read_rate_limit, strict.max_points_count) == (2**32 - 1, 2**32 - 1, 2**40)


def test_one_vectors_settings_change_without_a_name(world: RpcWorld) -> None:
    world.call("Collections/Update", **C, vectors_config={"params": {"on_disk": True}})
    assert world.call("Collections/Get", **C).result.config.params.vectors_config.params_map.map[""].on_disk


def test_a_collection_without_dense_vectors_has_an_empty_map_of_them(world: RpcWorld) -> None:
    world.call("Collections/Create", collection_name="new", sparse_vectors_config={"map": {"s": {}}})
    told = world.call("Collections/Get", collection_name="new").result.config.params
    assert told.vectors_config.WhichOneof("config") == "params_map"


def test_usage_is_told_of_what_was_spent_only(world: RpcWorld) -> None:
    reply = world.call("Points/Query", **C, query=nearest(1, 0, 0, 0))
    assert not reply.HasField("usage")
    assert 0 < reply.time < 10


@pytest.mark.parametrize("name", ["UpdateCollectionClusterSetup", "CreateShardKey", "DeleteShardKey"])
def test_what_only_a_cluster_can_do(world: RpcWorld, name: str) -> None:
    refused = world.refused(f"Collections/{name}", **C)
    assert refused == ("UNIMPLEMENTED", "Qdrant is running in standalone mode")


def test_what_a_single_node_says_of_its_shards(world: RpcWorld) -> None:
    told = world.call("Collections/CollectionClusterInfo", **C)
    assert (told.shard_count, told.local_shards[0].points_count, told.local_shards[0].state) == (1, 6, 0)
    assert not world.call("Collections/ListShardKeys", **C).shard_keys


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"timeout": 0}, "Validation error in body: [timeout: value 0 invalid, must be 1 or larger]"),
        ({"read_consistency": {"factor": 0}}, "Validation error in body: [consistency.factor: value 0 invalid"),
        ({"read_consistency": {}}, "invalid read consistency message: `ReadConsistency::value` field is `None`"),
        ({"read_consistency": {"type": 5}}, "invalid read consistency type value 5"),
    ],
)
def test_what_accompanies_every_request_is_checked(world: RpcWorld, more: dict[str, Any], text: str) -> None:
    code, said = world.refused("Points/Count", **C, **more)
    assert code == "INVALID_ARGUMENT"
    assert said.startswith(text)
    world.call("Points/Count", **C, timeout=5, read_consistency={"type": 1})
