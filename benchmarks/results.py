"""What a scenario returns: tables of rows, one per contestant, with ratios to minidb and the design's target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from benchmarks.adapters import BASELINE
from benchmarks.measure import Samples, Timings


@dataclass(frozen=True)
class Target:
    """What design §6 asks of one contestant: at most `value` in the table's unit, and at least `recall`.

    `points`: the collection size the target speaks of; below it the figure is shown but not judged.
    `of`: when given, the bound is that contestant's median times `value`.
    """

    value: float
    recall: float | None = None
    points: int = 0
    of: str | None = None
    text: str | None = None


@dataclass
class Spread:
    """Median over the rounds, and the extremes."""

    median: float
    low: float
    high: float


@dataclass
class Row:
    """One contestant's figures in the table's unit."""

    contestant: str
    median: float
    p95: float
    p99: float
    samples: int
    ratio: Spread | None
    recall: float | None = None
    note: str = ""
    target: str = ""
    is_met: bool | None = None


@dataclass
class Table:
    """One comparison. Every unit counts cost: less is better."""

    name: str
    title: str
    unit: str
    rows: list[Row] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_PER_SECOND = {"s": 1.0, "ms": 1e3, "µs": 1e6}


def table(
    name: str,
    title: str,
    unit: str,
    timings: Timings,
    *,
    points: int = 0,
    recalls: Mapping[str, float] | None = None,
    notes: Mapping[str, str] | None = None,
    targets: Mapping[str, Target] | None = None,
    absent: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Table:
    """A table of measured samples; `points` is the size that targets are held against."""
    scale = _PER_SECOND.get(unit, 1.0)
    rows = []
    for contestant, samples in timings.samples.items():
        if not samples.values:
            continue
        row = Row(
            contestant,
            samples.median() * scale,
            samples.percentile(95) * scale,
            samples.percentile(99) * scale,
            len(samples.values),
            _ratio(samples, timings.samples.get(BASELINE)),
            (recalls or {}).get(contestant),
            (notes or {}).get(contestant, ""),
        )
        _judge(row, (targets or {}).get(contestant), timings, scale, points, unit)
        rows.append(row)
    missing = dict(absent or {}) | timings.failures
    return Table(name, title, unit, rows, missing, dict(details or {}))


def _ratio(samples: Samples, baseline: Samples | None) -> Spread | None:
    if baseline is None or samples is baseline:
        return None
    ratios = [
        float(np.median(mine) / np.median(theirs))
        for mine, theirs in zip(samples.rounds, baseline.rounds, strict=False)
        if mine and theirs and np.median(theirs) > 0
    ]
    return Spread(float(np.median(ratios)), min(ratios), max(ratios)) if ratios else None


def _judge(row: Row, target: Target | None, timings: Timings, scale: float, points: int, unit: str) -> None:
    if target is None:
        return
    bound = target.value
    if target.of is not None:
        other = timings.samples.get(target.of)
        if other is None or not other.values:
            return
        bound *= other.median() * scale
    recall = f", recall ≥ {target.recall:g}" if target.recall is not None else ""
    row.target = target.text or f"≤ {bound:.3g} {unit}{recall}"
    if points < target.points:
        row.target += f" at {target.points:,}"
        return
    enough = target.recall is None or (row.recall is not None and row.recall >= target.recall)
    row.is_met = row.median <= bound and enough
