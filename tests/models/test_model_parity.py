"""Every type of qdrant-client 1.20 exists here, takes its objects and dicts, and dumps to the same content."""

import ast
import datetime
import inspect
import random
import sys
import types
import typing
import uuid
from enum import Enum
from typing import Any

import pytest
import qdrant_client.models
from pydantic import BaseModel

from minidb import models

QDRANT = sys.modules["qdrant_client.http.models.models"]
CLASSES = {n: c for n, c in vars(QDRANT).items() if isinstance(c, type) and c.__module__ == QDRANT.__name__}
ALIASES = {
    node.targets[0].id
    for node in ast.parse(inspect.getsource(QDRANT)).body
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
}

# What a store on a single node has no use for: clusters, shard transfers, telemetry, snapshots, segments' insides.
OMITTED_PARTS = ("Telemetry", "InlineResponse", "Reshard", "Replica", "Snapshot", "Cluster", "Consensus", "Transfer")
OMITTED = {
    "AppBuildTelemetry", "ContainerRuntime", "CpuEndian", "CreateShardingKey", "CreateShardingKeyOperation",
    "DistributedPeerDetails", "DistributedPeerInfo", "DropShardingKey", "DropShardingKeyOperation", "FeatureFlags",
    "HnswGlobalConfig", "Indexes", "IndexesOneOf", "IndexesOneOf1", "IoBackend", "LocalShardInfo", "LowMemoryMode",
    "LowMemoryModeOneOf", "LowMemoryModeOneOf1", "LowMemoryModeOneOf2", "MessageSendErrors", "MoveShard",
    "MoveShardOperation", "OperationDurationStatistics", "PayloadStorageType", "PayloadStorageTypeOneOf",
    "PayloadStorageTypeOneOf1", "PeerInfo", "PeerMetadata", "RaftInfo", "RemoteShardInfo", "ReplicatePoints",
    "ReplicatePointsOperation", "ReplicateShard", "ReplicateShardOperation", "SegmentConfig", "SegmentInfo",
    "SegmentType", "ShardCleanStatusTelemetry", "ShardStatus", "ShardUpdateQueueInfo", "SparseIndexConfig",
    "SparseIndexType", "SparseIndexTypeOneOf", "SparseIndexTypeOneOf1", "SparseIndexTypeOneOf2",
    "SparseVectorDataConfig", "SparseVectorStorageType", "SparseVectorStorageTypeOneOf", "StateRole",
    "VectorDataConfig", "VectorDataInfo", "VectorStorageType", "VectorStorageTypeOneOf", "VectorStorageTypeOneOf1",
    "VectorStorageTypeOneOf2", "VectorStorageTypeOneOf3", "VectorStorageTypeOneOf4", "VectorStorageTypeOneOf5",
}  # fmt: skip


def omitted(name: str) -> bool:
    return name in OMITTED or any(part in name for part in OMITTED_PARTS)


def test_every_name_of_qdrant_client_exists_or_is_left_out_on_purpose() -> None:
    missing = {name for name in CLASSES.keys() | ALIASES if name not in models.__all__ and not omitted(name)}

    assert missing == set()
    assert {name for name in OMITTED if name in models.__all__} == set()


def test_all_names_exported_exist() -> None:
    assert [name for name in models.__all__ if not hasattr(models, name)] == []


ENUMS = [name for name, cls in CLASSES.items() if issubclass(cls, Enum) and name in models.__all__]
MODELS = [name for name, cls in CLASSES.items() if issubclass(cls, BaseModel) and name in models.__all__]


@pytest.mark.parametrize("name", ENUMS)
def test_enums_have_the_same_members(name: str) -> None:
    ours, theirs = getattr(models, name), CLASSES[name]

    assert {m.name: m.value for m in ours} == {m.name: m.value for m in theirs}
    assert all(ours(member) == member for member in theirs)


@pytest.mark.parametrize("name", MODELS)
def test_fields_and_defaults_are_the_same(name: str) -> None:
    ours, theirs = getattr(models, name), CLASSES[name].model_fields
    if not issubclass(ours, BaseModel):  # the light result classes
        assert list(ours.__slots__) == list(theirs)
        assert {n: f.default for n, f in theirs.items() if not f.is_required()} == dict(ours._defaults)
        return
    assert list(ours.model_fields) == list(theirs)
    for field, theirs_info in theirs.items():
        info = ours.model_fields[field]
        assert info.is_required() == theirs_info.is_required(), field
        if not info.is_required():
            assert info.get_default(call_default_factory=True) == theirs_info.default, field


# Random instances of qdrant-client's classes


