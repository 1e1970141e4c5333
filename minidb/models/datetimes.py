"""Dates and points in time, in the forms Qdrant takes them in."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import TypeAdapter

from minidb.models.base import Checked, shown, wrong_shape

_datetime: TypeAdapter[datetime] | None = None


def to_datetime(value: Any) -> datetime | date:
    """A datetime or date from itself, or from a string in RFC 3339, "YYYY-MM-DD HH:MM[:SS]" or "YYYY-MM-DD"."""
    global _datetime
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise wrong_shape(f"invalid value {shown(value)}, expected a datetime or a string in RFC 3339")
    _datetime = _datetime or TypeAdapter(datetime)
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
        if "-" in value:  # pydantic would read a string of digits as a timestamp
            return _datetime.validate_python(value)
    except ValueError:
        pass
    raise wrong_shape(f"{shown(value)} is not in a supported date/time format, please use RFC 3339")


Datetime: TypeAlias = Annotated[
    datetime | date, Checked(to_datetime, {"type": "string", "format": "date-time"}, lambda value: value.isoformat())
]
