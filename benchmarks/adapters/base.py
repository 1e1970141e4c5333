"""The seam between scenarios and peers: a `Contestant` opens a `Store`, which holds one collection and answers
requests.

A contestant that lacks its package raises when it is opened; one that lacks a feature raises `Unsupported`. Both are
reported as absent, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from benchmarks.requests import Answer, Columns, DenseField, Request, Schema, Unsupported

Call: TypeAlias = Callable[[], Answer]
Form: TypeAlias = Literal["arrays", "points"]


class Store(Protocol):
    """One collection of one contestant. `close` may be called twice."""

    def create(self, schema: Schema) -> None:
        """An empty collection, payload indexes included."""

    def insert(self, columns: Columns, form: Form) -> None:
        """Insert in bulk and return when it is acknowledged: whole arrays, or one object per point."""

    def upsert(self, columns: Columns, at: int) -> None:
        """Write the one point at position `at` and return when it is acknowledged."""

    def settle(self) -> None:
        """Return when every index is built."""

    def prepare(self, request: Request) -> Call:
        """The request as a call without arguments.

        The vector and the filter are put into the contestant's own form here; the call makes the request, sends it, and
        reads id and payload of every hit.
        """

    def drop(self) -> None:
        """Remove the collection."""

    def close(self) -> None:
        """Let go of everything."""


class Contestant(Protocol):
    """A way of storing and searching points."""

    @property
    def name(self) -> str: ...

    @property
    def is_durable(self) -> bool:
        """Whether a store can be opened again from its path."""

    @property
    def most_points(self) -> int | None:
        """Above this many points it is left out, because a run would take too long."""

    @property
    def uses_ef(self) -> bool:
        """Whether `Search.ef` changes anything."""

    @property
    def start_script(self) -> str | None:
        """A program: import, create a collection at `sys.argv[1]`, insert ten points, query, and set `answer`."""

    def open(self, path: Path) -> Store:
        """A store at `path`: the one that is there, or a new one for `Store.create`."""


def refuse_multivectors(schema: Schema) -> None:
    """Raises `Unsupported` where a field is of multivectors, for peers that have none."""
    if any(field.multi for field in schema.dense.values()):
        raise Unsupported("no multivectors")


def only_vector(schema: Schema) -> DenseField:
    """The one dense field of a schema. Raises `Unsupported` where there are others, for peers that hold only one."""
    if schema.sparse_idf:
        raise Unsupported("no sparse vectors")
    refuse_multivectors(schema)
    if list(schema.dense) != [""]:
        raise Unsupported("one vector per point")
    return schema.dense[""]
