"""The table of messages against qdrant-client's descriptors: names, numbers, types, presence, groups, enums, rpcs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from qdrant_client.grpc import (
    collections_pb2,
    collections_service_pb2,
    json_with_int_pb2,
    points_pb2,
    points_service_pb2,
    qdrant_common_pb2,
    qdrant_pb2,
    snapshots_service_pb2,
)

from minidb.grpc import descriptors
from minidb.grpc.rpcs import RPCS
from minidb.grpc.table import QDRANT, table

THEIRS = [
    file.DESCRIPTOR
    for file in (
        json_with_int_pb2,
        qdrant_common_pb2,
        collections_pb2,
        points_pb2,
        snapshots_service_pb2,
        qdrant_pb2,
        collections_service_pb2,
        points_service_pb2,
    )
]


def _ours() -> Any:
    """Our own file as it is told to those who ask by reflection, in a pool."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file_descriptors().values():
        pool.Add(file)
    return pool.FindFileByName(descriptors.file_name(QDRANT))


def described(file: Any) -> dict[str, Any]:
    """Messages and enums of a file by full name, each as what a client can tell of it."""
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    found: dict[str, Any] = {}
    pending = [(proto.package, message) for message in proto.message_type]
    enums = [(proto.package, enum) for enum in proto.enum_type]
    while pending:
        scope, message = pending.pop()
        name = f"{scope}.{message.name}"
        found[name] = [_field(message, field) for field in sorted(message.field, key=lambda field: field.number)]
        pending.extend((name, nested) for nested in message.nested_type)
        enums.extend((name, enum) for enum in message.enum_type)
    for scope, enum in enums:
        found[f"{scope}.{enum.name}"] = [(value.name, value.number) for value in enum.value]
    return found


def _field(message: Any, field: Any) -> tuple[Any, ...]:
    group = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
    return field.name, field.number, field.type, field.type_name, field.label, group, field.proto3_optional


def test_messages_and_enums_are_those_of_the_client() -> None:
    theirs: dict[str, Any] = {}
    for file in THEIRS:
        theirs |= described(file)
    ours = described(_ours())
    assert ours.keys() == theirs.keys()
    for name, fields in theirs.items():
        assert ours[name] == fields, name


def test_the_table_is_as_large_as_it_should_be() -> None:
    known = table()
    assert len(known.messages) == 272
    assert sum(map(len, known.messages.values())) == 1014
    assert len(known.enums) == 29
    assert sum(map(len, known.enums.values())) == 110


def _methods() -> Iterator[tuple[str, str, str]]:
    for file in THEIRS:
        for service in file.services_by_name.values():
            for method in service.methods:
                yield f"{service.name}/{method.name}", method.input_type.full_name, method.output_type.full_name


def test_rpcs_are_those_of_the_client() -> None:
    ours = {(rpc.name, f"qdrant.{rpc.request}", f"qdrant.{rpc.response}") for rpc in RPCS}
    assert len(ours) == len(RPCS) == 51
    assert ours == set(_methods())


@pytest.mark.parametrize("name", sorted(table().messages))
def test_messages_differ_from_the_declared_ones_in_packed_floats_only(name: str) -> None:
    for field in descriptors.message_class(name).DESCRIPTOR.fields:
        declared = next(one for one in table().messages[name] if one.name == field.name)
        as_bytes = declared.label == "many" and declared.type == "float"
        assert (field.type == FieldDescriptor.TYPE_BYTES) == (as_bytes or declared.type == "bytes")
