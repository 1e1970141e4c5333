"""Tables fit the width they are given, whatever stands in them."""

from __future__ import annotations

import pytest

from minidb.cli.table import clip, render

ROWS = [("BM25", "0.36", "a passage much longer than the space that is left for it " * 3), ("MRL", "12.00", "short")]


@pytest.mark.parametrize("width", [40, 60, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = render(("way", "ms", "passage"), ROWS, width)
    assert max(map(len, lines)) == width
    assert lines[2].endswith("…")


def test_a_table_is_no_wider_than_its_content() -> None:
    assert render(("way", "ms"), [("BM25", "1")], 100) == ["way   ms", "----  --", "BM25  1"]


def test_numbers_stand_to_the_right() -> None:
    assert render(("ms", "way"), [("0.36", "a"), ("12.00", "b")], 80, right=(0,))[2:] == [" 0.36  a", "12.00  b"]


def test_wide_characters_count_two_columns() -> None:
    assert clip("北京北京", 8) == "北京北京"
    assert clip("北京北京", 7) == "北京北…"
