"""Message classes made from the table, in a descriptor pool of their own: qdrant-client's live in the default one.

On the wire a packed array of floats is a length and bytes, so our classes declare it as `bytes`, which numpy takes as
it is. `file_descriptors` has the types as Qdrant declares them, for those who ask by reflection.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeAlias

from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as File
from google.protobuf.descriptor_pool import DescriptorPool

from minidb.grpc.table import FILES, QDRANT, SCALARS, Field, table

Message: TypeAlias = Any
"""An instance of a class that protobuf makes at run time."""

_TIMESTAMP = (Field("seconds", 1, "int64", "one"), Field("nanos", 2, "int32", "one"))
_TIMESTAMP_FILE = "google/protobuf/timestamp.proto"
_TYPES = {name: getattr(FieldDescriptorProto, f"TYPE_{name.upper()}") for name in SCALARS}


@cache
def message_class(name: str, package: str = QDRANT) -> type[Message]:
    """The class of a message."""
    kind: type[Message] = message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{package}.{name}"))
    return kind


@cache
def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in (_timestamp_file(), *(_file(package, floats_as_bytes=True) for package in FILES)):
        pool.Add(file)
    return pool


def file_descriptors() -> dict[str, File]:
    """Descriptions of all files by their names, with the types as Qdrant declares them, and without services."""
    files = (_timestamp_file(), *(_file(package, floats_as_bytes=False) for package in FILES))
    return {file.name: file for file in files}


def file_name(package: str) -> str:
    """The file that holds a package."""
    return f"{package.replace('.', '/')}.proto"


def _timestamp_file() -> File:
    file = File(name=_TIMESTAMP_FILE, package="google.protobuf", syntax="proto3")
    _fill(file.message_type.add(name="Timestamp"), _TIMESTAMP, "google.protobuf", False)
    return file


def _file(package: str, floats_as_bytes: bool) -> File:
    file = File(name=file_name(package), package=package, syntax="proto3", dependency=[_TIMESTAMP_FILE])
    by_name: dict[str, DescriptorProto] = {}
    for name, fields in table(package).messages.items():
        outer, _, inner = name.rpartition(".")
        siblings = by_name[outer].nested_type if outer else file.message_type
        _fill(by_name.setdefault(name, siblings.add(name=inner)), fields, package, floats_as_bytes)
    for name, values in table(package).enums.items():
        outer, _, inner = name.rpartition(".")
        enum = (by_name[outer].enum_type if outer else file.enum_type).add(name=inner)
        for word, number in values.items():
            enum.value.add(name=word, number=number)
    return file


def _fill(message: DescriptorProto, fields: Iterable[Field], package: str, floats_as_bytes: bool) -> None:
    optional = []
    for field in fields:
        target = message.field.add(name=field.name, number=field.number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        if field.label == "map":
            entry = message.nested_type.add(name=f"{_camel(field.name)}Entry")
            entry.options.map_entry = True
            _fill(entry, [Field("key", 1, "string", "one"), Field("value", 2, field.type, "one")], package, False)
            target.type, target.type_name = FieldDescriptorProto.TYPE_MESSAGE, entry.name
        elif field.label == "many" and field.type == "float" and floats_as_bytes:
            target.type = FieldDescriptorProto.TYPE_BYTES
            continue
        else:
            _set_type(target, field.type, package)
        if field.label in ("many", "map"):
            target.label = FieldDescriptorProto.LABEL_REPEATED
        elif field.oneof is not None:
            target.oneof_index = _group(message, field.oneof)
        elif field.label == "optional":
            optional.append(target)
    for target in optional:  # a group of one each, after all others
        target.proto3_optional = True
        target.oneof_index = _group(message, f"_{target.name}")


def _set_type(target: FieldDescriptorProto, type_: str, package: str) -> None:
    if type_ in SCALARS:
        target.type = _TYPES[type_]
    elif type_ == "Timestamp":
        target.type, target.type_name = FieldDescriptorProto.TYPE_MESSAGE, ".google.protobuf.Timestamp"
    else:
        is_enum = type_ in table(package).enums
        target.type = FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
        target.type_name = f".{package}.{type_}"


def _group(message: DescriptorProto, name: str) -> int:
    for index, group in enumerate(message.oneof_decl):
        if group.name == name:
            return index
    message.oneof_decl.add(name=name)
    return len(message.oneof_decl) - 1


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
