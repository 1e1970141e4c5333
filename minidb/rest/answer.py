"""From a request to a response: find the route, read the parameters and the body, run the handler, wrap its result."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from minidb import errors
from minidb.collection.config import check_part, collection_name_faults, vector_name_faults
from minidb.database import Database
from minidb.inference import InferenceContext, inference_usage
from minidb.models.base import parse
from minidb.models.faults import printable
from minidb.rest.call import Call, Parameters
from minidb.rest.encoding import dumps, loads
from minidb.rest.message import Request, Response
from minidb.rest.route import Route
from minidb.rest.routes import find, methods
from minidb.rest.traffic import Traffic

log = logging.getLogger("minidb.rest")
_MOST_SHOWN = 80


class Api:
    """The interface of one database, with its counters. Thread-safe; whoever made the database closes it.

    Args:
        database: what answers.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.traffic = Traffic()

    def answer(self, request: Request) -> Response:
        """What Qdrant's REST interface answers; every failure is a response, too."""
        started = time.perf_counter()
        found = find(request.method, request.path)
        if found is None:
            return failure(_unknown(request), started)
        route, path = found
        try:
            response = self._run(route, path, request, started)
        except errors.MinidbError as error:
            response = failure(error, started)
        except Exception:
            log.exception("%s %s failed", request.method, route.path)  # the last line of a server: it must answer
            response = failure(errors.ServiceError("an unexpected error, see the log"), started)
        collection = path.get("collection_name")
        named = None if collection is None else unquote(collection)
        self.traffic.rest.add(route.operation, response.status, time.perf_counter() - started, named)
        return response

    def _run(self, route: Route, path: Mapping[str, str], request: Request, started: float) -> Response:
        decoded = {name: _decoded(part) for name, part in path.items()}
        if "collection_name" in decoded:
            check_part("collection_name", collection_name_faults(decoded["collection_name"], is_new=route.names_new))
        if "vector_name" in decoded:
            check_part("vector_name", vector_name_faults(decoded["vector_name"]))
        result, tokens = self.run(route, decoded, request, lambda: self._body(route, decoded, request))
        if isinstance(result, Response):
            return result
        response = Response(200, value=_envelope(result, tokens, started))
        return response if request.takes_value else response.as_json()

    def run(
        self, route: Route, path: Mapping[str, str], request: Request, body: Callable[[], Any]
    ) -> tuple[Any, Mapping[str, int]]:
        """The result of a route's handler, and the tokens that models charged for; raises its errors.

        Args:
            path: the variable parts, decoded.
            body: makes the body the route asks for, once the parameters are known to be right.
        """
        parameters = Parameters(request.query)
        timeout = parameters.timeout(nonzero=route.reads_points)
        if route.reads_points:
            parameters.check_consistency()
        else:
            parameters.check_ordering()
        value = body()
        with inference_usage() as usage:  # of this request alone, also when the caller counts several
            context = InferenceContext(timeout, request.headers, trusted=request.trusted, patience=request.timeout)
            result = route.handler(Call(self.database, self.traffic, request, path, parameters, value, context))
        return result, usage.tokens

    def _body(self, route: Route, path: Mapping[str, str], request: Request) -> Any:
        if route.body is None:
            return None
        content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise UnsupportedMediaType("Content type error")
        body = None
        if route.in_pieces is not None and request.fill is None:
            body = route.in_pieces(self.database, path["collection_name"], bytes(request.body))
        return _body(route, request) if body is None else body


def failure(error: errors.MinidbError, started: float) -> Response:
    """An error as a response: its status code and text, and when to come back if it knows."""
    headers = {}
    if isinstance(error, errors.RateLimitExceeded) and error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    body = dumps({"status": {"error": printable(error.answer())}, "time": time.perf_counter() - started})
    return Response(error.status_code, body, headers=headers)


def _envelope(result: Any, tokens: Mapping[str, int], started: float) -> Mapping[str, Any]:
    envelope: dict[str, Any] = {"result": result, "status": "ok", "time": time.perf_counter() - started}
    if tokens:
        envelope["usage"] = {"inference": {"models": {model: {"tokens": count} for model, count in tokens.items()}}}
    return envelope


def _body(route: Route, request: Request) -> Any:
    value = loads(request.body)
    if request.fill is not None:
        value = request.fill(value)
    return value if route.body is Any else parse(route.body, value, forgiving=True)


def _unknown(request: Request) -> errors.NotFound:
    """Qdrant's 404 has no body; who mistyped a path or took a wrong method is better off with one."""
    method, path = request.method[:_MOST_SHOWN], request.path[:_MOST_SHOWN]
    known = methods(request.path)
    return errors.NotFound(f"there is no {method} {path}" + (f", only {', '.join(known)}" if known else ""))


def _decoded(part: str) -> str:
    try:
        decoded = unquote(part, errors="strict")
        decoded.encode()
    except UnicodeError:
        raise errors.BadInput("Format error in path parameters: not UTF-8") from None
    return decoded


class UnsupportedMediaType(errors.MinidbError):
    """A body that does not claim to be JSON."""

    status_code = 415
