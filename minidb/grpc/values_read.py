"""Readers of the smallest messages: payload values, ids, times, shard keys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from minidb.grpc.descriptors import Message
from minidb.grpc.read import reads
from minidb.grpc.words import malformed
from minidb.models import normalize_id

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECONDS = range(-62_135_596_800, 253_402_300_800)  # years 1 to 9999, as Python's and Qdrant's dates go


_AS_THEY_ARE = frozenset(("string_value", "integer_value", "bool_value"))


@reads("Value")
def value(message: Message) -> Any:
    """A payload value. Without a kind it is null."""
    kind = message.WhichOneof("kind")
    if kind in _AS_THEY_ARE:
        return getattr(message, kind)
    if kind == "double_value":
        number: float = message.double_value
        if not math.isfinite(number):
            raise malformed("cannot convert to json number")
        return number
    if kind == "list_value":
        return [value(item) for item in message.list_value.values]
    return payload(message.struct_value.fields) if kind == "struct_value" else None


def payload(fields: Mapping[str, Message]) -> dict[str, Any]:
    """The values of a map by name."""
    return {name: value(fields[name]) for name in fields}  # `items` would take twice as long


@reads("PointId")
def point_id(message: Message) -> int | str:
    kind = message.WhichOneof("point_id_options")
    if kind == "num":
        return message.num  # type: ignore[no-any-return]
    if kind is None:
        raise malformed("No ID options provided")
    try:
        return normalize_id(message.uuid)
    except ValueError:
        raise malformed(f"Unable to parse UUID: {message.uuid}") from None


@reads("Timestamp")
def timestamp(message: Message) -> datetime:
    if message.seconds not in _SECONDS or not 0 <= message.nanos < 1_000_000_000:
        raise malformed(f"Unable to parse timestamp: {message.seconds} s, {message.nanos} ns")
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)


@reads("ShardKey")
def _shard_key(message: Message) -> int | str:
    kind = message.WhichOneof("key")
    if kind is None:
        raise malformed("Shard key is not specified")
    return getattr(message, kind)  # type: ignore[no-any-return]


@reads("ShardKeySelector")
def _shard_key_selector(message: Message) -> Any:
    keys = [_shard_key(key) for key in message.shard_keys]
    if not message.HasField("fallback"):
        return keys[0] if len(keys) == 1 else keys
    if len(keys) != 1:
        raise malformed("Fallback shard key can only be set when a single shard key is provided")
    return {"target": keys[0], "fallback": _shard_key(message.fallback)}
