"""What the parts of the client have in common."""

from __future__ import annotations

from collections.abc import Mapping

from minidb.database import Database
from minidb.errors import FormatError
from minidb.inference import InferenceContext
from minidb.models.faults import shown


class Base:
    """A database, and what goes along with every call to it."""

    _database: Database
    _timeout: float | None
    _headers: Mapping[str, str]

    def _context(self, timeout: float | None) -> InferenceContext | None:
        limit = self._timeout if timeout is None else timeout
        if limit is not None and not isinstance(limit, (int, float)):
            text = f"invalid value {shown(limit)}, expected a number of seconds in timeout"
            raise FormatError(text).hinting("a number, without quotes")
        if limit is None and not self._headers:
            return None
        return InferenceContext(limit, self._headers)
