"""One operation of the interface. The modules with handlers each have a table of these, `routes` puts them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minidb.database import Database
from minidb.rest.call import Call

_NAMING_NEW = ("PUT /collections/{collection_name}", "POST /collections/{collection_name}/snapshots/upload")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Args:
        method: in capitals.
        path: with its variable parts in braces.
        handler: from the call to a result for the envelope, or to a whole `Response`.
        body: type of the JSON body, `Any` for any JSON, None for no body.
        only_reads: of a POST, that it asks and changes nothing; a GET never changes anything.
        is_long: takes as long as a store is large, so that a server answers only a few of it at a time.
        in_pieces: reads a large body of the collection in the path as it comes, or gives None.
    """

    method: str
    path: str
    handler: Callable[[Call], Any]
    body: Any = None
    only_reads: bool = False
    is_long: bool = False
    in_pieces: Callable[[Database, str, bytes], Any] | None = None

    @property
    def reads_points(self) -> bool:
        """Whether it takes what Qdrant calls read parameters."""
        return self.only_reads or self.path.endswith("/points/{id}")

    @property
    def names_new(self) -> bool:
        """Whether the collection in its path may be one that it makes: Qdrant is stricter about such a name."""
        return self.operation in _NAMING_NEW

    @property
    def operation(self) -> str:
        """Method and path: what telemetry and metrics count it under."""
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        """Whether it may change the store: all but GET and the questions that come as a POST."""
        return self.method != "GET" and not self.only_reads
