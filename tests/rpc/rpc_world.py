"""A small database behind the gRPC interface, without a network: calls by name, with messages as keyword arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from rest.rest_world import World

from minidb.grpc import Answer, Asked, Service, find
from minidb.grpc.descriptors import message_class


class RpcWorld(World):
    """`World`, with calls besides requests; a context manager."""

    def __init__(self, location: str = ":memory:") -> None:
        super().__init__(location)
        self.service = Service(self.api)

    def answer(self, name: str, message: bytes, **asked: Any) -> Answer:
        """What comes back for some bytes."""
        rpc = find(f"/qdrant.{name}")
        assert rpc is not None, name
        return self.service.answer(rpc, Asked(message, **asked))

    def call(self, name: str, **fields: Any) -> Any:
        """The reply to a call that must succeed."""
        answer = self.answer(name, encoded(name, fields))
        assert answer.code == 0, answer
        rpc = find(f"/qdrant.{name}")
        assert rpc is not None
        return message_class(rpc.response).FromString(answer.reply)

    def refused(self, name: str, **fields: Any) -> tuple[str, str]:
        """Code and text of the answer to a call that must fail."""
        answer = self.answer(name, encoded(name, fields))
        assert answer.code != 0, answer
        assert not answer.reply
        return answer.code.name, answer.text


def encoded(name: str, fields: dict[str, Any]) -> bytes:
    """The bytes of a request."""
    rpc = find(f"/qdrant.{name}")
    assert rpc is not None, name
    message: bytes = message_class(rpc.request)(**fields).SerializeToString()
    return message


def packed(*numbers: float) -> bytes:
    """Floats as they are on the wire."""
    return np.array(numbers, "<f4").tobytes()


def dense(*numbers: float) -> dict[str, Any]:
    return {"dense": {"data": packed(*numbers)}}


def nearest(*numbers: float) -> dict[str, Any]:
    return {"nearest": dense(*numbers)}


def ids(hits: Any) -> list[Any]:
    return [hit.id.num or hit.id.uuid for hit in hits]
