"""Every refusal over REST: Qdrant's status and text (spec §2 to §5), the error envelope, and a store left as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rest_world import CITY, GROUPED, POINT, QUERY, RRF, SPARSE, UUID, World, create_alias

from minidb.rest import Request

C = "/collections/c"
P = f"{C}/points"
ID_TEXT = "is not a valid point ID, valid values are either an unsigned integer or a UUID"
NO_COLLECTION = "Not found: Collection `nope` doesn't exist!"
INDEX_HELP = (
    "Check https://qdrant.tech/documentation/concepts/indexing/#payload-index to see which payload schemas support"
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One for all: no test here may change it, which each test checks."""
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def untouched(world: World) -> Any:
    return world.dump()


class Wrong:
    """A request that is refused.

    Args:
        route: method and path.
        status: expected.
        text: expected somewhere in the error.
    """

    def __init__(self, route: str, body: Any, status: int, text: str, query: str = "") -> None:
        self.method, self.path = route.split(" ")
        self.body = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.status, self.text, self.query = status, text, query

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status} {self.text[:60]}"


def query(status: int, text: str, **body: Any) -> Wrong:
    return Wrong(f"POST {P}/query", body, status, text)


def filtered(status: int, text: str, **filter: Any) -> Wrong:
    return Wrong(f"POST {P}/count", {"filter": filter}, status, text)


def formula(text: str, formula: Any, status: int = 400, **defaults: Any) -> Wrong:
    body = {"prefetch": {"query": QUERY}, "query": {"formula": formula, "defaults": defaults}}
    return Wrong(f"POST {P}/query", body, status, text)


def upsert(status: int, text: str, **point: Any) -> Wrong:
    """A good point, then a bad one."""
    return Wrong(f"PUT {P}", {"points": [POINT, {"id": 1, "vector": QUERY, **point}]}, status, text)


def create(status: int, text: str, name: str = "new", **body: Any) -> Wrong:
    return Wrong(f"PUT /collections/{name}", body, status, text)


def deep_payload(levels: int) -> bytes:
    """A payload of this many objects within each other, with brackets in strings all the way."""
    return b'{"points":[1],"payload":' + b'{"]\\"}]":[],"[{":' * levels + b"1" + b"}" * levels + b"}"


VECTOR = {"size": 2, "distance": "Dot"}
TOO_DEEP: dict[str, Any] = {"query": QUERY}
for _ in range(65):
    TOO_DEEP = {"query": QUERY, "prefetch": TOO_DEEP}
POLYGON = [{"lat": 0, "lon": 0}, {"lat": 1, "lon": 0}, {"lat": 1, "lon": 1}]

