"""Random requests, each as REST's JSON and as a message: made by qdrant-client's conversions where it has one.

What stands in old fields of messages (`data`, `vector_name`, `positive_vectors`, …) is put there by hand: qdrant-client
no longer writes them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import TypeAdapter
from qdrant_client import grpc
from qdrant_client import models as m
from qdrant_client.conversions.conversion import RestToGrpc
from rest.rest_world import UUID

Json: TypeAlias = Any
Fields: TypeAlias = dict[str, Any]
_C = "/collections/c"
_P = f"{_C}/points"


@dataclass(frozen=True)
class Spoken:
    """One request in both forms.

    Args:
        route: method and path.
        query: of the path.
    """

    rpc: str
    message: Any
    route: str
    body: Json = None
    query: str = ""


class Speaker:
    """A source of requests to the collection `c` of `RpcWorld`."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def request(self) -> Spoken:
        make: Callable[[], Spoken] = self.rng.choice([getattr(self, f"_{name}") for name in _REQUESTS])
        return make()

    def one_of(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def often(self, share: float) -> bool:
        return self.rng.random() < share

    # Parts

    def _id(self) -> int | str:
        found: int | str = self.one_of(1, 2, 3, 4, 5, UUID, UUID.upper(), *([77] if self.often(0.2) else []))
        return found

    def _ids(self) -> list[int | str]:
        return [self._id() for _ in range(self.one_of(1, 1, 2, 3))]

    def _condition(self) -> Json:
        bounds = {name: self.one_of(0, 1, 2.5, 4) for name in self.rng.sample(["lt", "lte", "gt", "gte"], 2)}
        days = {self.one_of("lt", "gte"): self.one_of("2024-02-03", "2024-02-02T12:30:00+02:00")}
        corners = {"top_left": {"lat": 60, "lon": 10}, "bottom_right": {"lat": 50, "lon": self.one_of(14.5, 16)}}
        return self.one_of(
            {"key": self.one_of("n", "price", "deep.list[].x"), "range": bounds},
            {"key": "at", "range": days},
            {
                "key": "city",
                "match": self.one_of({"value": "Berlin"}, {"any": ["London", "x"]}, {"except": ["Berlin"]}),
            },
            {"key": "text", "match": self.one_of({"text": "number 3"}, {"phrase": "brown fox"}, {"text_any": "1 dog"})},
            {"key": "city", "match": self.one_of({"prefix": "B"}, {"substring": "o"})},
            {"key": "tags", "values_count": {"gt": self.one_of(0, 1)}},
            {"key": "place", "geo_radius": {"center": {"lat": 52.5, "lon": 13.4}, "radius": 1e5}},
            {"key": "place", "geo_bounding_box": corners},
            {"key": self.one_of("none", "tags"), self.one_of("is_empty", "is_null"): self.often(0.5)},
            {self.one_of("is_empty", "is_null"): {"key": self.one_of("none", "deep.list[].x")}},
            {"has_id": self._ids()},
            {"has_vector": self.one_of("", "two", "zz")},
            {"slice": {"total": 2, "index": self.one_of(0, 1)}},
            {"nested": {"key": "deep.list", "filter": {"must": [{"key": "x", "range": {"gte": self.one_of(1, 3)}}]}}},
        )

    def _filter(self) -> Json:
        names = self.rng.sample(["must", "should", "must_not"], self.one_of(1, 1, 2))
        groups: Json = {name: [self._condition() for _ in range(self.one_of(1, 1, 2))] for name in names}
        if self.often(0.15):
            conditions = [self._condition(), self._condition()]
            groups["min_should"] = {"conditions": conditions, "min_count": self.one_of(1, 2)}
        return groups

    def _numbers(self, size: int) -> list[float]:
        if self.often(0.03):
            size += self.one_of(-1, 1)
        return [self.one_of(0.0, 0.5, 1.0, -1.0, 0.1) for _ in range(size)]

    def _vector(self, name: str) -> Json:
        if name == "words":
            indices = self.rng.sample([0, 1, 2, 3, 9, 2**32 - 1], 2)
            return {"indices": indices, "values": self._numbers(2)}
        return [self._numbers(2)] * self.one_of(1, 2) if name == "many" else self._numbers(2 if name else 4)

    def _vectors(self) -> Json:
        if self.often(0.2):
            return self._vector("")
        names = self.rng.sample(["", "two", "many", "words"], self.one_of(0, 1, 2, 4))
        return {name: self._vector(name) for name in [*names, *(["zz"] if self.often(0.03) else [])]}

    def _payload(self) -> Json:
        value = self.one_of(None, 1, -(2**63), 0.1, "ü€😀", True, [], [1, [None, {}]], {"a.b": {"": 2}})
        return dict.fromkeys(self.rng.sample(["city", "n", "new", "a.b"], self.one_of(0, 1, 2)), value)

    def _using(self) -> str:
        name: str = self.one_of("", "two", "many", "words", *(["zz"] if self.often(0.2) else []))
        return name

    def _common(self, *names: str) -> tuple[Fields, Json]:
        """Some of what many requests have, under their names in a message, and in JSON."""
        selectors = (True, False, ["city"], {"include": ["deep.list[].x"]}, {"exclude": ["text"]}, [])
        made: dict[str, Callable[[], Json]] = {
            "filter": self._filter,
            "with_payload": lambda: self.one_of(*selectors),
            "with_vector": lambda: self.one_of(True, False, ["two", ""], [], ["zz"]),
            "limit": lambda: self.one_of(1, 2, 5, 100, *([0] if self.often(0.1) else [])),
            "offset": lambda: self.one_of(0, 1, 2),
            "score_threshold": lambda: self.one_of(0.1, 0.5, 2.0),
            "params": lambda: self.one_of({"exact": True}, {"hnsw_ef": 10}, {"quantization": {"oversampling": 2.0}}),
            "exact": lambda: self.often(0.5),
            "lookup_from": lambda: self.one_of({"collection": "other"}, {"collection": "nope"}, {"collection": "c"}),
        }
        body = {name: made[name]() for name in names if self.often(0.4)}
        return {_FIELD.get(name, name): _CONVERTED.get(name, _same)(value) for name, value in body.items()}, body

    def _after(self, message: Fields) -> str:
        """Query parameters of a write, which messages have as fields."""
        parts = []
        if self.often(0.5):
            message["wait"] = self.often(0.5)
            parts.append(f"wait={str(message['wait']).lower()}")
        if self.often(0.2):
            message["ordering"] = grpc.WriteOrdering(type=grpc.WriteOrderingType.Medium)
            parts.append("ordering=medium")
        return "&".join(parts)

    def _write(self, name: str, kind: Any, fields: Fields, route: str, body: Json) -> Spoken:
        query = self._after(fields)
        return Spoken(f"Points/{name}", kind(collection_name="c", **fields), route, body, query)

    def _read(self, name: str, kind: Any, fields: Fields, path: str, body: Json) -> Spoken:
        return Spoken(f"Points/{name}", kind(collection_name="c", **fields), f"POST {path}", body)

    # Writes

    def _upsert(self) -> Spoken:
        one = self.one_of(_todays, _old)
        points = [{"id": self._id(), "vector": self._vectors(), "payload": self._payload()} for _ in range(2)]
        fields: Fields = {"points": [_point(point, one) for point in points]}
        body: Json = {"points": points}
        if self.often(0.3):
            body["update_filter"] = self._filter()
            fields["update_filter"] = _to_filter(body["update_filter"])
        if self.often(0.3):
            mode = self.one_of("upsert", "insert_only", "update_only")
            body["update_mode"], fields["update_mode"] = mode, RestToGrpc.convert_update_mode(m.UpdateMode(mode))
        return self._write("Upsert", grpc.UpsertPoints, fields, f"PUT {_P}", body)

    def _update_vectors(self) -> Spoken:
        one = self.one_of(_todays, _old)
        points = [{"id": self._id(), "vector": self._vectors()} for _ in range(self.one_of(0, 1, 2))]
        fields = {"points": [grpc.PointVectors(id=_to_id(p["id"]), vectors=_struct(p["vector"], one)) for p in points]}
        return self._write("UpdateVectors", grpc.UpdatePointVectors, fields, f"PUT {_P}/vectors", {"points": points})

    def _some_points(self) -> Json:
        return {"points": self._ids()} if self.often(0.6) else {"filter": self._filter()}

    def _delete(self) -> Spoken:
        body = self._some_points()
        return self._write("Delete", grpc.DeletePoints, {"points": _selector(body)}, f"POST {_P}/delete", body)

    def _clear_payload(self) -> Spoken:
        body, route = self._some_points(), f"POST {_P}/payload/clear"
        return self._write("ClearPayload", grpc.ClearPayloadPoints, {"points": _selector(body)}, route, body)

    def _delete_vectors(self) -> Spoken:
        body = self._some_points()
        fields = {"points_selector": _selector(body)}
        body["vector"] = self.one_of(["two"], ["words", ""], [], ["zz"])
        fields["vectors"] = grpc.VectorsSelector(names=body["vector"])
        return self._write("DeleteVectors", grpc.DeletePointVectors, fields, f"POST {_P}/vectors/delete", body)

    def _set_payload(self) -> Spoken:
        name, method = self.one_of(("SetPayload", "POST"), ("OverwritePayload", "PUT"))
        body = {**self._some_points(), "payload": self._payload()}
        fields = {"points_selector": _selector(body), "payload": RestToGrpc.convert_payload(body["payload"])}
        if self.often(0.4):
            body["key"] = fields["key"] = self.one_of("deep", "deep.list[]", "new[0].x", '"a.b"', "a[")
        if name == "OverwritePayload":
            body.pop("key", None)  # not looked at over gRPC
        return self._write(name, grpc.SetPayloadPoints, fields, f"{method} {_P}/payload", body)

    def _delete_payload(self) -> Spoken:
        body = self._some_points()
        fields: Fields = {"points_selector": _selector(body)}
        body["keys"] = fields["keys"] = self.one_of(["city"], ["deep.list[].x", "tags[]"], [], ["a["])
        return self._write("DeletePayload", grpc.DeletePayloadPoints, fields, f"POST {_P}/payload/delete", body)

    def _create_index(self) -> Spoken:
        names = ["keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid"]
        kind, field = self.one_of(*names), self.one_of("city", "n", "tags", "place", "deep.list[].x", "a[", '"a.b"')
        fields: Fields = {"field_name": field, "field_type": names.index(kind)}
        return self._write(
            "CreateFieldIndex",
            grpc.CreateFieldIndexCollection,
            fields,
            f"PUT {_C}/index",
            {"field_name": field, "field_schema": kind},
        )

    def _delete_index(self) -> Spoken:
        field = self.one_of("city", "n", "text", "at", "none")
        kind = grpc.DeleteFieldIndexCollection
        return self._write("DeleteFieldIndex", kind, {"field_name": field}, f"DELETE {_C}/index/{field}", None)

    # Reads

    def _get(self) -> Spoken:
        fields, body = self._common("with_payload", "with_vector")
        body["ids"] = self._ids()
        return self._read("Get", grpc.GetPoints, {**fields, "ids": [_to_id(i) for i in body["ids"]]}, _P, body)

    def _scroll(self) -> Spoken:
        fields, body = self._common("filter", "with_payload", "with_vector", "limit")
        if self.often(0.3):
            body["offset"] = self._id()
            fields["offset"] = _to_id(body["offset"])
        if self.often(0.4):
            key, start = self.one_of(("n", 2), ("price", 3.5), ("at", "2024-02-03T00:00:00Z"), ("city", 1))
            body["order_by"] = {"key": key, "direction": self.one_of("asc", "desc")}
            if self.often(0.5):
                body["order_by"]["start_from"] = start
            fields["order_by"] = RestToGrpc.convert_order_by(m.OrderBy(**body["order_by"]))
        return self._read("Scroll", grpc.ScrollPoints, fields, f"{_P}/scroll", body)

    def _count(self) -> Spoken:
        fields, body = self._common("filter", "exact")
        return self._read("Count", grpc.CountPoints, fields, f"{_P}/count", body)

    def _facet(self) -> Spoken:
        fields, body = self._common("filter", "exact", "limit")
        body["key"] = fields["key"] = self.one_of("city", "n", "tags", "price", "a[")
        return self._read("Facet", grpc.FacetCounts, fields, f"{_C}/facet", body)

    def _matrix(self) -> Spoken:
        kind = self.one_of("Pairs", "Offsets")
        fields, body = self._common("filter", "limit")
        if self.often(0.5):
            body["using"] = fields["using"] = self._using()
        body["sample"] = fields["sample"] = self.one_of(10, 10, 10, 1)  # of fewer than there are some are drawn
        path = f"{_P}/search/matrix/{kind.lower()}"
        return self._read(f"SearchMatrix{kind}", grpc.SearchMatrixPoints, fields, path, body)

    def _grouped(self, fields: Fields, body: Json) -> None:
        """Turns a request into one for groups."""
        fields.pop("offset", None)
        body.pop("offset", None)
        body["group_by"] = fields["group_by"] = self.one_of("city", "n", "tags", "price", "a[")
        body["group_size"] = fields["group_size"] = self.one_of(1, 2, 3, 3, 3, 0)
        if self.often(0.4):
            lookups = ({"with_payload": False}, {"with_payload": ["name"], "with_vectors": True}, {})
            body["with_lookup"] = {"collection": self.one_of("other", "other", "nope"), **self.one_of(*lookups)}
            fields["with_lookup"] = RestToGrpc.convert_with_lookup(m.WithLookup(**body["with_lookup"]))

    def _search(self) -> Spoken:
        fields, body = self._common("filter", "params", "with_payload", "with_vector", "score_threshold", "offset")
        name = self._using()
        vector = self._vector("" if name == "many" else name)
        fields["vector_name"], body["vector"] = name, {"name": name, "vector": vector}
        if isinstance(vector, dict):
            fields["vector"], fields["sparse_indices"] = vector["values"], grpc.SparseIndices(data=vector["indices"])
        else:
            fields["vector"] = vector
        body["limit"] = fields["limit"] = self.one_of(1, 3, 3, 10, 0)
        if self.often(0.6):
            return self._read("Search", grpc.SearchPoints, fields, f"{_P}/search", body)
        self._grouped(fields, body)
        return self._read("SearchGroups", grpc.SearchPointGroups, fields, f"{_P}/search/groups", body)

    def _recommend(self) -> Spoken:
        names = ("filter", "params", "with_payload", "with_vector", "score_threshold", "offset", "lookup_from")
        fields, body = self._common(*names)
        body["using"] = fields["using"] = name = self._using()
        for side in ("positive", "negative"):
            ids = self._ids()[: self.one_of(0, 1, 2)]
            vectors = [self._vector(name)] if self.often(0.3) else []
            body[side] = [*ids, *vectors]
            fields[side] = [_to_id(id_) for id_ in ids]
            fields[f"{side}_vectors"] = [self.one_of(_todays, _old)(vector) for vector in vectors]
        strategies = ("average_vector", "best_score", "sum_scores")
        strategy = self.rng.randrange(3)
        body["strategy"], fields["strategy"] = strategies[strategy], strategy
        body["limit"] = fields["limit"] = self.one_of(1, 3, 10)
        if self.often(0.6):
            return self._read("Recommend", grpc.RecommendPoints, fields, f"{_P}/recommend", body)
        self._grouped(fields, body)
        return self._read("RecommendGroups", grpc.RecommendPointGroups, fields, f"{_P}/recommend/groups", body)

    def _discover(self) -> Spoken:
        fields, body = self._common("filter", "params", "with_payload", "with_vector", "offset")
        body["using"] = fields["using"] = name = self._using()
        target, positive, negative = (self.one_of(self._id(), self._vector(name)) for _ in range(3))
        if self.often(0.7):
            body["target"], fields["target"] = target, grpc.TargetVector(single=self._example(target))
        if self.often(0.7):
            body["context"] = [{"positive": positive, "negative": negative}]
            pair = {"positive": self._example(positive), "negative": self._example(negative)}
            fields["context"] = [grpc.ContextExamplePair(**pair)]
        body["limit"] = fields["limit"] = self.one_of(1, 3, 10, 0)
        return self._read("Discover", grpc.DiscoverPoints, fields, f"{_P}/discover", body)

    def _example(self, example: Json) -> Any:
        if isinstance(example, (int, str)):
            return grpc.VectorExample(id=_to_id(example))
        return grpc.VectorExample(vector=self.one_of(_todays, _old)(example))

    def _query_groups(self) -> Spoken:
        fields, body = self._common("filter", "params", "with_payload", "with_vector", "score_threshold", "limit")
        body["using"] = fields["using"] = name = self._using()
        body["query"] = query = self.one_of(self._id(), self._vector(name))
        fields["query"] = RestToGrpc.convert_query_interface(_model(m.QueryInterface, query))
        self._grouped(fields, body)
        return self._read("QueryGroups", grpc.QueryPointGroups, fields, f"{_P}/query/groups", body)


_REQUESTS = (
    *("upsert", "upsert", "update_vectors", "delete", "delete_vectors", "set_payload", "delete_payload"),
    *("clear_payload", "create_index", "delete_index", "get", "scroll", "count", "facet", "matrix", "search", "search"),
    *("recommend", "recommend", "discover", "query_groups"),
)


def _model(type_: Any, value: Json) -> Any:
    return TypeAdapter(type_).validate_python(value)


def _same(value: Any) -> Any:
    return value


def _to_filter(body: Json) -> Any:
    return RestToGrpc.convert_filter(m.Filter(**body))


def _to_id(id_: int | str) -> Any:
    return RestToGrpc.convert_extended_point_id(id_)


def _selector(body: Json) -> Any:
    if "points" in body:
        return grpc.PointsSelector(points=grpc.PointsIdsList(ids=[_to_id(id_) for id_ in body["points"]]))
    return grpc.PointsSelector(filter=_to_filter(body["filter"]))


def _todays(vector: Json) -> Any:
    if isinstance(vector, dict):
        return grpc.Vector(sparse=grpc.SparseVector(**vector))
    if isinstance(vector[0], list):
        rows = [grpc.DenseVector(data=row) for row in vector]
        return grpc.Vector(multi_dense=grpc.MultiDenseVector(vectors=rows))
    return grpc.Vector(dense=grpc.DenseVector(data=vector))


def _old(vector: Json) -> Any:
    if isinstance(vector, dict):
        return grpc.Vector(data=vector["values"], indices=grpc.SparseIndices(data=vector["indices"]))
    if isinstance(vector[0], list):
        return grpc.Vector(data=[number for row in vector for number in row], vectors_count=len(vector))
    return grpc.Vector(data=vector)


def _struct(vectors: Json, one: Callable[[Json], Any]) -> Any:
    if isinstance(vectors, list):
        return grpc.Vectors(vector=one(vectors))
    return grpc.Vectors(vectors=grpc.NamedVectors(vectors={name: one(vector) for name, vector in vectors.items()}))


def _point(point: Json, one: Callable[[Json], Any]) -> Any:
    payload = RestToGrpc.convert_payload(point["payload"])
    return grpc.PointStruct(id=_to_id(point["id"]), vectors=_struct(point["vector"], one), payload=payload)


def _to_with_vectors(selector: Json) -> Any:
    if isinstance(selector, bool):
        return grpc.WithVectorsSelector(enable=selector)
    return grpc.WithVectorsSelector(include=grpc.VectorsSelector(names=selector))


_FIELD = {"with_vector": "with_vectors"}
_CONVERTED: dict[str, Callable[[Json], Any]] = {
    "filter": _to_filter,
    "with_payload": lambda value: RestToGrpc.convert_with_payload_interface(_model(m.WithPayloadInterface, value)),
    "with_vector": _to_with_vectors,
    "params": lambda value: RestToGrpc.convert_search_params(m.SearchParams(**value)),
    "lookup_from": lambda value: grpc.LookupLocation(collection_name=value["collection"]),
}
