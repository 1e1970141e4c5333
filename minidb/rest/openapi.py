"""`/openapi.json`: the interface as it is served, described from the table of routes and the models of bodies.

Made when it is first asked for. Left out are the page's own routes and what only a cluster can do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

import minidb
from minidb.models.base import is_class
from minidb.models.results import Result
from minidb.models.service import ErrorResponse, SnapshotPriority, VersionInfo
from minidb.rest.call import Call
from minidb.rest.encoding import dumps
from minidb.rest.message import JSON, Response
from minidb.rest.route import Route

_REF = "#/components/schemas/{model}"
_FLAG, _COUNT, _TEXT = {"type": "boolean"}, {"type": "integer", "minimum": 0}, {"type": "string"}
_AT_LEAST_ONE = {"type": "integer", "minimum": 1}
_WAITING = {"wait": _FLAG, "ordering": {"enum": ["weak", "medium", "strong"]}}
_CONSISTENT = {"consistency": {"anyOf": [_AT_LEAST_ONE, {"enum": ["majority", "quorum", "all"]}]}}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "/telemetry": {"details_level": _COUNT, "anonymize": _FLAG, "per_collection": _FLAG},
    "/metrics": {"anonymize": _FLAG, "per_collection": _FLAG},
    "/optimizations": {"with": _TEXT, "completed_limit": _COUNT},
    "/snapshots/upload": {"wait": _FLAG, "checksum": _TEXT, "priority": {"enum": list(SnapshotPriority)}},
    "/snapshots/recover": {"wait": _FLAG},
    "/snapshots": {"wait": _FLAG},
    "/{snapshot_name}": {"wait": _FLAG},
}
"""Of paths that end so, the first that fits; others have those of reading or writing points."""
_UPLOAD = {"type": "object", "properties": {"snapshot": {"type": "string", "format": "binary"}}}


def routes_described(others: Callable[[], tuple[Route, ...]]) -> tuple[Route, ...]:
    """The route that describes `others`, the whole table."""

    @cache
    def document() -> bytes:
        return dumps(described(others()))

    def answer(call: Call) -> Response:
        return Response(200, document())

    return (Route("GET", "/openapi.json", answer),)


class _Schemas(GenerateJsonSchema):
    """Some of a union's forms hold others: an array of vectors, an array of anything."""

    def tagged_union_schema(self, schema: Any) -> JsonSchemaValue:
        described = super().tagged_union_schema(schema)
        return {"anyOf" if name == "oneOf" else name: part for name, part in described.items()}


def described(routes: tuple[Route, ...]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    results = {route.operation: get_type_hints(route.handler).get("return", Any) for route in routes}
    served = [route for route in routes if results[route.operation] is not NoReturn and "/dashboard/" not in route.path]
    bodies = [(route.operation, "validation", TypeAdapter(route.body)) for route in served if route.body is not None]
    returned = [kind for kind in results.values() if is_class(kind)]
    told = [kind for kind in returned if issubclass(kind, BaseModel)]
    told += [VersionInfo, ErrorResponse]
    models = [(model.__name__, "serialization", TypeAdapter(model)) for model in told]
    inputs: Any = [*bodies, *models]
    schemas, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF, schema_generator=_Schemas)
    components = definitions.get("$defs", {})
    of_body = {operation: schemas[operation, "validation"] for operation, _, _ in bodies}
    paths: dict[str, dict[str, Any]] = {}
    for route in served:
        result = _result(results[route.operation], components)
        operation: dict[str, Any] = {
            "operationId": re.sub(r"\W+", "_", route.operation.lower()).strip("_"),
            "tags": [route.handler.__module__.rpartition(".")[2]],
            "parameters": _parameters(route),
            "responses": {"200": _answer(route, results[route.operation], result), "default": _FAILED},
        }
        if route.path.endswith("/snapshots/upload"):
            operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _UPLOAD}}}
        elif route.body is not None:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": of_body[route.operation]}}}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "minidb", "version": minidb.__version__, "description": "Qdrant's REST interface, by minidb"},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"api-key": {"type": "apiKey", "in": "header", "name": "api-key"}},
        },
        "security": [{"api-key": []}, {}],
    }


_FAILED = {
    "description": "refused or failed",
    "content": {JSON: {"schema": {"$ref": _REF.format(model="ErrorResponse")}}},
}


def _parameters(route: Route) -> list[dict[str, Any]]:
    """Those of the path, and those of the query."""
    parts = re.findall(r"{(\w+)}", route.path)
    of_path = [{"name": part, "in": "path", "required": True, "schema": _TEXT} for part in parts]
    default = {} if "{collection_name}/" not in route.path else _WAITING if route.writes else _CONSISTENT
    own = next((own for end, own in _PARAMETERS.items() if route.path.endswith(end)), default)
    if own.keys() == {"wait"} and not route.writes:
        own = {}
    of_query = {**own, "timeout": _AT_LEAST_ONE}
    return of_path + [{"name": name, "in": "query", "schema": schema} for name, schema in of_query.items()]


def _answer(route: Route, result: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """A good answer: the envelope around a result, or what a handler answers as a whole."""
    if result is Response:
        if route.path == "/":
            content: dict[str, Any] = {JSON: {"schema": {"$ref": _REF.format(model="VersionInfo")}}}
        elif route.path.endswith(".json"):
            content = {JSON: {"schema": {"type": "object"}}}
        elif route.path.endswith("/{snapshot_name}"):
            content = {"application/octet-stream": {}}
        else:
            content = {"text/plain": {"schema": _TEXT}}
        return {"description": "done", "content": content}
    envelope = {"result": schema, "status": {"const": "ok"}, "time": {"type": "number"}, "usage": {"type": "object"}}
    schema = {"type": "object", "properties": envelope, "required": ["result", "status", "time"]}
    return {"description": "done", "content": {JSON: {"schema": schema}}}


def _result(kind: Any, components: dict[str, Any]) -> dict[str, Any]:
    """The schema of a handler's result; of light classes, which pydantic does not know, the names of fields."""
    if get_origin(kind) is list:
        return {"type": "array", "items": _result(get_args(kind)[0], components)}
    if kind is bool:
        return _FLAG
    if not is_class(kind) or not issubclass(kind, (BaseModel, Result)):
        return {}
    if issubclass(kind, Result):
        fields: dict[str, Any] = {name: {} for name in kind.__slots__}
        required = [name for name in fields if name not in kind._defaults]
        components[kind.__name__] = {"type": "object", "properties": fields, "required": required}
    return {"$ref": _REF.format(model=kind.__name__)}