BODIES = [
    Wrong(f"POST {P}/count", b"", 400, "Format error in JSON body: EOF while parsing a value"),
    Wrong(f"POST {P}/count", b"{", 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/count", b'{"filter":NaN}', 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/count", b'{"shard_key":"\xff"}', 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/count", b'{"shard_key":"\\ud800"}', 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/count", b"[" * 10_000, 400, "Format error in JSON body: "),
    Wrong(f"PUT {P}/payload", deep_payload(200), 400, "Format error in JSON body: recursion limit exceeded"),
    Wrong(f"PUT {P}/payload", deep_payload(127), 400, "Format error in JSON body: recursion limit exceeded"),
    Wrong(f"POST {P}/count", b"[]", 400, "Format error in JSON body: "),
    *(
        Wrong(f"POST {P}/count", {"shard_key": key}, 400, "Format error in JSON body: Expected a shard key")
        for key in (0.5, True, [None], [[1]], {"a": 1}, [{}], {"target": True, "fallback": 1})
    ),
    Wrong(f"POST {P}/count", {"exact": "yes"}, 400, "Format error in JSON body: "),
    Wrong(f"POST {P}", {}, 400, "Format error in JSON body: missing field `ids`"),
]
PARAMETERS = [
    Wrong(f"POST {P}/count", {}, 400, "invalid value: integer `0`, expected a nonzero u64", "timeout=0"),
    Wrong(f"PATCH {C}", {}, 422, "Validation error in query parameters: [timeout: value 0 invalid, ", "timeout=0"),
    Wrong(f"POST {P}/count", {}, 400, "Deserialize error in query parameters: ", "timeout=soon"),
    Wrong(f"POST {P}/count", {}, 400, "Deserialize error in query parameters: ", "timeout=-1"),
    Wrong(f"POST {P}/count", {}, 400, "Deserialize error in query parameters: ", "timeout=" + "9" * 5000),
    Wrong(
        f"POST {P}/count",
        {},
        400,
        "failed to deserialize read consistency query parameter value 'some'",
        "consistency=some",
    ),
    Wrong(
        f"POST {P}/count",
        {},
        400,
        "failed to deserialize read consistency query parameter value '²'",
        "consistency=%C2%B2",
    ),
    Wrong(f"POST {P}/count", {}, 422, "[consistency.factor: value 0 invalid, must be 1 or larger]", "consistency=0"),
    Wrong(f"PUT {P}", {"points": [POINT]}, 400, "was not `true` or `false`: wait=perhaps", "wait=perhaps"),
    Wrong(f"PUT {P}", {"points": [POINT]}, 400, "unknown variant `random`, expected one of", "ordering=random"),
    Wrong(f"GET {C}/optimizations", None, 400, "Unknown field in 'with' parameter: x", "with=queued,x"),
    Wrong("GET /telemetry", None, 400, "Deserialize error in query parameters: ", "details_level=x"),
]
QUERIES = [
    query(422, "Validation error in JSON body: [internal.limit: value 0 invalid, must be 1 or larger]", limit=0),
    query(400, " in offset", offset=-1),
    query(400, "Not existing vector name error: zz", query=QUERY, using="zz"),
    query(400, "Not existing vector name error: zz", query=QUERY, with_vector=["zz"]),
    query(400, "Format error in JSON body: Expected some form of vector, id, or a type of query", query={"near": 1}),
    query(400, "Wrong input: Vector dimension error: expected dim: 4, got 3", query=[1.0, 2.0, 3.0]),
    query(400, "Wrong input: Vector dimension error: expected dim: 2, got 4", query=QUERY, using="two"),
    query(400, "Wrong input: Conversion between sparse and regular vectors failed", query=SPARSE),
    query(400, "Wrong input: Conversion between sparse and regular vectors failed", query=QUERY, using="words"),
    query(400, "Wrong input: Conversion between multi and regular vectors failed", query=[QUERY, QUERY]),
    query(400, "Wrong input: Vector dimension error: expected dim: 4, got 0", query=[]),
    query(422, "[internal.query.data: all vectors must be non-empty]", query=[[]], using="many"),
    query(422, "indices: Validation error: must be unique [{}]", query={"indices": [1, 1], "values": [1, 2]}),
    query(
        422, "values: Validation error: must be the same length as indices [{}]", query={"indices": [1], "values": []}
    ),
    query(404, "Not found: No point with id 77 found", query=77),
    query(404, f"Not found: No point with id {UUID[:-1]}0 found", query={"recommend": {"positive": [f"{UUID[:-1]}0"]}}),
    query(404, "Not found: No point with id 77 found", prefetch={"query": 77}, query=QUERY),
    query(404, "Not found: Collection nope not found", query=1, lookup_from={"collection": "nope"}),
    query(400, "Not existing vector name error: zz", query=1, lookup_from={"collection": "other", "vector": "zz"}),
    query(400, f"value x {ID_TEXT}", query="x"),
    query(400, ID_TEXT, query=-1),
    query(400, "Expected some form of vector, id, or a type of query", query=2**64),  # a float, to JSON
    query(
        400,
        "Bad request: A query is needed to merge the prefetches. Can't have prefetches without defining a query.",
        prefetch={"query": QUERY},
    ),
    query(
        400,
        "Bad request: A query is needed to use the score_threshold. "
        "Can't have score_threshold without defining a query.",
        score_threshold=0.5,
    ),
    query(400, "Can't use score_threshold with an order_by query.", query={"order_by": "n"}, score_threshold=0.5),
    query(400, "Fusion queries cannot be combined with the 'using' field.", **RRF, using="two"),
    query(400, "cannot apply Fusion without prefetches", query={"fusion": "rrf"}),
    query(400, "cannot apply Formula without prefetches", query={"formula": "$score"}),
    query(
        400,
        "RRF weights length (1) does not match number of prefetches (2)",
        prefetch=RRF["prefetch"],
        query={"rrf": {"weights": [1.0]}},
    ),
    query(422, "rrf.k: value 0 invalid, must be 1 or larger", prefetch=RRF["prefetch"], query={"rrf": {"k": 0}}),
    query(400, "exceeds max depth 64", **TOO_DEEP),
    query(422, "hnsw_ef: value 0 invalid, must be 1 or larger", query=QUERY, params={"hnsw_ef": 0}),
    query(422, "oversampling: value 0.5 invalid", query=QUERY, params={"quantization": {"oversampling": 0.5}}),
    query(
        400,
        "Wrong input: Validation failed: search param `idf` requires a sparse vector with the `idf` modifier, "
        'which vector "two" is not',
        query=1,
        using="two",
        params={"idf": {"corpus": CITY}},
    ),
    query(422, "At least one positive or negative vector/id must be provided", query={"recommend": {}}),
    query(
        400,
        "Wrong input: Positive vectors should not be empty with `average` strategy",
        query={"recommend": {"negative": [1]}},
    ),
    query(
        422,
        "feedback elements must be non-empty",
        query={"relevance_feedback": {"target": 1, "feedback": [], "strategy": {"naive": {"a": 1, "b": 1, "c": 1}}}},
    ),
    query(422, "diversity: value 2.0 invalid", query={"nearest": QUERY, "mmr": {"diversity": 2}}),
    query(422, "candidates_limit: value 16385 invalid", query={"nearest": QUERY, "mmr": {"candidates_limit": 16385}}),
    query(
        400,
        f"Wrong input: No range index for `order_by` key: `deep`. Please create one to use `order_by`. {INDEX_HELP} "
        "Range conditions",
        query={"order_by": "deep"},
    ),
    query(400, "Wrong input: No range index for `order_by` key: `city`", query={"order_by": {"key": "city"}}),
    query(400, "Format error in JSON body: ", query={"order_by": {"key": "n", "direction": "up"}}),
    query(400, "Format error in JSON body: ", query={"sample": "first"}),
    query(400, "Format error in JSON body: ", with_payload={"include": ["a"], "exclude": ["b"]}),
    query(400, "Format error in JSON body: ", with_payload="city"),
    Wrong(
        f"POST {P}/query/batch", {"searches": [{"query": QUERY}, {"limit": 0}]}, 422, "[searches[1].internal.limit: "
    ),
    Wrong(f"POST {P}/query/batch", {"searches": {}}, 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/query/groups", {"query": QUERY}, 400, "missing field `group_by`"),
    Wrong(f"POST {P}/query/groups", {**GROUPED, "group_size": 0}, 422, "group_size: value 0 invalid"),
    Wrong(
        f"POST {P}/query/groups",
        {**GROUPED, "query": QUERY, "with_lookup": "nope"},
        404,
        "Not found: Collection nope not found",
    ),
    Wrong(f"POST {P}/search/matrix/pairs", {"sample": 1}, 422, "sample: value 1 invalid, must be 2 or larger"),
    Wrong(f"POST {P}/search/matrix/offsets", {"limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger"),
    Wrong(f"POST {P}/search/matrix/pairs", {"using": "zz"}, 400, "Not existing vector name error: zz"),
]
FORMULAS = [
    formula("Wrong input: Validation failed: failed to parse variable ID $foo: Invalid reserved word: $foo", "$foo"),
    formula(
        "Expected number value for none in the payload and/or in the formula defaults. Error: No value found", "none"
    ),
    formula(
        "Expected number value for city in the payload and/or in the formula defaults. Error: Value is not a", "city"
    ),
    formula("non-finite", {"exp": 1000}),
    formula("non-finite", {"ln": 0}),
    formula("Decay midpoint should be in the range (0.0, 1.0), got 1.", {"exp_decay": {"x": 1, "midpoint": 1.0}}),
    formula("Decay scale should be non-zero positive, got 0.", {"gauss_decay": {"x": 1, "scale": 0.0}}),
    formula("Format error in JSON body: ", {"plus": [1, 2]}),
    formula("Format error in JSON body: ", None),
]
FILTERS = [
    filtered(400, "unknown field `shall`", shall=[]),
    filtered(422, "At least one field condition must be specified", must={"key": "n"}),
    filtered(400, "Filter condition 'key' must be a string", must={"key": 1, "match": {"value": 1}}),
    filtered(422, "min_count must be greater than 0", min_should={"conditions": [CITY], "min_count": 0}),
    filtered(400, "Format error in JSON body: ", must={"key": "n", "match": {"any": [1, "a"]}}),
    filtered(400, "Format error in JSON body: ", must={"key": "n", "match": {"value": 1.5}}),
    filtered(400, "Format error in JSON body: ", must={"key": "n..x", "match": {"value": 1}}),
    filtered(400, "Format error in JSON body: ", must={"key": "n", "range": {"gt": "yesterday"}}),
    filtered(
        400,
        "expected `lat` = 91 within [-90;90]",
        must={"key": "p", "geo_radius": {"center": {"lat": 91, "lon": 0}, "radius": 1}},
    ),
    filtered(
        400,
        "Validation failed: polygon invalid, the size must be at least 4, got 3",
        must={"key": "p", "geo_polygon": {"exterior": {"points": POLYGON}}},
    ),
    filtered(
        400,
        "Validation failed: polygon invalid, the first and the last points should be the same to form a closed line",
        must={"key": "p", "geo_polygon": {"exterior": {"points": [*POLYGON, {"lat": 2, "lon": 2}]}}},
    ),
    filtered(400, "invalid value: integer `0`, expected a nonzero u32", must={"slice": {"total": 0, "index": 0}}),
    filtered(
        422,
        "must[0].__all__: Validation error: Slice index must be less than the total number of slices",
        must={"slice": {"total": 4, "index": 4}},
    ),
    filtered(400, f"value x {ID_TEXT}", must={"has_id": ["x"]}),
]
POINT_READS = [
    Wrong(f"GET {P}/77", None, 404, "Not found: Point with id 77 does not exists!"),
    Wrong(f"GET {P}/x", None, 400, 'Wrong input: Can not recognize "x" as point id'),
    Wrong(f"POST {P}", {"ids": ["x"]}, 400, f"value x {ID_TEXT}"),
    Wrong(f"POST {P}", {"ids": [1], "with_vector": ["zz"]}, 400, "Not existing vector name error: zz"),
    Wrong(f"POST {P}/scroll", {"limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger"),
    Wrong(f"POST {P}/scroll", {"offset": "7"}, 400, f"value 7 {ID_TEXT}"),
    Wrong(f"POST {P}/scroll", {"order_by": "city"}, 400, "Wrong input: No range index for `order_by` key: `city`"),
    Wrong(
        f"POST {C}/facet",
        {"key": "deep"},
        400,
        "Wrong input: No appropriate index for faceting: `deep`. Please create one to facet on this field. "
        f"{INDEX_HELP} Match conditions",
    ),
    Wrong(f"POST {C}/facet", {"key": "city", "limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger"),
]
MISSING_COLLECTION = [
    Wrong(f"{method} /collections/nope{path}", body, 404, NO_COLLECTION)
    for method, path, body in [
        ("GET", "", None),
        ("PATCH", "", {}),
        ("GET", "/aliases", None),
        ("GET", "/cluster", None),
        ("GET", "/shards", None),
        ("GET", "/optimizations", None),
        ("PUT", "/index", {"field_name": "a", "field_schema": "keyword"}),
        ("DELETE", "/index/a", None),
        ("PUT", "/vectors/a", {"dense": VECTOR}),
        ("DELETE", "/vectors/a", None),
        ("GET", "/points/1", None),
        ("POST", "/points", {"ids": [1]}),
        ("PUT", "/points", {"points": [POINT]}),
        ("POST", "/points/delete", {"points": [1]}),
        ("POST", "/points/batch", {"operations": []}),
        ("POST", "/points/scroll", {}),
        ("POST", "/points/count", {}),
        ("POST", "/facet", {"key": "a"}),
        ("POST", "/points/query", {}),
        ("POST", "/points/query/batch", {"searches": []}),
        ("POST", "/points/query/groups", GROUPED),
        ("POST", "/points/search/matrix/pairs", {}),
        ("POST", "/points/search", {"vector": QUERY, "limit": 1}),
        ("POST", "/points/discover/batch", {"searches": []}),
    ]
]
COLLECTIONS = [
    Wrong(f"PUT {C}", {}, 409, "Wrong input: Collection `c` already exists!"),
    create(400, "Can't create collection with name also. Alias with the same name already exists", "also"),
    *(
        create(422, f'collection name cannot contain "{character}" char', f"a%{ord(character):02X}b")
        for character in '<>:"/\\|?*'
    ),
    create(422, 'collection name cannot contain "\0" char', "%00"),
    create(422, 'collection name cannot contain "\x1f" char', "%1f"),
    create(422, "must be from 1 to 255 characters", "x" * 256),
    create(400, "not UTF-8", "%FF"),
    create(400, "invalid value: integer `0`, expected a nonzero u64", vectors={"size": 0, "distance": "Dot"}),
    create(422, "vectors.?.size: value 65537 invalid", vectors={"a": {"size": 65537, "distance": "Dot"}}),
    create(400, "Format error in JSON body: ", vectors={"size": 4, "distance": "Hamming"}),
    create(400, "Format error in JSON body: missing field `distance`", vectors={"size": 4}),
    create(400, 'Invalid dense vector name `a/b`: vector name cannot contain "/" char', vectors={"a/b": VECTOR}),
    create(400, "Wrong input: Sparse vector name cannot be empty", sparse_vectors={"": {}}),
    create(
        400,
        "Wrong input: Dense and sparse vector names must be unique - duplicate found with 'a'",
        vectors={"a": VECTOR},
        sparse_vectors={"a": {}},
    ),
    create(
        422,
        "[sparse_vectors[0].index.datatype: sparse vectors do not support the `turbo4` datatype",
        sparse_vectors={"a": {"index": {"datatype": "turbo4"}}},
    ),
    create(422, "ef_construct: value 3 invalid, must be 4 or larger", hnsw_config={"ef_construct": 3}),
    create(422, "shard_number: value 0 invalid, must be 1 or larger", shard_number=0),
    create(
        422,
        "quantile: value 0.10000000149011612 invalid, must be from 0.5 to 1.0",
        quantization_config={"scalar": {"type": "int8", "quantile": 0.1}},
    ),
    Wrong(f"PATCH {C}", {"vectors": {"zz": {}}}, 400, "Not existing vector name error: zz"),
    Wrong(f"PATCH {C}", {"sparse_vectors": {"zz": {}}}, 400, "Not existing vector name error: zz"),
    Wrong(f"PUT {C}/vectors/two", {"dense": {"size": 3, "distance": "Dot"}}, 409, "`two` already exists"),
    Wrong(f"PUT {C}/vectors/a%2Fb", {"dense": VECTOR}, 422, 'vector name cannot contain "/" char'),
    Wrong(f"PUT {C}/vectors/new", {}, 400, "Format error in JSON body: "),
    Wrong(f"DELETE {C}/vectors/zz", None, 400, "Not existing vector name error: zz"),
    Wrong(
        f"PUT {C}/index",
        {"field_name": "x"},
        400,
        "Unable to infer type for the field 'x'. Please specify `field_type`",
    ),
    Wrong(f"PUT {C}/index", {"field_name": "x", "field_schema": "words"}, 400, "Format error in JSON body: "),
    Wrong(
        f"PUT {C}/index",
        {"field_name": "x", "field_schema": {"type": "integer", "lookup": False, "range": False}},
        422,
        "the 'lookup' and 'range' capabilities can't be both disabled",
    ),
    Wrong(f"PUT {C}/index", {"field_name": "a..b", "field_schema": "keyword"}, 400, "a..b"),
]
ALIASES = [
    Wrong("POST /collections/aliases", create_alias("nope", "x"), 404, NO_COLLECTION),
    Wrong(
        "POST /collections/aliases", create_alias("c", "other"), 409, "Wrong input: Collection `other` already exists!"
    ),
    Wrong(
        "POST /collections/aliases",
        {
            "actions": [
                *create_alias("c", "first")["actions"],
                {"rename_alias": {"old_alias_name": "none", "new_alias_name": "x"}},
            ]
        },
        404,
        "Not found: Alias none does not exists!",
    ),
    Wrong("POST /collections/aliases", {"actions": [{"drop_alias": {}}]}, 400, "Format error in JSON body: "),
]
WRITES = [
    upsert(400, "Wrong input: Vector dimension error: expected dim: 4, got 3", vector=[1.0, 2.0, 3.0]),
    upsert(400, "Vector dimension error: expected dim: 2, got 1 for vector 'two'", vector={"two": [1.0]}),
    upsert(400, "Wrong input: Not existing vector name error: zz", vector={"zz": [1.0]}),
    upsert(400, "Wrong input: Conversion between sparse and regular vectors failed", vector={"": SPARSE}),
    upsert(400, "Wrong input: Conversion between multi and regular vectors failed", vector=[QUERY, QUERY]),
    upsert(422, "[points[1].vector.vector: dense vector must not be empty]", vector=[]),
    upsert(422, "[points[1].vector.?.data: all vectors must be non-empty]", vector={"many": [[]]}),
    upsert(
        422, "all vectors must have the same dimension, found vector with dimension 1", vector={"many": [[1, 2], [1]]}
    ),
    upsert(422, "must be unique [{}]", vector={"words": {"indices": [1, 1], "values": [1, 2]}}),
    upsert(422, "must be the same length as indices [{}]", vector={"words": {"indices": [1], "values": [1, 2]}}),
    upsert(400, "Vector contains values that are not finite numbers", vector=[1e39, 0, 0, 0]),
    upsert(400, "not finite numbers as float16 for vector 'two'", vector={"two": [65520.0, 0]}),
    upsert(400, f"value -1 {ID_TEXT}", id=-1),
    upsert(400, ID_TEXT, id=2**64),
    upsert(400, f"value 7 {ID_TEXT}", id="7"),
    upsert(400, ID_TEXT, id=1.5),
    upsert(400, ID_TEXT, id=None),
    upsert(400, "Format error in JSON body: ", payload=[1]),
    Wrong(f"PUT {P}", {}, 400, "Invalid PointInsertOperations format"),
    Wrong(f"PUT {P}", {"points": []}, 400, "Bad request: Empty update request"),
    Wrong(f"PUT {P}", {"points": [{"vector": QUERY}]}, 400, "missing field `id`"),
    Wrong(f"PUT {P}", {"points": [POINT], "update_mode": "never"}, 400, "Format error in JSON body: "),
    Wrong(f"PUT {P}", {"batch": {"ids": [], "vectors": []}}, 400, "Bad request: Empty update request"),
    Wrong(
        f"PUT {P}",
        {"batch": {"ids": [8, 9], "vectors": [QUERY]}},
        422,
        "number of ids and vectors must be equal (2 != 1)",
    ),
    Wrong(
        f"PUT {P}",
        {"batch": {"ids": [8], "vectors": [QUERY], "payloads": [None, None]}},
        422,
        "number of ids and payloads must be equal (1 != 2)",
    ),
    Wrong(f"POST {P}/delete", {}, 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/payload", {"payload": {}}, 400, "Either list of point ids or filter must be provided"),
    Wrong(f"PUT {P}/payload", {"payload": {}}, 400, "Either list of point ids or filter must be provided"),
    Wrong(f"POST {P}/payload/delete", {"keys": ["a"]}, 400, "Either list of point ids or filter must be provided"),
    Wrong(f"POST {P}/payload", {"payload": {}, "points": [77]}, 404, "Not found: No point with id 77 found"),
    Wrong(f"POST {P}/payload", {"payload": {}, "points": [1], "key": "a..b"}, 400, "Format error in JSON body: "),
    Wrong(
        f"POST {P}/payload", {"payload": {}, "points": [1], "key": "a" + ".a" * 200}, 400, "nested more than 200 deep"
    ),
    Wrong(
        f"POST {P}/payload", {"payload": {}, "points": [1], "key": f"a[{'9' * 5000}]"}, 400, "the index is too large"
    ),
    Wrong(f"POST {P}/payload/delete", {"keys": ["a["], "points": [1]}, 400, "Format error in JSON body: "),
    Wrong(f"POST {P}/payload/clear", {"points": [UUID.replace("f", "0")]}, 404, "Not found: No point with id 047ac10b"),
    Wrong(f"PUT {P}/vectors", {"points": []}, 422, "must specify points to update"),
    Wrong(f"PUT {P}/vectors", {"points": [{"id": 1, "vector": {}}]}, 422, "must specify vectors to update for point"),
    Wrong(f"PUT {P}/vectors", {"points": [{"id": 77, "vector": QUERY}]}, 404, "Not found: No point with id 77 found"),
    Wrong(f"POST {P}/vectors/delete", {"vector": ["two"]}, 400, "Bad request: No filter or points provided"),
    Wrong(f"POST {P}/vectors/delete", {"vector": ["zz"], "points": [1]}, 400, "Not existing vector name error: zz"),
    Wrong(f"POST {P}/batch", {"operations": [{"upgrade": {}}]}, 400, "Format error in JSON body: "),
    Wrong(
        f"POST {P}/batch",
        {"operations": [{"upsert": {"points": [POINT]}}, {"upsert": {"points": [{"id": 8, "vector": [1.0]}]}}]},
        400,
        "Wrong input: Vector dimension error: expected dim: 4, got 1",
    ),
    Wrong(f"PUT {P}", {"points": [{"id": 8, "vector": {"text": "a", "model": "no/such"}}]}, 400, "no/such"),
    Wrong("PUT /quotas", {"max_disk_usage_percent": 101}, 422, "value 101 invalid"),
]
ALL = [
    *BODIES, *PARAMETERS, *QUERIES, *FORMULAS, *FILTERS, *POINT_READS, *MISSING_COLLECTION, *COLLECTIONS, *ALIASES,
    *WRITES,
]  # fmt: skip


@pytest.mark.parametrize("wrong", ALL, ids=str)
def test_a_wrong_request_is_refused_and_changes_nothing(world: World, untouched: Any, wrong: Wrong) -> None:
    answer = world.send(wrong.method, wrong.path, wrong.body, wrong.query)
    assert answer.status == wrong.status, answer.response
    assert answer.json.keys() == {"status", "time"}
    assert answer.json["status"].keys() == {"error"}
    assert wrong.text in answer.error
    assert world.dump() == untouched


def test_a_body_must_claim_to_be_json(world: World, untouched: Any) -> None:
    answer = world.send("PUT", P, json.dumps({"points": [POINT]}).encode(), headers={"content-type": "text/plain"})
    assert (answer.status, answer.error) == (415, "Content type error")
    assert world.dump() == untouched


@pytest.mark.parametrize("kind", ["points", "query"])
def test_inference_beyond_the_deadline_is_a_408(world: World, untouched: Any, kind: str) -> None:
    text = {"text": "words", "model": "minidb/hash-4"}
    method, path, body = ("POST", f"{P}/query", {"query": text})
    if kind == "points":
        method, path, body = ("PUT", P, {"points": [{"id": 1, "vector": text}]})
    request = Request(method, path, "", {}, json.dumps(body).encode(), timeout=0.0)
    response = world.api.answer(request)
    assert response.status == 408
    assert "Inference did not finish within the timeout" in json.loads(response.body)["status"]["error"]
    assert world.dump() == untouched


@pytest.mark.parametrize("levels", [1, 100, 126])
def test_a_payload_as_deep_as_a_body_may_be_is_written_and_read(levels: int) -> None:
    with World() as world:
        assert world.send("PUT", f"{P}/payload", deep_payload(levels)).status == 200
        payload = json.dumps(world.ask("GET", f"{P}/1").result["payload"], separators=(",", ":"))
        assert payload.encode() in deep_payload(levels)
        at_200 = {"payload": {}, "points": [2], "key": "a" + ".a" * 198}
        world.ask("POST", f"{P}/payload", at_200)
        grouped = {**GROUPED, "group_by": "id", "with_payload": True}
        world.ask("POST", f"{P}/payload", {"payload": {"id": "g"}, "points": [2]})
        assert "a" in world.ask("POST", f"{P}/query/groups", grouped).result["groups"][0]["hits"][0]["payload"]


def strict(world: World, **limits: Any) -> None:
    world.ask("PATCH", C, {"strict_mode_config": {"enabled": True, **limits}})


STRICT = [
    ({"max_query_limit": 15}, "query", {"query": QUERY, "limit": 20}, 'Limit exceeded 20 > 15 for "limit"'),
    ({"max_query_limit": 15}, "scroll", {"limit": 20}, 'Limit exceeded 20 > 15 for "limit"'),
    (
        {"search_max_hnsw_ef": 9},
        "query",
        {"query": QUERY, "params": {"hnsw_ef": 10}},
        'Limit exceeded 10 > 9 for "hnsw_ef"',
    ),
    ({"search_allow_exact": False}, "query", {"query": QUERY, "params": {"exact": True}}, "Exact search disabled!"),
    (
        {"unindexed_filtering_retrieve": False},
        "count",
        {"filter": {"must": {"key": "tags", "match": {"value": "a"}}}},
        'Index required but not found for "tags" of one of the following types: [keyword]. '
        "Help: Create an index for this key or use a different filter.",
    ),
    (
        {"filter_max_conditions": 1},
        "count",
        {"filter": {"must": [CITY, CITY]}},
        "Filter condition limit reached (2 > 1)",
    ),
    (
        {"condition_max_size": 1},
        "count",
        {"filter": {"must": {"key": "city", "match": {"any": ["a", "b"]}}}},
        "Condition size limit reached (2 > 1)",
    ),
]


@pytest.mark.parametrize(("limits", "path", "body", "text"), STRICT)
def test_what_strict_mode_forbids_is_a_400(limits: dict[str, Any], path: str, body: Any, text: str) -> None:
    with World() as world:
        world.ask("POST", f"{P}/{path}", body)
        strict(world, **limits)
        answer = world.try_to("POST", f"{P}/{path}", body)
        assert answer.status == 400
        assert text in answer.error


def test_strict_mode_checks_the_timeout_of_the_query_parameters() -> None:
    with World() as world:
        strict(world, max_timeout=5)
        world.ask("POST", f"{P}/query", {}, "timeout=5")
        answer = world.try_to("POST", f"{P}/query", {}, "timeout=6")
        assert (answer.status, 'Limit exceeded 6 > 5 for "timeout"' in answer.error) == (400, True)


def test_how_long_a_connection_waits_is_no_timeout_of_the_request() -> None:
    """httpx waits five seconds unless told otherwise, which strict mode must not hold against the caller."""
    with World() as world:
        strict(world, max_timeout=3)
        assert world.api.answer(Request("POST", f"{P}/query", "timeout=3", {}, b"{}", timeout=5.0)).status == 200


def test_more_indexes_than_strict_mode_allows() -> None:
    with World() as world:
        strict(world, max_payload_index_count=5)
        answer = world.try_to("PUT", f"{C}/index", {"field_name": "tags", "field_schema": "keyword"})
        assert answer.status == 400
        assert (
            "Collection already has the maximum number of payload indices (5). "
            "Help: Please delete an existing index before creating a new one." in answer.error
        )


@pytest.mark.parametrize(
    ("limit", "route", "body"),
    [
        ("read_rate_limit", f"POST {P}/query", {"query": QUERY}),
        ("read_rate_limit", f"POST {P}/scroll", {}),
        ("write_rate_limit", f"PUT {P}", {"points": [POINT]}),
    ],
)
def test_too_many_requests_are_a_429_that_says_when_to_come_back(limit: str, route: str, body: Any) -> None:
    method, path = route.split(" ")
    with World() as world:
        strict(world, **{limit: 1})
        world.ask(method, path, body)
        answer = world.try_to(method, path, body)
        assert answer.status == 429
        assert answer.error.startswith("Rate limiting exceeded: ")
        assert 1 <= int(answer.response.headers["retry-after"]) <= 60
        assert answer.json.keys() == {"status", "time"}


def test_a_batch_that_costs_more_than_a_minute_allows_is_refused() -> None:
    with World() as world:
        strict(world, read_rate_limit=2)
        searches = {"searches": [{"query": QUERY}] * 3}
        assert world.try_to("POST", f"{P}/query/batch", searches).status == 429


def test_what_a_failed_batch_did_before_stays() -> None:
    """Missing ids are only known when they are written (spec §5.2)."""
    with World() as world:
        operations = [
            {"set_payload": {"payload": {"n": 70}, "points": [1]}},
            {"clear_payload": {"points": [77]}},
            {"set_payload": {"payload": {"n": 71}, "points": [1]}},
        ]
        answer = world.try_to("POST", f"{P}/batch", {"operations": operations}, "wait=true")
        assert (answer.status, answer.error) == (404, "Not found: No point with id 77 found")
        assert world.ask("GET", f"{P}/1").result["payload"]["n"] == 70


def test_an_error_of_minidbs_own_is_a_500_without_its_innards(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(world.database, "count", broken)
    answer = world.try_to("POST", f"{P}/count", {})
    assert answer.status == 500
    assert answer.error.startswith("Service internal error: ")
    assert "secret" not in answer.response.body.decode()
    assert "secret" in caplog.text


def test_a_closed_store_is_a_500() -> None:
    with World() as world:
        world.database.close()
        answer = world.try_to("GET", "/collections")
        assert (answer.status, answer.error) == (500, "Service internal error: this client has been closed")
