"""Random requests of every rpc, built from the table of messages, and damage to their bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np

from minidb.grpc.descriptors import message_class
from minidb.grpc.table import Field, table

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
_KEYS = ["city", "n", "price", "at", "text", "tags", "place", "deep.list[].x", "none", "", "a[", "π"]
_NAMES = ["", "two", "many", "words", "new", "zz"]
_WORDS: dict[str, list[str]] = {
    "collection_name": ["c", "c", "c", "c", "also", "other", "new", "", "a/b", "x" * 256],
    "collection": ["other", "c", "nothing"],
    "alias_name": ["also", "more", ""],
    "old_alias_name": ["also", "more"],
    "new_alias_name": ["most", "also"],
    "uuid": [UUID, UUID, "no"],
    "using": _NAMES,
    "vector_name": _NAMES,
    "has_vector": _NAMES,
    "names": _NAMES,
    "model": ["minidb/hash-4", "minidb/hash-4", "qdrant/bm25", "no/such", ""],
    "language": ["english", "klingon"],
    "languages": ["english", "klingon"],
    "snapshot_name": ["nothing.snapshot", "../x", ""],
    "datetime": ["2024-02-01", "never"],
}
_INTEGERS = [0, 1, 1, 2, 2, 3, 4, 5, 10, 100, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1, -1, -(2**63)]
_LIMITS = {
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
}
_NUMBERS = [0.0, 0.5, 1.0, -1.0, 2.5, 60.0, 1e30, -1e-30, float("nan"), float("inf")]


def random_request(rng: random.Random, name: str) -> bytes:
    """The bytes of a request, well formed; whether it can be answered is another matter."""
    fields = _message(rng, name, 0)
    if "collection_name" in {field.name for field in table().messages[name]} and rng.random() < 0.9:
        fields["collection_name"] = "c"
    message: bytes = message_class(name)(**fields).SerializeToString()
    return message


def _message(rng: random.Random, name: str, depth: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    groups: dict[str, list[Field]] = {}
    for field in table().messages[name]:
        if field.oneof is not None:
            groups.setdefault(field.oneof, []).append(field)
        elif rng.random() < (0.8 if field.label == "one" and depth < 4 else 0.3 if depth < 5 else 0.0):
            fields[field.name] = _value(rng, field, depth)
    for group in groups.values():
        leaves = [field for field in group if field.type not in table().messages]
        if rng.random() < 0.95 and (depth < 6 or leaves):
            chosen = rng.choice(group if depth < 6 else leaves)
            fields[chosen.name] = _value(rng, chosen, depth)
    return fields


def _value(rng: random.Random, field: Field, depth: int) -> Any:
    count = rng.choice([0, 1, 1, 2, 3])
    if field.label == "many" and field.type == "float":
        return np.array(
            rng.choices([0.5, 1.0, -2.0, float("nan")], [9, 9, 9, 0.3], k=rng.choice([0, 1, 2, 2, 4, 4, 5])), "<f4"
        ).tobytes()
    if field.label == "many":
        return [_one(rng, field, depth) for _ in range(count)]
    if field.label == "map":
        return {rng.choice(_KEYS + _NAMES): _one(rng, field, depth) for _ in range(count)}
    return _one(rng, field, depth)


def _one(rng: random.Random, field: Field, depth: int) -> Any:
    known = table()
    if field.type == "Timestamp":
        return {"seconds": rng.choice([0, 1707004800, 10**12, -(10**12)]), "nanos": rng.choice([0, 5, -1, 10**9])}
    if field.type in known.messages:
        return _message(rng, field.type, depth + 1)
    if field.type in known.enums:
        return rng.choice(
            [*known.enums[field.type].values(), 77] if rng.random() < 0.1 else list(known.enums[field.type].values())
        )
    if field.type == "string":
        return rng.choice(
            _WORDS.get(
                field.name,
                _KEYS if "key" in field.name or field.name == "field_name" else ["Berlin", "fox", "ü€😀", ""],
            )
        )
    if field.type == "bool":
        return rng.random() < 0.5
    if field.type in ("float", "double"):
        return rng.choice(_NUMBERS)
    low, high = _LIMITS[field.type]
    return rng.choice([number for number in _INTEGERS if low <= number <= high])


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _flip(rng: random.Random, data: bytearray) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _insert(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice([1, 1, 2, 5]))


def _drop(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice([1, 1, 2, 4])]


def _repeat(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = data[at : at + rng.randrange(1, 30)]


def _unknown_fields(rng: random.Random, data: bytearray) -> None:
    data += b"\xf8\x7f\x01" * rng.randrange(1, 4)  # field 2047, a number


_DAMAGES: list[Callable[[random.Random, bytearray], None]] = [
    _cut,
    _flip,
    _flip,
    _insert,
    _drop,
    _repeat,
    _unknown_fields,
]


def damaged(rng: random.Random, message: bytes) -> bytes:
    """A message with one to three damages."""
    data = bytearray(message)
    for _ in range(rng.choice([1, 1, 2, 3])):
        rng.choice(_DAMAGES)(rng, data)
    return bytes(data)
