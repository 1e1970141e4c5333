"""Message classes made from the table, in a descriptor pool of their own: qdrant-client's live in the default one.

On the wire a packed array of floats is a length and bytes, so our classes declare it as `bytes`, which numpy takes as
it is. `file_descriptors` has the types as Qdrant declares them, for those who ask by reflection.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as File
from google.protobuf.descriptor_pool import DescriptorPool

from minidb.grpc.table import SCALARS, Field, table

Message: TypeAlias = Any
"""An instance of a class that protobuf makes at run time."""

PACKAGE = "qdrant"
_FILE, _TIMESTAMP_FILE, _HEALTH_FILE = "qdrant.proto", "google/protobuf/timestamp.proto", "health.proto"
_TIMESTAMP = (Field("seconds", 1, "int64", "one"), Field("nanos", 2, "int32", "one"))
_TYPES = {name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}") for name in SCALARS}


@cache
def message_class(name: str) -> type[Message]:
    """The class of a message of the table, or of `grpc.health.v1.…`, by its name."""
    full = name if "." in name and name.split(".")[0] == "grpc" else f"{PACKAGE}.{name}"
    kind: type[Message] = message_factory.GetMessageClass(_pool().FindMessageTypeByName(full))
    return kind


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in _files(floats_as_bytes=True):
        pool.Add(file)
    return pool


@cache
def file_descriptors() -> tuple[File, ...]:
    """All files, each after those it needs, without services (`rpcs` knows them)."""
    return _files(floats_as_bytes=False)


def _files(floats_as_bytes: bool) -> tuple[File, ...]:
    timestamp = File(name=_TIMESTAMP_FILE, package="google.protobuf", syntax="proto3")
    _fill(timestamp.message_type.add(name="Timestamp"), _TIMESTAMP, floats_as_bytes)
    main = File(name=_FILE, package=PACKAGE, syntax="proto3", dependency=[_TIMESTAMP_FILE])
    known = table()
    by_name: dict[str, DescriptorProto] = {}
    for name, fields in known.messages.items():
        outer, _, inner = name.rpartition(".")
        siblings = by_name[outer].nested_type if outer else main.message_type
        _fill(by_name.setdefault(name, siblings.add(name=inner)), fields, floats_as_bytes)
    for name, values in known.enums.items():
        outer, _, inner = name.rpartition(".")
        enums = by_name[outer].enum_type if outer else main.enum_type
        _fill_enum(enums.add(name=inner), values.items())
    return timestamp, main, _health()


def _health() -> File:
    file = File(name=_HEALTH_FILE, package="grpc.health.v1", syntax="proto3")
    _fill(file.message_type.add(name="HealthCheckRequest"), [Field("service", 1, "string", "one")], False)
    response = file.message_type.add(name="HealthCheckResponse")
    status = response.field.add(name="status", number=1, label=FieldDescriptorProto.LABEL_OPTIONAL)
    status.type, status.type_name = FieldDescriptorProto.TYPE_ENUM, ".grpc.health.v1.HealthCheckResponse.ServingStatus"
    states = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
    _fill_enum(response.enum_type.add(name="ServingStatus"), zip(states, range(4), strict=True))
    return file


def _fill(message: DescriptorProto, fields: Iterable[Field], floats_as_bytes: bool) -> None:
    optional = []
    for field in fields:
        target = message.field.add(name=field.name, number=field.number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        if field.label == "map":
            entry = message.nested_type.add(name=f"{_camel(field.name)}Entry")
            entry.options.map_entry = True
            _fill(entry, [Field("key", 1, "string", "one"), Field("value", 2, field.type, "one")], False)
            target.type, target.type_name = FieldDescriptorProto.TYPE_MESSAGE, entry.name
        elif field.label == "many" and field.type == "float" and floats_as_bytes:
            target.type = FieldDescriptorProto.TYPE_BYTES
            continue
        else:
            _set_type(target, field.type)
        if field.label in ("many", "map"):
            target.label = FieldDescriptorProto.LABEL_REPEATED
        elif field.oneof is not None:
            target.oneof_index = _group(message, field.oneof)
        elif field.label == "optional":
            optional.append(target)
    for target in optional:  # a group of one each, after all others
        target.proto3_optional = True
        target.oneof_index = _group(message, f"_{target.name}")


def _set_type(target: FieldDescriptorProto, type_: str) -> None:
    if type_ in SCALARS:
        target.type = _TYPES[type_]
    elif type_ == "Timestamp":
        target.type, target.type_name = FieldDescriptorProto.TYPE_MESSAGE, ".google.protobuf.Timestamp"
    else:
        is_enum = type_ in table().enums
        target.type = FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
        target.type_name = f".{PACKAGE}.{type_}"


def _group(message: DescriptorProto, name: str) -> int:
    for index, group in enumerate(message.oneof_decl):
        if group.name == name:
            return index
    message.oneof_decl.add(name=name)
    return len(message.oneof_decl) - 1


def _fill_enum(enum: EnumDescriptorProto, values: Iterable[tuple[str, int]]) -> None:
    for word, number in values:
        enum.value.add(name=word, number=number)


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
