"""Dates and points in time, in the forms Qdrant takes them in."""

from datetime import date, datetime, timedelta, timezone
from typing import Annotated, Any, TypeAlias

from pydantic import TypeAdapter

from minidb.models.faults import shown, wrong_shape
from minidb.models.numbers import Checked

_datetime: TypeAdapter[datetime] | None = None
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def to_datetime(value: Any) -> datetime | date | str:
    """A datetime or date from itself, or from a string in a form Qdrant reads.

    A string it reads and Python's calendar does not reach stays what it is.
    """
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise wrong_shape(f"invalid value {shown(value)}, expected a datetime or a string in RFC 3339")
    from minidb.models.moments import parse_micros, to_micros  # patterns few need

    micros = parse_micros(value)
    if micros is None:
        raise wrong_shape(f"'{value}' does not match accepted datetime format (RFC3339). Example: 2014-01-01T00:00:00Z")
    moment = _as_python_reads(value)
    if moment is not None and to_micros(moment) == micros:  # Python may take another meaning out of it, or none
        return moment
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return value


def _as_python_reads(value: str) -> datetime | date | None:
    """Keeps a zone, or that there is none."""
    global _datetime
    _datetime = _datetime or TypeAdapter(datetime)
    try:
        return date.fromisoformat(value) if len(value) == 10 else _datetime.validate_python(value)
    except ValueError:
        return None


def _text(value: datetime | date | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


Datetime: TypeAlias = Annotated[
    datetime | date | str, Checked(to_datetime, {"type": "string", "format": "date-time"}, _text)
]
