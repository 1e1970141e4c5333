"""The chart writer: well-formed, everything inside the picture, names apart."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from benchmarks.svg import Axis, Series, line_chart

SVG = "{http://www.w3.org/2000/svg}"
LINEAR, LOG = Axis("recall"), Axis("queries per second", log=True)


def drawn(*series: Series, x: Axis = LINEAR, y: Axis = LOG) -> ElementTree.Element:
    return ElementTree.fromstring(line_chart("a < b & c", "subtitle", x, y, series))


def texts(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_a_line_per_series_with_points() -> None:
    root = drawn(Series("one", [(0.9, 10), (0.99, 5)]), Series("none", []), Series("<two>", [(0.95, 2000)]))

    assert len(root.findall(f"{SVG}g[@class='series']")) == 2
    assert {"a < b & c", "one", "<two>", "recall", "queries per second"} <= set(texts(root))
    assert "none" not in texts(root)


def test_a_logarithmic_axis_is_labelled_at_decades() -> None:
    root = drawn(Series("s", [(1_000, 0.05), (1_000_000, 40)]), x=Axis("points", log=True))

    assert {"1k", "10k", "100k", "1M", "0.1", "1", "10"} <= set(texts(root))


@pytest.mark.parametrize("points", [[(1.0, 3.0)], [(0.5, 1.0), (0.5, 1.0)], [(0.1, 1e-6), (0.2, 1e6)]])
def test_every_point_is_inside(points: list[tuple[float, float]]) -> None:
    root = drawn(Series("s", points))

    for circle in root.iter(f"{SVG}circle"):
        assert 70 <= float(circle.get("cx", "")) <= 720
        assert 60 <= float(circle.get("cy", "")) <= 470


def test_names_of_lines_that_end_together_are_apart() -> None:
    root = drawn(*(Series(f"s{at}", [(1.0, 100.0)]) for at in range(14)))

    heights = sorted(float(e.get("y", "")) for e in root.iter(f"{SVG}text") if (e.text or "").startswith("s"))[1:]
    assert all(after - before >= 16 for before, after in pairwise(heights))
    assert heights[-1] <= 470


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="no series"):
        line_chart("", "", LINEAR, LOG, [])