class Maker:
    """Builds random instances from type annotations, within the ranges Qdrant allows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def model(self, cls: type[BaseModel], depth: int) -> BaseModel:
        special = getattr(self, cls.__name__, None)
        if special is not None:
            return special(cls, depth)
        fields = {}
        for name, info in cls.model_fields.items():
            if info.is_required() or (depth < 3 and self.random.random() < 0.5):
                fields[info.alias or name] = self.value(info.annotation, depth + 1, name)
        return cls(**fields)

    def value(self, type_: Any, depth: int, name: str) -> Any:
        if isinstance(type_, typing.ForwardRef):
            type_ = getattr(QDRANT, type_.__forward_arg__)
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if origin is typing.Annotated:
            return self.value(arguments[0], depth, name)
        if origin in (typing.Union, types.UnionType):
            options = [a for a in arguments if a is not type(None)]
            if depth > 4:  # come to an end
                options = [a for a in options if simple(a)] or options
            return self.value(self.random.choice(options), depth, name)
        if origin is list:
            count = (
                2 if "float" in str(arguments[0]) else self.random.randint(1, 2)
            )  # rows of a multivector are equally long
            return [self.value(arguments[0], depth, name) for _ in range(count)]
        if origin is dict:
            return (
                {"a key": self.value(arguments[1], depth, name)} if arguments[1] is not Any else {"k": [1, "x", None]}
            )
        if isinstance(type_, type) and issubclass(type_, Enum):
            # dense vectors and payloads cannot be pinned
            return self.random.choice([member for member in type_ if member.value != "pinned"])
        if isinstance(type_, type) and issubclass(type_, BaseModel):
            return self.model(type_, depth)
        return self.scalar(type_, name)

    def scalar(self, type_: Any, name: str) -> Any:
        if type_ is bool:
            return self.random.random() < 0.5
        if type_ is int:
            return self.random.randint(100, 1000) if "percent" not in name else 50
        if type_ is float:
            return {"lat": 45.5, "lon": -120.25}.get(name, self.random.choice([0.5, 1.0, 0.75]))
        if type_ is uuid.UUID:
            return uuid.UUID(int=self.random.getrandbits(128))
        if type_ is datetime.datetime:
            return datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)
        if type_ is datetime.date:
            return datetime.date(2024, 5, 6)
        if type_ is str:
            ids = ("id", "has_id", "ids", "positive", "negative", "nearest", "target", "example", "query", "context")
            if name in (*ids, "points", "offset", "feedback", "a", "b", "next_page_offset"):
                return str(self.scalar(uuid.UUID, name))
            return "some text"
        assert type_ is Any, type_
        return {"free": [1, "x"]}

    def SparseVector(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(indices=[5, 3], values=[0.5, 1.0])

    def GeoLineString(self, cls: Any, depth: int) -> Any:  # noqa: N802
        corners = [(1.0, 2.0), (1.0, 3.0), (2.0, 3.0), (1.0, 2.0)]
        return cls(points=[QDRANT.GeoPoint(lon=lon, lat=lat) for lon, lat in corners])

    def Slice(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(total=4, index=3)

    def IntegerIndexParams(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(type="integer", lookup=False, range=True)

    def FieldCondition(self, cls: Any, depth: int) -> Any:  # noqa: N802
        name = self.random.choice([n for n in cls.model_fields if n != "key"])
        return cls(key="k", **{name: self.value(cls.model_fields[name].annotation, depth, name)})

    def RecommendInput(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(positive=[1], negative=[self.value(QDRANT.VectorInput, depth + 1, "negative")])

    def Batch(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(ids=[1], vectors={"v": [self.value(QDRANT.Vector, depth + 1, "vectors")]}, payloads=[{"a": 1}])

    def SnapshotRecover(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(location="http://host/a.snapshot", checksum="0a" * 32, api_key="some text")

    def QuantizationSearchParams(self, cls: Any, depth: int) -> Any:  # noqa: N802
        return cls(oversampling=2.0, rescore=True)


def simple(type_: Any) -> bool:
    if isinstance(type_, typing.ForwardRef):
        type_ = getattr(QDRANT, type_.__forward_arg__)
    if isinstance(type_, type) and issubclass(type_, BaseModel):
        return type_.__name__ in ("HasIdCondition", "HasVectorCondition", "IsNullCondition")
    return typing.get_origin(type_) not in (typing.Union, list)


@pytest.mark.parametrize("name", MODELS)
def test_objects_and_dicts_of_qdrant_client_are_taken_and_dump_to_the_same(name: str) -> None:
    ours = getattr(models, name)
    for seed in range(30):
        theirs = Maker(seed).model(CLASSES[name], 0)
        expected = theirs.model_dump(exclude_none=True)

        from_object = ours.model_validate(theirs)
        assert from_object.model_dump(exclude_none=True) == expected
        assert from_object.model_dump().keys() == theirs.model_dump().keys()

        from_dict = ours.model_validate(expected)
        assert from_dict.model_dump(exclude_none=True) == expected  # a Bm25Config has become a dict of options
        if issubclass(ours, BaseModel):
            from_json = ours.model_validate_json(theirs.model_dump_json(exclude_none=True, by_alias=True))
            in_json = from_object.model_dump(mode="json", exclude_none=True)
            assert from_json.model_dump(mode="json", exclude_none=True) == in_json
        assert models.parse(ours, from_object) is from_object


def test_the_names_users_import_are_the_ones_of_qdrant_client() -> None:
    theirs = {n for n in vars(qdrant_client.models) if n in CLASSES}

    assert {n for n in theirs if n not in models.__all__ and not omitted(n)} == set()
