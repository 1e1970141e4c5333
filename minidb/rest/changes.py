"""What has changed in a collection since a cursor: for a store that pulls from this one again.

A route of our own, below `/minidb`, so that it can meet none of Qdrant's. `client.sync` asks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import StrictStr

from minidb.collection.eras import Position
from minidb.errors import ValidationError
from minidb.models.base import Model
from minidb.models.bounded import Items
from minidb.models.numbers import integer
from minidb.models.results import Result
from minidb.models.vectors import ExtendedPointId, normalize_id
from minidb.rest.call import Call
from minidb.rest.route import Route

if TYPE_CHECKING:
    from minidb.collection.changes import LogPage

MOST_CHANGES = 1000
"""Points and deletions of a page."""
MOST_RANGES = 10_000
"""Of operations left out."""

_Operation = Annotated[int, integer(0, 2**64 - 1)]


class LogCursor(Model):
    """A place in a collection's log, as an answer has it.

    Args:
        log: the log's name.
        seq: a number of an operation.
        offset: of that operation, the id to begin with.
    """

    log: StrictStr
    seq: _Operation
    offset: ExtendedPointId | None = None


class OperationRange(Model):
    """Operations from the number `first` to `last`, and the log's name when they were written."""

    log: StrictStr
    first: _Operation
    last: _Operation


class ChangesRequest(Model):
    """What has changed.

    Args:
        since: the cursor of the answer before.
        limit: most points and deletions.
        without: operations whose writes and deletions are left out: those the caller has sent.
    """

    since: LogCursor | None = None
    limit: Annotated[int, integer(1, MOST_CHANGES)] = 256
    without: Items[OperationRange] | None = None


class ChangesPage(Result):
    """A page of changes.

    `cursor` is where the next one begins, `head` the number of operations there were: a cursor that has come to it has
    met all of them. If `continued` is false, the log is none of the cursor's, or has lost what the cursor has met:
    nothing is told, all there is has to be read, and changes from now on come with this cursor. `deletions_since` is
    the operation from which on deletions are known: who comes with an earlier one has to compare ids. `log` is the name
    of what is written from now on, for `without`.
    """

    __slots__: ClassVar[Sequence[str]] = ("continued", "cursor", "deleted", "deletions_since", "head", "log", "points")

    def __init__(self, page: LogPage) -> None:
        self.continued = page.is_continued
        self.cursor = LogCursor(log=page.log.name_at(page.next), seq=page.next.seq, offset=page.next.offset)
        self.deleted = page.deleted
        self.deletions_since = page.deletions_since
        self.head = page.head
        self.log = page.log.name
        self.points = page.points


def _changes(call: Call) -> ChangesPage:
    body: ChangesRequest = call.body
    since = None
    if (cursor := body.since) is not None:
        offset = None if cursor.offset is None else normalize_id(cursor.offset)
        since = (cursor.log, Position(cursor.seq, offset))
    without = body.without or []
    if len(without) > MOST_RANGES:
        raise ValidationError(f"without: has {len(without)} ranges, must have at most {MOST_RANGES}")
    ranges = [(each.log, each.first, each.last) for each in without]
    return ChangesPage(call.database.changes(call.collection, since, body.limit, ranges, call.timeout))


ROUTES = (Route("POST", "/minidb/collections/{collection_name}/changes", _changes, ChangesRequest, only_reads=True),)
