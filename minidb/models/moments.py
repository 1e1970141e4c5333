"""Date and time spellings Qdrant accepts in payloads and range bounds, as integer microseconds since 1970 UTC.

Qdrant hands every string to several parsers of the Rust crate `chrono` in turn; the two patterns below are their
union, with all leniencies (blanks before numbers, one-digit months, signed years). Called by conditions, datetime
indexes, order_by and formulas; knows nothing of payloads.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import Final

_BLANK: Final = r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
_YEAR: Final = rf"{_BLANK}*(?P<year>[+-][0-9]+|[0-9]{{4}}|[0-9]{{1,3}}(?![0-9]))"
_MINUTE_OF_ZONE: Final = rf"(?:{_BLANK}|:)*(?P<zone_minute>[0-5][0-9])"


def _number(name: str) -> str:
    """Two digits, or one where no second follows: chrono takes what it can and never steps back."""
    return rf"{_BLANK}*(?P<{name}>[0-9]{{2}}|[0-9](?![0-9]))"


_SECOND: Final = rf"{_number('second')}(?:\.(?P<fraction>[0-9]+))?"


# chrono's `str.parse::<DateTime>()`, a superset of RFC 3339: blanks anywhere, but a zone with minutes is required.
_RELAXED: Final = re.compile(
    rf"{_YEAR}{_BLANK}*-{_number('month')}{_BLANK}*-{_number('day')}[Tt ]"
    rf"{_number('hour')}{_BLANK}*:{_number('minute')}{_BLANK}*:{_SECOND}{_BLANK}*"
    rf"(?:[Zz]|[Uu][Tt][Cc]|(?P<sign>[+\-−])(?P<zone_hour>[0-9]{{2}}){_MINUTE_OF_ZONE}){_BLANK}*"
)
# The formats Qdrant lists: `%Y-%m-%dT%H:%M:%S%.f%#z` and shorter, with `T` or any number of blanks before the time.
_LISTED: Final = re.compile(
    rf"{_YEAR}-{_number('month')}-{_number('day')}"
    rf"(?:(?:T|{_BLANK}*){_number('hour')}:{_number('minute')}"
    rf"(?::{_SECOND}"
    rf"(?:{_BLANK}*(?:[Zz]|(?P<sign>[+\-−])(?P<zone_hour>[0-9]{{2}})(?:{_MINUTE_OF_ZONE}|(?:{_BLANK}|:)*)))?"
    rf")?)?"
)

_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
_DAYS_IN_400_YEARS: Final = 146_097
_MIN_YEAR: Final = -262_143  # chrono's limits
_MAX_YEAR: Final = 262_142


def parse_micros(text: str) -> int | None:
    """Microseconds since 1970-01-01T00:00Z of a date or time, finer digits cut off; None where Qdrant sees no date.

    Without a zone the time is UTC, without a time it is midnight.
    """
    found = _LISTED.fullmatch(text) or _RELAXED.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0)
    days = _days_since_epoch(int(found["year"]), int(found["month"]), int(found["day"]))
    zone_hour, zone_minute = int(found["zone_hour"] or 0), int(found["zone_minute"] or 0)
    if days is None or hour > 23 or minute > 59 or second > 60 or zone_hour > 23:
        return None
    micros = int((found["fraction"] or "0")[:6].ljust(6, "0"))
    if second == 60:  # a leap second sorts after :59 and before the next minute
        second, micros = 59, 999_999
    zone_minutes = zone_hour * 60 + zone_minute
    if found["sign"] == "+":
        zone_minutes = -zone_minutes
    return (((days * 24 + hour) * 60 + minute + zone_minutes) * 60 + second) * 1_000_000 + micros


def to_micros(moment: datetime | date | str) -> int | None:
    """Microseconds of a range bound: a Python datetime (naive ones are UTC), a date (its midnight) or a string."""
    if isinstance(moment, str):
        return parse_micros(moment)
    if not isinstance(moment, datetime):
        return (moment.toordinal() - _EPOCH_ORDINAL) * 86_400_000_000
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
    offset = aware.utcoffset()
    assert offset is not None
    zone = (offset.days * 86_400 + offset.seconds) * 1_000_000 + offset.microseconds
    seconds = ((moment.toordinal() - _EPOCH_ORDINAL) * 24 + moment.hour) * 3600 + moment.minute * 60 + moment.second
    return seconds * 1_000_000 + moment.microsecond - zone


def _days_since_epoch(year: int, month: int, day: int) -> int | None:
    """Days of the proleptic Gregorian calendar, also for years Python's `date` does not reach."""
    if not _MIN_YEAR <= year <= _MAX_YEAR:
        return None
    cycles, year_of_cycle = divmod(year, 400)
    try:
        ordinal = date(year_of_cycle + 400, month, day).toordinal()
    except ValueError:
        return None
    return ordinal + (cycles - 1) * _DAYS_IN_400_YEARS - _EPOCH_ORDINAL
