"""Dates: the spellings Qdrant accepts, and the microseconds they stand for, against the Rust core."""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta, timezone

import pytest
import qdrant_edge as edge
from filter_oracles import IDS, Rust
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb.models.moments import parse_micros, to_micros

CASES = int(os.environ.get("MINIDB_FILTER_CASES", "300"))
NOON = 1_609_502_400_000_000  # 2021-01-01T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "2021-01-01T12:00:00Z",
        "2021-01-01t12:00:00z",
        "2021-01-01 12:00:00",
        "2021-01-01  12:00",
        "2021-01-0112:00",
        "2021-01-01T12:00",
        "2021-01-01T13:00:00+01",
        "2021-01-01T13:30:00+0130",
        "2021-01-01T13:30:00 +01 30",
        "2021-01-01T13:00:00+01:",
        "2021-01-01T11:00:00\u221201:00",
        "2021-01-01 12:00:00 utc",
        "2021-01-01T12:00:00Z ",
        " 2021-1-1 12:0:0",
        "+2021 - 01 - 01T12 : 00 : 00.0000009 Z",
    ],
)
def test_spellings_of_one_moment(text: str) -> None:
    assert parse_micros(text) == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nope",
        "1609502400",
        "20210101",
        "2021-02-29",
        "2021-13-01",
        "2021-01-01 ",
        "2021-01-01t12:00:00",
        "2021-01-01T24:00:00Z",
        "2021-01-01T12:00:61Z",
        "2021-01-01T12:00Z",
        "2021-01-01T12:00:00.",
        "2021-01-01T12:00:00.Z",
        "2021-01-01T12:00:00+24:00",
        "2021-01-01T12:00:00+01:60",
        "2021-01-01T12:00:00+1:00",
        "2021-01-01T12:00:00+01:00:00",
        "02021-01-01",
        "2021-1-11:2:3",
        "２０２１-01-01",
        "+262143-01-01",
        "-262144-01-01",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_micros(text) is None


def test_years_beyond_python_s_calendar() -> None:
    assert parse_micros("+10000-01-01") == 253_402_300_800_000_000
    assert parse_micros("0000-03-01") == -62_162_035_200_000_000
    assert parse_micros("-0001-01-01") == -62_198_755_200_000_000


def test_digits_below_a_microsecond_are_cut_also_before_1970() -> None:
    assert parse_micros("1969-12-31T23:59:59.9999999Z") == -1


def test_a_leap_second_lies_between_its_neighbours() -> None:
    before, leap, after = (parse_micros(f"2016-12-31T23:59:{s}Z") for s in ("59.5", "60", "59.999999"))
    assert before is not None
    assert leap is not None
    assert before < leap == after


@given(st.datetimes(), st.none() | st.integers(-1439, 1439))
def test_bounds_as_python_datetimes(moment: datetime, offset: int | None) -> None:
    if offset is not None:
        moment = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert to_micros(moment) == parse_micros(moment.isoformat())


def test_a_date_is_its_midnight() -> None:
    assert to_micros(date(2021, 1, 1)) == to_micros("2021-01-01") == NOON - 12 * 3_600_000_000


parts = st.tuples(
    st.sampled_from(["2021", "+2021", "-0001", "1", "+12021", " 2021", "02021"]),
    st.sampled_from(["-", " -", "- "]),
    st.sampled_from(["1", "02", "12", "13"]),
    st.just("-"),
    st.sampled_from(["1", "28", "29", "30", "31"]),
    st.sampled_from(["", "T", "t", " ", "  ", "T ", "\n"]),
    st.sampled_from(["", "12:00", "1:2:3", "23:59:60", "12: 30 :05.5", "00:00:00.0000009", "24:00"]),
    st.sampled_from(["", " ", ":"]),
    st.sampled_from(["", "Z", "z", "UTC", "+01", "-0130", "+01:30", "+23 59", "-24:00", "+01:", "\u221200:30", "+1"]),
    st.sampled_from(["", "", " "]),
)


@settings(max_examples=CASES, deadline=None)
@given(st.lists(parts.map("".join), min_size=len(IDS), max_size=len(IDS)))
def test_reads_what_the_rust_core_reads(texts: list[str]) -> None:
    core = Rust([{"d": text} for text in texts])
    readable = edge.FieldCondition("d", range=edge.RangeDateTime())
    assert core.select_edge(edge.Filter(must=[readable])) == [
        at for at, t in enumerate(texts) if parse_micros(t) is not None
    ]
    for pivot in texts:
        if parse_micros(pivot) is not None:
            condition = edge.FieldCondition("d", range=edge.RangeDateTime(lt=pivot))
            below = [at for at, t in enumerate(texts) if _is_below(t, pivot)]
            assert core.select_edge(edge.Filter(must=[condition])) == below


def _is_below(text: str, pivot: str) -> bool:
    moment, bound = parse_micros(text), parse_micros(pivot)
    return moment is not None and bound is not None and moment < bound
