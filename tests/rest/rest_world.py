"""A small database behind the REST function, and for every route the valid requests that tests send, judge and mutate.

Collection `c` has every kind of vector and of payload, `other` describes groups of it, `also` is an alias of `c`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from minidb.database import Database
from minidb.rest import Api, Request, Response

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
JSON_BODY = {"content-type": "application/json"}

VECTORS = {
    "": {"size": 4, "distance": "Dot"},
    "two": {"size": 2, "distance": "Euclid", "datatype": "float16"},
    "many": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
}
INDEXES = {
    "city": "keyword",
    "n": {"type": "integer", "lookup": True, "range": True},
    "price": "float",
    "text": {"type": "text", "tokenizer": "word", "phrase_matching": True, "scoring": True},
    "at": "datetime",
}
POINTS: list[dict[str, Any]] = [
    {
        "id": number,
        "vector": {
            "": [0.05, 0.61, 0.1 * at, 0.74],
            "two": [float(at), 1.0],
            "many": [[0.5, float(at)], [1.0, 0.0]],
            "words": {"indices": [at, 9], "values": [0.1, 0.25 * (at + 1)]},
        },
        "payload": {
            "city": ["Berlin", "London", "Moscow"][at % 3],
            "n": at,
            "price": 1.99 + at,
            "tags": ["a", "b"][: at % 2 + 1],
            "at": f"2024-02-0{at + 1}T00:00:00Z",
            "place": {"lat": 52.5, "lon": 13.4 + at},
            "text": f"the quick brown fox number {at}",
            "deep": {"list": [{"x": at}, {"x": None}]},
            "π": 3.141592653589793,
        },
    }
    for at, number in enumerate([1, 2, 3, 4, 5, UUID])
]


@dataclass(frozen=True)
class Answer:
    """A response, with its body as JSON when it is JSON."""

    response: Response

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def json(self) -> Any:
        return json.loads(self.response.body)

    @property
    def result(self) -> Any:
        return self.json["result"]

    @property
    def error(self) -> str:
        return self.json["status"]["error"]  # type: ignore[no-any-return]


class World:
    """An `Api` with its database; a context manager."""

    def __init__(self, location: str = ":memory:") -> None:
        self.database = Database(location, durability="off")
        self.api = Api(self.database)
        self.ask("PUT", "/collections/c", {"vectors": VECTORS, "sparse_vectors": {"words": {"modifier": "idf"}}})
        self.ask("PUT", "/collections/c/points", {"points": POINTS})
        for name, schema in INDEXES.items():
            self.ask("PUT", "/collections/c/index", {"field_name": name, "field_schema": schema})
        self.ask("PUT", "/collections/other", {"vectors": {"size": 4, "distance": "Dot"}})
        others = [{"id": at, "vector": [1.0, 0.0, 0.0, float(at)], "payload": {"name": f"group {at}"}} for at in (1, 2)]
        self.ask("PUT", "/collections/other/points", {"points": others})
        self.ask("POST", "/collections/aliases", create_alias("c", "also"))

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def send(
        self, method: str, path: str, body: bytes = b"", query: str = "", headers: Mapping[str, str] = JSON_BODY
    ) -> Answer:
        """The answer to a request of any bytes."""
        return Answer(self.api.answer(Request(method, path, query, headers, body)))

    def ask(self, method: str, path: str, body: Any = None, query: str = "") -> Answer:
        """The answer to a request that must succeed."""
        answer = self.try_to(method, path, body, query)
        assert answer.status == 200, (method, path, answer.response)
        return answer

    def try_to(self, method: str, path: str, body: Any = None, query: str = "") -> Answer:
        """The answer to a request with a JSON body, or none."""
        return self.send(method, path, b"" if body is None else json.dumps(body).encode(), query)

    def commit(self) -> int:
        """The number of the last commit: as long as it stays, nothing was written."""
        with self.database._read() as txn:
            return txn.txn_id

    def dump(self) -> Any:
        """All a client can see of the store: collections with settings and points, aliases, quotas."""
        names = [entry["name"] for entry in self.ask("GET", "/collections").result["collections"]]
        return {
            "collections": {name: self._dump_of(f"/collections/{quote(name, safe='')}") for name in names},
            "aliases": self.ask("GET", "/aliases").result,
            "quotas": self.ask("GET", "/quotas").result,
        }

    def _dump_of(self, path: str) -> Any:
        info = self.ask("GET", path).result
        if info["config"].get("strict_mode_config", {}).get("enabled"):  # which would limit reading, too
            return info, None
        everything = {"limit": 1000, "with_payload": True, "with_vector": True}
        return info, self.ask("POST", f"{path}/points/scroll", everything).result


def create_alias(collection: str, alias: str) -> dict[str, Any]:
    return {"actions": [{"create_alias": {"collection_name": collection, "alias_name": alias}}]}


@dataclass(frozen=True)
class Valid:
    """A request that succeeds.

    Args:
        route: method and path template, as the table of routes has them.
        parts: values of the template's variable parts; `collection_name` is `c` unless given.
    """

    route: str
    body: Any = None
    parts: Mapping[str, str] = field(default_factory=dict)
    query: str = ""

    @property
    def method(self) -> str:
        return self.route.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.route.partition(" ")[2].format(**{"collection_name": "c", **self.parts})

    def __str__(self) -> str:
        body = "" if self.body is None else json.dumps(self.body)[:60]
        return f"{self.method} {self.path}{'?' if self.query else ''}{self.query} {body}".strip()


C = "/collections/{collection_name}"
P = f"{C}/points"
CITY = {"must": [{"key": "city", "match": {"value": "Berlin"}}]}
QUERY = [0.2, 0.1, 0.9, 0.7]
SPARSE = {"indices": [0, 9], "values": [1.0, 0.5]}
RRF = {
    "prefetch": [
        {"query": QUERY, "limit": 4},
        {"query": SPARSE, "using": "words", "filter": CITY, "limit": 5, "params": {"exact": True}},
    ],
    "query": {"fusion": "rrf"},
}
EVERY_CONDITION = {
    "must": [
        {"key": "n", "range": {"gte": 0, "lt": 100.5}},
        {"key": "at", "range": {"gt": "2020-01-01", "lte": "2030-01-01T00:00:00Z"}},
        {"key": "city", "match": {"any": ["Berlin", "London", "Moscow"]}},
        {"key": "tags", "match": {"except": ["z"]}},
        {"key": "tags", "values_count": {"gte": 1}},
        {"key": "place", "geo_radius": {"center": {"lat": 52.5, "lon": 13.4}, "radius": 1e7}},
        {
            "key": "place",
            "geo_bounding_box": {"top_left": {"lat": 60, "lon": 10}, "bottom_right": {"lat": 50, "lon": 30}},
        },
        {
            "key": "place",
            "geo_polygon": {
                "exterior": {
                    "points": [
                        {"lat": 50, "lon": 10},
                        {"lat": 60, "lon": 10},
                        {"lat": 60, "lon": 30},
                        {"lat": 50, "lon": 10},
                    ]
                }
            },
        },
        {"has_vector": "two"},
        {"slice": {"total": 1, "index": 0}},
        {"nested": {"key": "deep.list", "filter": {"must": {"key": "x", "range": {"gte": 0}}}}},
    ],
    "should": [
        {"key": "text", "match": {"text": "fox"}},
        {"key": "text", "match": {"phrase": "brown fox"}},
        {"key": "text", "match": {"text_any": "fox dog"}},
        {"key": "city", "match": {"prefix": "Ber"}},
        {"key": "city", "match": {"substring": "erl"}},
        {"has_id": [1, 2, UUID]},
    ],
    "must_not": [{"is_empty": {"key": "city"}}, {"is_null": {"key": "n"}}, {"key": "none", "is_empty": False}],
    "min_should": {"conditions": [{"must": {"key": "n", "is_null": False}}], "min_count": 1},
}
FORMULA = {
    "prefetch": {"query": QUERY},
    "query": {
        "formula": {
            "sum": [
                "$score",
                {"mult": [0.5, {"key": "city", "match": {"value": "Berlin"}}]},
                {"exp_decay": {"x": {"geo_distance": {"origin": {"lat": 1, "lon": 2}, "to": "place"}}, "scale": 5000}},
                {"div": {"left": "n", "right": {"pow": {"base": 2, "exponent": 3}}, "by_zero_default": 0}},
                {"neg": {"abs": {"ln": {"exp": {"sqrt": {"log10": 100}}}}}},
                {"lin_decay": {"x": {"datetime_key": "at"}, "target": {"datetime": "2024-02-01"}, "scale": 1e6}},
                {"max": [1, "n"]},
            ]
        },
        "defaults": {"n": 0},
    },
}
CONTEXT = [{"positive": 1, "negative": 2}, {"positive": QUERY, "negative": UUID}]
QUERIES: list[dict[str, Any]] = [
    {},
    {"query": QUERY, "filter": EVERY_CONDITION, "with_payload": {"include": ["city", "deep.list[].x"]}},
    {"query": 1, "with_vector": ["two", "words"], "with_payload": ["n"], "limit": 2, "offset": 1},
    {"query": UUID, "using": "two", "score_threshold": 100.0, "with_payload": {"exclude": ["text"]}},
    {"query": [[1.0, 0.5], [0.0, 1.0]], "using": "many", "params": {"hnsw_ef": 10, "quantization": {"ignore": True}}},
    {"query": {"nearest": SPARSE}, "using": "words", "params": {"idf": {"corpus": CITY}}, "with_vector": True},
    {"query": {"nearest": QUERY, "mmr": {"diversity": 0.3, "candidates_limit": 5}}},
    {"query": {"recommend": {"positive": [1, QUERY], "negative": [UUID], "strategy": "best_score"}}},
    {"query": {"recommend": {"positive": [1], "strategy": "average_vector"}}, "lookup_from": {"collection": "other"}},
    {"query": {"discover": {"target": QUERY, "context": CONTEXT}}},
    {"query": {"context": CONTEXT[0]}},
    {
        "query": {
            "relevance_feedback": {
                "target": 1,
                "feedback": [{"example": 2, "score": 0.9}, {"example": QUERY, "score": 0.1}],
                "strategy": {"naive": {"a": 1.0, "b": 0.5, "c": 2.0}},
            }
        }
    },
    {"query": {"order_by": {"key": "price", "direction": "desc", "start_from": 5.5}}, "with_payload": True},
    {"query": {"order_by": "at"}},
    {"query": {"sample": "random"}, "limit": 3},
    {"query": {"text": {"query": "fox 3", "scoring": {"bm25": {"k": 1.2, "b": 0.75}}}}, "using": "text"},
    {"query": {"text": "quick", "model": "minidb/hash-4"}},
    RRF,
    {**RRF, "query": {"rrf": {"k": 60, "weights": [1.0, 0.5]}}, "score_threshold": 0.001},
    {**RRF, "query": {"fusion": "dbsf"}, "limit": 3, "offset": 1},
    {"prefetch": {"prefetch": RRF["prefetch"], "query": QUERY, "limit": 5}, "query": [1.0, 1.0], "using": "two"},
    FORMULA,
]
POINT = {
    "id": 7,
    "vector": {"": QUERY, "two": [1.0, 2.0], "many": [[1.0, 2.0]], "words": SPARSE},
    "payload": {"city": "Oslo", "n": 7, "nothing": None, "nested": {"a": [1, "x", {"b": True}]}},
}
UPSERTS: list[dict[str, Any]] = [
    {"points": [POINT, {"id": UUID, "vector": QUERY}], "shard_key": "k"},
    {"points": [{"id": 1, "vector": {}, "payload": None}], "update_mode": "update_only", "update_filter": CITY},
    {"batch": {"ids": [8, 9], "vectors": [QUERY, QUERY], "payloads": [{"a": 1}, None]}},
    {"batch": {"ids": [8], "vectors": {"two": [[1.0, 2.0]], "words": [SPARSE]}}},
    {"points": [{"id": 8, "vector": {"text": "a text", "model": "minidb/hash-4"}}]},
]
IDS, FILTER = {"points": [1, UUID]}, {"filter": CITY}
SET_PAYLOAD = {"payload": {"b": 2, "city": None}, "points": [1, 2]}
SET_BY_FILTER = {"payload": {"y": [1]}, "filter": CITY, "key": "deep.list[0]"}
DELETE_KEYS = {"keys": ["city", "deep.list[].x"], "points": [1]}
NEW_VECTORS = {"points": [{"id": 1, "vector": {"two": [5.0, 5.0]}}, {"id": UUID, "vector": QUERY}]}
DELETE_VECTORS = {"vector": ["two", ""], "points": [1], "filter": CITY}
SEARCH = {"vector": QUERY, "limit": 3, "filter": CITY, "with_payload": True, "params": {"exact": True}}
RECOMMEND = {"positive": [1, QUERY], "negative": [2], "strategy": "best_score", "limit": 3}
DISCOVER = {"target": QUERY, "context": CONTEXT, "limit": 3}
GROUPED = {"group_by": "city", "group_size": 2, "limit": 2}

VALID: list[Valid] = [
    Valid("GET /"),
    *(Valid(f"GET /{name}") for name in ("healthz", "livez", "readyz", "metrics", "telemetry", "issues", "quotas")),
    Valid("GET /telemetry", query="anonymize=true&details_level=2&timeout=5"),
    *(Valid("GET /telemetry", query=f"details_level={level}&per_collection=true") for level in (1, 2, 3, 4, 10)),
    Valid("DELETE /issues"),
    Valid("PUT /quotas", {"enabled": True, "max_disk_usage_percent": 90, "max_resident_memory_percent": 80}),
    Valid("GET /cluster"),
    Valid("GET /collections"),
    Valid(f"GET {C}"),
    Valid(f"PUT {C}", {"vectors": {"size": 3, "distance": "Cosine"}}, {"collection_name": "new"}),
    Valid(
        f"PUT {C}",
        {
            "vectors": {
                "a": {
                    "size": 3,
                    "distance": "Manhattan",
                    "datatype": "uint8",
                    "on_disk": True,
                    "hnsw_config": {"m": 8},
                    "quantization_config": {"scalar": {"type": "int8", "quantile": 0.99}},
                }
            },
            "sparse_vectors": {"s": {"modifier": "idf", "index": {"full_scan_threshold": 10, "on_disk": False}}},
            "hnsw_config": {"m": 32, "ef_construct": 50, "payload_m": 8},
            "optimizers_config": {"indexing_threshold": 0, "max_optimization_threads": "auto"},
            "wal_config": {"wal_capacity_mb": 1},
            "quantization_config": {"binary": {"encoding": "two_bits", "query_encoding": "scalar8bits"}},
            "strict_mode_config": {
                "enabled": True,
                "max_query_limit": 50,
                "search_allow_exact": False,
                "multivector_config": {"m": {"max_vectors": 4}},
            },
            "shard_number": 1,
            "replication_factor": 1,
            "on_disk_payload": False,
            "metadata": {"owner": "me", "list": [1, None]},
        },
        {"collection_name": "new"},
        "timeout=5",
    ),
    Valid(
        f"PATCH {C}",
        {
            "vectors": {"": {"hnsw_config": {"m": 4}, "quantization_config": "Disabled"}},
            "optimizers_config": {"indexing_threshold": 20000},
            "params": {"replication_factor": 1},
            "quantization_config": {"product": {"compression": "x8"}},
            "sparse_vectors": {"words": {"index": {"full_scan_threshold": 5}}},
            "strict_mode_config": {"enabled": False, "max_timeout": 10},
            "metadata": {"a": {"b": 1}},
        },
    ),
    Valid(f"DELETE {C}"),
    Valid(f"GET {C}/exists"),
    Valid(f"GET {C}/memory"),
    Valid(f"PUT {C}/vectors/{{vector_name}}", {"dense": {"size": 3, "distance": "Dot"}}, {"vector_name": "new"}),
    Valid(f"PUT {C}/vectors/{{vector_name}}", {"sparse": {"modifier": "idf"}}, {"vector_name": "new"}, "wait=true"),
    Valid(f"DELETE {C}/vectors/{{vector_name}}", parts={"vector_name": "two"}),
    *(Valid(f"PUT {C}/index", {"field_name": "fresh", "field_schema": schema}) for schema in INDEXES.values()),
    Valid(f"DELETE {C}/index/{{field_name}}", parts={"field_name": "city"}, query="wait=true&ordering=weak"),
    Valid("GET /aliases"),
    Valid(f"GET {C}/aliases"),
    Valid(
        "POST /collections/aliases",
        {
            "actions": [
                *create_alias("c", "more")["actions"],
                {"rename_alias": {"old_alias_name": "more", "new_alias_name": "most"}},
                {"delete_alias": {"alias_name": "also"}},
            ]
        },
    ),
    Valid(f"GET {C}/cluster"),
    Valid(f"GET {C}/shards"),
    Valid(f"GET {C}/optimizations", query="with=queued,completed,idle_segments&completed_limit=3"),
    Valid(f"POST {P}", {"ids": [3, UUID, 77, 1], "with_payload": True, "with_vector": ["two"]}),
    Valid(f"GET {P}/{{id}}", parts={"id": "1"}),
    Valid(f"GET {P}/{{id}}", parts={"id": UUID}, query="consistency=majority"),
    *(Valid(f"PUT {P}", body, query="wait=true") for body in UPSERTS),
    *(Valid(f"POST {P}/delete", body) for body in (IDS, FILTER)),
    Valid(f"PUT {P}/vectors", {**NEW_VECTORS, "update_filter": CITY}),
    Valid(f"POST {P}/vectors/delete", DELETE_VECTORS),
    *(Valid(f"POST {P}/payload", body) for body in (SET_PAYLOAD, SET_BY_FILTER)),
    *(Valid(f"PUT {P}/payload", body) for body in (SET_PAYLOAD, {"payload": {}, "filter": CITY})),
    Valid(f"POST {P}/payload/delete", DELETE_KEYS),
    *(Valid(f"POST {P}/payload/clear", body) for body in (IDS, FILTER)),
    Valid(
        f"POST {P}/batch",
        {
            "operations": [
                {"upsert": UPSERTS[0]},
                {"set_payload": SET_PAYLOAD},
                {"overwrite_payload": {"payload": {"z": 1}, "points": [3]}},
                {"delete_payload": DELETE_KEYS},
                {"clear_payload": FILTER},
                {"update_vectors": NEW_VECTORS},
                {"delete_vectors": DELETE_VECTORS},
                {"delete": IDS},
            ]
        },
    ),
    Valid(f"POST {P}/scroll", {}),
    Valid(f"POST {P}/scroll", {"limit": 2, "offset": 2, "with_vector": True, "with_payload": False}),
    Valid(f"POST {P}/scroll", {"order_by": {"key": "n", "direction": "desc", "start_from": 3}, "filter": CITY}),
    Valid(f"POST {P}/count", {}),
    Valid(f"POST {P}/count", {"filter": EVERY_CONDITION, "exact": False}),
    Valid(f"POST {C}/facet", {"key": "city", "limit": 2, "filter": CITY, "exact": True}),
    *(Valid(f"POST {P}/query", body) for body in QUERIES),
    Valid(f"POST {P}/query/batch", {"searches": [QUERIES[1], RRF]}),
    Valid(f"POST {P}/query/groups", {**GROUPED, "query": QUERY, "with_payload": True}),
    Valid(
        f"POST {P}/query/groups",
        {**RRF, "group_by": "n", "with_lookup": {"collection": "other", "with_payload": True, "with_vectors": True}},
    ),
    Valid(f"POST {P}/search/matrix/pairs", {"sample": 4, "limit": 2, "filter": {"must_not": [{"has_id": [1]}]}}),
    Valid(f"POST {P}/search/matrix/offsets", {"sample": 4, "limit": 2, "using": "two"}),
    Valid(f"POST {P}/search", SEARCH),
    Valid(f"POST {P}/search", {**SEARCH, "vector": {"name": "words", "vector": SPARSE}, "score_threshold": 0.01}),
    Valid(f"POST {P}/search/batch", {"searches": [SEARCH, {**SEARCH, "vector": {"name": "two", "vector": [1, 2]}}]}),
    Valid(f"POST {P}/search/groups", {**GROUPED, "vector": QUERY}),
    Valid(f"POST {P}/recommend", RECOMMEND),
    Valid(f"POST {P}/recommend/batch", {"searches": [RECOMMEND, {"positive": [3], "limit": 2, "using": "two"}]}),
    Valid(f"POST {P}/recommend/groups", {**GROUPED, "positive": [1], "negative": [2]}),
    Valid(f"POST {P}/discover", DISCOVER),
    Valid(f"POST {P}/discover/batch", {"searches": [DISCOVER, {"context": CONTEXT, "limit": 2}]}),
]
"""At least one request for each route that can succeed without a file."""

STANDALONE: list[Valid] = [
    Valid("GET /cluster/telemetry"),
    Valid("POST /cluster/recover"),
    Valid("DELETE /cluster/peer/{peer_id}", parts={"peer_id": "1"}),
    Valid(f"POST {C}/cluster", {"move_shard": {"shard_id": 0, "from_peer_id": 1, "to_peer_id": 2}}),
    Valid(f"PUT {C}/shards", {"shard_key": "k"}),
    Valid(f"POST {C}/shards/delete", {"shard_key": "k"}),
]
"""Operations on a cluster: well formed, and refused by a single node."""

RECOVER = {"location": "file:///nowhere.snapshot", "priority": "snapshot", "checksum": "0a", "api_key": "k"}
SNAPSHOTS = [
    Valid(f"{method} {base}{rest}", body, {"snapshot_name": "nothing.snapshot"})
    for base in ("/collections/{collection_name}/snapshots", "/snapshots")
    for method, rest, body in (
        ("GET", "", None),
        ("POST", "", None),
        ("GET", "/{snapshot_name}", None),
        ("DELETE", "/{snapshot_name}", None),
        ("POST", "/upload", {"no": "multipart"}),
        ("PUT", "/recover", RECOVER),
    )
]
"""Requests for snapshots, most of them refused: what they do is tested in `tests/snapshots`."""
