"""Charts as SVG, without a library: lines over axes, linear or logarithmic, named at their ends; icicles of call paths.

Knows nothing of benchmarks; `plots` and `profiles` call it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

_WIDTH, _HEIGHT = 860, 520
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 150, 64, 58
_LABEL_GAP = 17
_ICICLE_WIDTH, _MARGIN, _ROW, _LETTER = 1200, 16, 19, 6.2
_INNER_WIDTH = _ICICLE_WIDTH - 2 * _MARGIN
_INK, _SOFT, _GRID = "#24292f", "#6e7781", "#e4e8ec"
_COLOURS = (
    "#d1242f", "#0969da", "#1a7f37", "#bf5b00", "#8250df", "#0a8f96", "#b32684", "#6b7d00", "#8a5a3c", "#4f5bd5",
    "#57606a", "#c99700", "#2d6a4f", "#e0607e",
)  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """A direction of the chart; `log` needs values above 0."""

    label: str
    log: bool = False


@dataclass(frozen=True)
class Series:
    """Points in the order of the line, in one of three ways of drawing it."""

    name: str
    points: Sequence[tuple[float, float]]
    style: Literal["plain", "strong", "dashed"] = "plain"


@dataclass(frozen=True)
class Block:
    """A call on its path: where it begins and how wide it is, as shares of the whole."""

    name: str
    start: float
    share: float
    depth: int


@dataclass(frozen=True)
class _Scale:
    """From values to pixels."""

    low: float
    high: float
    log: bool
    start: float
    end: float

    def __call__(self, value: float) -> float:
        to = math.log10 if self.log else float
        share = (to(value) - to(self.low)) / (to(self.high) - to(self.low))
        return self.start + share * (self.end - self.start)


def line_chart(title: str, subtitle: str, x: Axis, y: Axis, series: Sequence[Series]) -> str:
    """The text of an SVG file. Colours follow the order of `series`, so give the same order to charts of one page."""
    drawn = [each for each in series if each.points]
    if not drawn:
        raise ValueError("no series has points")
    low_x, high_x = _bounds([point[0] for each in drawn for point in each.points], x.log)
    low_y, high_y = _bounds([point[1] for each in drawn for point in each.points], y.log)
    to_x = _Scale(low_x, high_x, x.log, _LEFT, _WIDTH - _RIGHT)
    to_y = _Scale(low_y, high_y, y.log, _HEIGHT - _BOTTOM, _TOP)
    colours = {each.name: _COLOURS[at % len(_COLOURS)] for at, each in enumerate(series)}
    parts = [
        *_head(title, subtitle, _LEFT, _WIDTH, _HEIGHT),
        *_x_axis(to_x, x),
        *_y_axis(to_y, y),
        *(
            _line(each, colours[each.name], to_x, to_y)
            for each in sorted(drawn, key=lambda each: each.style == "strong")
        ),
        *_names(drawn, colours, to_x, to_y),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def icicle_chart(title: str, subtitle: str, blocks: Sequence[Block]) -> str:
    """The text of an SVG file. Blocks lie in rows by depth; a name that does not fit is shown on pointing at it."""
    height = _TOP + _ROW * (1 + max((block.depth for block in blocks), default=0)) + _MARGIN
    parts = _head(title, subtitle, _MARGIN, _ICICLE_WIDTH, height)
    for block in blocks:
        x, width = _MARGIN + block.start * _INNER_WIDTH, block.share * _INNER_WIDTH
        y = _TOP + _ROW * block.depth
        colour = _COLOURS[sum(map(ord, block.name)) % len(_COLOURS)]
        parts.append(
            f'<g class="block"><title>{escape(block.name)} {block.share:.1%}</title>'
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 1}" fill="{colour}" fill-opacity="0.3"/>'
        )
        letters = int((width - 6) / _LETTER)
        if letters > 2:
            name = block.name if len(block.name) <= letters else "…" + block.name[1 - letters :]
            parts.append(_text(x + 3, y + 13, name, size=11))
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _head(title: str, subtitle: str, left: int, width: int, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(left, 26, title, size=17, weight=600),
        _text(left, 46, subtitle, fill=_SOFT),
    ]


def _x_axis(scale: _Scale, axis: Axis) -> list[str]:
    bottom = _HEIGHT - _BOTTOM
    parts = []
    for tick in _ticks(scale.low, scale.high, axis.log):
        at = scale(tick)
        parts.append(f'<path d="M{at:.1f} {_TOP}V{bottom}" stroke="{_GRID}"/>')
        parts.append(_text(at, bottom + 20, _number(tick), anchor="middle", fill=_SOFT))
    parts.append(f'<path d="M{_LEFT} {bottom}H{_WIDTH - _RIGHT}" stroke="{_SOFT}"/>')
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, axis.label, anchor="middle"))
    return parts


def _y_axis(scale: _Scale, axis: Axis) -> list[str]:
    parts = []
    for tick in _ticks(scale.low, scale.high, axis.log):
        at = scale(tick)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="{_GRID}"/>')
        parts.append(_text(_LEFT - 10, at + 4, _number(tick), anchor="end", fill=_SOFT))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    turned = f'transform="rotate(-90 18 {middle})"'
    parts.append(_text(18, middle, axis.label, anchor="middle", more=turned))
    return parts


def _line(series: Series, colour: str, to_x: _Scale, to_y: _Scale) -> str:
    places = [(to_x(a), to_y(b)) for a, b in series.points]
    width, radius = (3.2, 4.4) if series.style == "strong" else (1.6, 2.8)
    dashes = ' stroke-dasharray="5 4"' if series.style == "dashed" else ""
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{radius}"/>' for a, b in places)
    track = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    return (
        f'<g class="series" fill="{colour}"><title>{escape(series.name)}</title>'
        f'<polyline points="{track}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'
        f"{dots}</g>"
    )


def _names(drawn: Sequence[Series], colours: dict[str, str], to_x: _Scale, to_y: _Scale) -> list[str]:
    """Names in a column at the right, as near to the ends of their lines as they fit, joined to them by a thin line."""
    ends = {each.name: (to_x(each.points[-1][0]), to_y(each.points[-1][1])) for each in drawn}
    order = sorted(drawn, key=lambda each: ends[each.name][1])
    heights = _apart([ends[each.name][1] for each in order])
    left = _WIDTH - _RIGHT + 24
    parts = []
    for each, height in zip(order, heights, strict=True):
        a, b = ends[each.name]
        colour, weight = colours[each.name], 700 if each.style == "strong" else 400
        parts.append(f'<path d="M{a:.1f} {b:.1f}L{left - 5} {height:.1f}" stroke="{colour}" stroke-width="0.7"/>')
        parts.append(_text(left, height + 4, each.name, fill=colour, weight=weight))
    return parts


def _apart(heights: Sequence[float]) -> list[float]:
    """The ascending heights, moved so that neighbours are a line of text apart and all are inside the chart."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _LABEL_GAP) if placed else max(height, _TOP))
    limit = float(_HEIGHT - _BOTTOM)
    for at in reversed(range(len(placed))):
        placed[at] = min(placed[at], limit)
        limit = placed[at] - _LABEL_GAP
    return placed


