"""What every gRPC server may be asked: whether it is well, and which services and messages it has.

Tools such as grpcurl ask before they can send anything. Knows the rows of `rpcs`, none of their handlers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from google.protobuf.message import DecodeError

from minidb.grpc.descriptors import Message, file_descriptors, file_name, message_class
from minidb.grpc.rpcs import RPCS
from minidb.grpc.service import Answer
from minidb.grpc.status import Code
from minidb.grpc.table import HEALTH, QDRANT, REFLECTION

HEALTH_CHECK = f"/{HEALTH}.Health/Check"
REFLECTIONS = {f"/{package}.ServerReflection/ServerReflectionInfo": package for package in REFLECTION}
"""Endpoints of reflection, and which package's messages they speak."""
_SERVING = 1


def check(message: bytes) -> Answer:
    """Whether the server, or one of its services, is well: it is when it answers."""
    try:
        service = message_class("HealthCheckRequest", HEALTH).FromString(message).service
    except DecodeError:
        return Answer(Code.INTERNAL, text="failed to decode Protobuf message: this is no HealthCheckRequest")
    if service and service not in _services():
        return Answer(Code.NOT_FOUND, text="service not registered")
    return Answer(Code.OK, message_class("HealthCheckResponse", HEALTH)(status=_SERVING).SerializeToString())


def reflect(package: str, message: bytes) -> bytes:
    """The answer to one question of reflection. Raises DecodeError when it is none."""
    request = message_class("ServerReflectionRequest", package).FromString(message)
    reply = message_class("ServerReflectionResponse", package)
    answer = reply(valid_host=request.host, original_request=request, **_answer(request))
    return answer.SerializeToString()  # type: ignore[no-any-return]


def _answer(request: Message) -> dict[str, Any]:
    kind = request.WhichOneof("message_request")
    if kind == "list_services":
        return {"list_services_response": {"service": [{"name": name} for name in _services()]}}
    if kind in ("file_by_filename", "file_containing_symbol"):
        wanted = getattr(request, kind)
        name = wanted if kind == "file_by_filename" else _symbols().get(wanted)
        if name in _files():
            return {"file_descriptor_response": {"file_descriptor_proto": _with_dependencies(name)}}
        return {"error_response": {"error_code": int(Code.NOT_FOUND), "error_message": f"{wanted} is not here"}}
    text = "there are no extensions" if kind else "nothing is asked"
    return {"error_response": {"error_code": int(Code.NOT_FOUND), "error_message": text}}


@cache
def _files() -> dict[str, Any]:
    """The files with their services."""
    files = file_descriptors()
    qdrant = files[file_name(QDRANT)]
    for name in dict.fromkeys(rpc.name.partition("/")[0] for rpc in RPCS):
        service = qdrant.service.add(name=name)
        for rpc in RPCS:
            group, _, method = rpc.name.partition("/")
            if group == name:
                types = {"input_type": f".{QDRANT}.{rpc.request}", "output_type": f".{QDRANT}.{rpc.response}"}
                service.method.add(name=method, **types)
    health = files[file_name(HEALTH)].service.add(name="Health")
    types = {kind: f".{HEALTH}.HealthCheck{what}" for kind, what in _IN_AND_OUT.items()}
    health.method.add(name="Check", **types)
    for package in REFLECTION:
        service = files[file_name(package)].service.add(name="ServerReflection")
        types = {kind: f".{package}.ServerReflection{what}" for kind, what in _IN_AND_OUT.items()}
        service.method.add(name="ServerReflectionInfo", client_streaming=True, server_streaming=True, **types)
    return files


_IN_AND_OUT = {"input_type": "Request", "output_type": "Response"}


def _with_dependencies(name: str) -> list[bytes]:
    file = _files()[name]
    return [_files()[each].SerializeToString() for each in (name, *file.dependency)]


@cache
def _services() -> tuple[str, ...]:
    return tuple(f"{file.package}.{service.name}" for file in _files().values() for service in file.service)


@cache
def _symbols() -> dict[str, str]:
    """Full names of services, methods, messages and enums → the file they are in."""
    return {symbol: file.name for file in _files().values() for symbol in _symbols_of(file)}


def _symbols_of(file: Any) -> Iterator[str]:
    for service in file.service:
        yield f"{file.package}.{service.name}"
        yield from (f"{file.package}.{service.name}.{method.name}" for method in service.method)
    yield from _nested(file.package, file.message_type, file.enum_type)


def _nested(scope: str, messages: Any, enums: Any) -> Iterator[str]:
    yield from (f"{scope}.{enum.name}" for enum in enums)
    for message in messages:
        yield f"{scope}.{message.name}"
        yield from _nested(f"{scope}.{message.name}", message.nested_type, message.enum_type)
