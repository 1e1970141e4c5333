"""From the bytes of a call to the bytes of its reply: read the message, run the route's handler, write the result."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from minidb import errors
from minidb.grpc import status
from minidb.grpc.descriptors import Message, message_class
from minidb.grpc.pieces import LargeRequest, large_request
from minidb.grpc.rpcs import BY_ENDPOINT, Rpc, path_of, query_of
from minidb.grpc.status import Code
from minidb.grpc.table import table
from minidb.models.base import parse
from minidb.rest import Api, Request

log = logging.getLogger("minidb.grpc")


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended: the reply's bytes when `code` is OK, else what went wrong."""

    code: Code
    reply: bytes = b""
    text: str = ""
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A call.

    Args:
        message: the request's bytes.
        headers: metadata, names in lower case; provider keys among them.
        trusted: whether the caller is this process's own code. A server says False.
        timeout: seconds after which nobody waits any more; None for no limit.
    """

    message: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    trusted: bool = False
    timeout: float | None = None


class Service:
    """The rpcs of one database. Thread-safe; answers through the same `Api` as REST, whose counters it shares."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def answer(self, rpc: Rpc, asked: Asked) -> Answer:
        """What Qdrant answers to a call; every failure is an answer, too."""
        started, collection = time.perf_counter(), None
        try:
            large = large_request(rpc.request, asked.message)
            message = message_class(rpc.request).FromString(asked.message if large is None else large.beside)
            collection = getattr(message, "collection_name", None)
            answer = Answer(Code.OK, self._run(rpc, message, large, asked, started))
        except DecodeError:
            answer = Answer(Code.INTERNAL, text=f"failed to decode Protobuf message: this is no qdrant.{rpc.request}")
        except errors.MinidbError as error:
            answer = failure(error)
        except Exception:
            log.exception("%s failed", rpc.name)  # the last line of a server: it must answer
            answer = failure(errors.ServiceError("an unexpected error, see the log"))
        self._api.traffic.grpc.add(rpc.endpoint, int(answer.code), time.perf_counter() - started, collection)
        return answer

    def refuse(self, rpc: Rpc, error: errors.MinidbError) -> Answer:
        """The answer to a call that may not even begin."""
        answer = failure(error)
        self._api.traffic.grpc.add(rpc.endpoint, int(answer.code), 0.0)
        return answer

    def _run(self, rpc: Rpc, message: Message, large: LargeRequest | None, asked: Asked, started: float) -> bytes:
        if asked.timeout is not None and asked.timeout <= 0:
            raise errors.Timeout("Deadline exceeded before the call could begin")
        route = rpc.route
        request = Request(
            route.method,
            route.path,
            query_of(rpc, message),
            asked.headers,
            trusted=asked.trusted,
            timeout=asked.timeout,
        )

        def body() -> Any:
            if route.body is None:
                return None
            whole = message
            if large is not None:
                in_pieces = large.read(self._api.database, message.collection_name)
                if in_pieces is not None:
                    return in_pieces
                whole = message_class(rpc.request).FromString(asked.message)
            plain = rpc.body(rpc.request, whole)
            return plain if route.body is Any else parse(route.body, plain)

        result, tokens = self._api.run(route, path_of(rpc, message), request, body)
        reply = message_class(rpc.response)()
        rpc.reply(reply, result, message)
        _add_accounts(reply, rpc, tokens, started)
        return reply.SerializeToString()  # type: ignore[no-any-return]


def failure(error: errors.MinidbError) -> Answer:
    """An error as an answer."""
    return Answer(status.code(error), text=status.text(error), metadata=status.metadata(error))


def _add_accounts(reply: Message, rpc: Rpc, tokens: Mapping[str, int], started: float) -> None:
    """How long it took and what it cost, in replies that have a place for it."""
    names = {field.name for field in table().messages[rpc.response]}
    if "time" in names:
        reply.time = time.perf_counter() - started
    if "usage" in names:
        for model, count in tokens.items():
            reply.usage.inference.models[model].tokens = count


def find(endpoint: str) -> Rpc | None:
    """The rpc of a path on the wire, "/qdrant.Service/Method"."""
    return BY_ENDPOINT.get(endpoint)