def _bounds(values: Sequence[float], log: bool) -> tuple[float, float]:
    """Round borders with all values between them."""
    low, high = min(values), max(values)
    if log:
        return _around(low, math.floor), _around(high, math.ceil, low)
    step = _step(high - low)
    return math.floor(low / step) * step, math.ceil(high / step + (low == high)) * step


def _around(value: float, rounded: Callable[[float], int], other: float | None = None) -> float:
    """The nearest 1, 2 or 5 times a power of ten on that side; strictly above `other`."""
    decade = 10.0 ** math.floor(math.log10(value))
    steps = [decade * step for step in (1, 2, 5, 10, 20)]
    if rounded is math.floor:
        return max(step for step in steps if step <= value * 1.0001)
    return min(step for step in steps if step >= value / 1.0001 and step > (other or 0.0))


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = (1, 2, 5) if len(decades) <= 4 else (1,)
        return [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade * 1.0001
                and step * 10.0**decade <= high * 1.0001]  # fmt: skip
    step = _step(high - low)
    return [low + at * step for at in range(round((high - low) / step) + 1)]


def _step(width: float) -> float:
    """1, 2 or 5 times a power of ten, about an eighth of the width."""
    rough = max(width, 1e-9) / 8
    decade = 10.0 ** math.floor(math.log10(rough))
    return next(decade * step for step in (1, 2, 5, 10) if decade * step >= rough * 0.999)


def _number(value: float) -> str:
    for bound, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= bound:
            return f"{value / bound:g}{suffix}"
    return f"{value:.4g}"


def _text(
    x: float, y: float, content: str, *, anchor: str = "start", fill: str = _INK, size: int = 13, weight: int = 400,
    more: str = "",
) -> str:  # fmt: skip
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}" '
        f'font-weight="{weight}" {more}>{escape(content)}</text>'
    )
