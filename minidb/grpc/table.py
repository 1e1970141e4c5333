"""The tables of messages and enums, read from text files. Knows their notation, not what the messages mean."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

SCALARS = frozenset(["double", "float", "int32", "int64", "uint32", "uint64", "bool", "string", "bytes"])

_FIELD = re.compile(
    r"(?:(?P<oneof>\w+)\()?(?P<name>\w+)(?P<optional>\?)? (?P<bracket>[\[{])?(?P<type>[\w.]+)[\]}]? (?P<number>\d+)"
    r"(?P<close>\))?"
)
_CONTINUED = re.compile(r"\n +")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message.

    Args:
        type: a scalar of `SCALARS`, or the name of a message or an enum.
        label: "optional" has presence though its type has none; "map" is by string.
        oneof: the group it belongs to, of which at most one field is set.
    """

    name: str
    number: int
    type: str
    label: Literal["one", "optional", "many", "map"]
    oneof: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Messages as their fields, enums as their numbers by name; a dot in a name nests it in another message."""

    messages: dict[str, tuple[Field, ...]]
    enums: dict[str, dict[str, int]]


QDRANT = "qdrant"
HEALTH = "grpc.health.v1"
REFLECTION = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
FILES = {QDRANT: "interface.txt", HEALTH: "health.txt", **dict.fromkeys(REFLECTION, "reflection.txt")}
"""Packages and where their messages are."""


@cache
def table(package: str = QDRANT) -> Table:
    """The messages of a package, read once per process."""
    messages: dict[str, tuple[Field, ...]] = {}
    enums: dict[str, dict[str, int]] = {}
    text = pkgutil.get_data(__name__, FILES[package])  # also of a package in a zip file
    assert text is not None
    for line in _CONTINUED.sub(" ", text.decode()).splitlines():
        if not line or line.startswith("#"):
            continue
        name, _, content = line.partition(" =")
        if name.startswith("enum "):
            pairs = (value.split() for value in content.split(","))
            enums[name.removeprefix("enum ")] = {word: int(number) for word, number in pairs}
        else:
            messages[name] = tuple(_fields(content))
    return Table(messages, enums)


def _fields(content: str) -> Iterator[Field]:
    group: str | None = None
    for found in _FIELD.finditer(content):
        group = found["oneof"] or group
        label: Literal["one", "optional", "many", "map"] = "optional" if found["optional"] else "one"
        if found["bracket"]:
            label = "many" if found["bracket"] == "[" else "map"
        yield Field(found["name"], int(found["number"]), found["type"], label, group)
        if found["close"]:
            group = None
