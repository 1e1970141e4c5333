"""The load test, as short as it can be: connections of every door read and write, nothing fails, nothing is lost."""

from __future__ import annotations

import re

import pytest

from benchmarks import load


def test_a_short_run_has_no_errors_and_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert load.main(["--seconds", "1", "--connections", "4"]) == 0
    told = capsys.readouterr().out
    assert len(re.findall(r"per second, 0 errors, [1-9][\d,]* points acknowledged, 0 of them lost", told)) == 4


def test_lost_writes_and_errors_are_told() -> None:
    tally = load.Tally(acknowledged=[1, 2], lost={2}, errors=["search: OSError: refused"], seconds=1.0)
    assert not tally.is_clean
    assert "2 points acknowledged, 1 of them lost" in load._report({"door": tally}, 1)
    assert "search: OSError: refused" in load._report({"door": tally}, 1)
