"""One operation of the interface. The modules with handlers each have a table of these, `routes` puts them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from minidb.rest.call import Call


@dataclass(frozen=True, slots=True)
class Route:
    """One operation.

    Args:
        method: in capitals.
        path: with its variable parts in braces.
        handler: from the call to a result for the envelope, or to a whole `Response`.
        body: type of the JSON body, `Any` for any JSON, None for no body.
        prefix: what Qdrant puts before the names of fields in errors about the body.
        only_reads: of a POST, that it asks and changes nothing; a GET never changes anything.
    """

    method: str
    path: str
    handler: Callable[[Call], Any]
    body: Any = None
    prefix: str = ""
    only_reads: bool = False

    @property
    def operation(self) -> str:
        """Method and path: what telemetry and metrics count it under."""
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        """Whether it may change the store: all but GET and the questions that come as a POST."""
        return self.method != "GET" and not self.only_reads
