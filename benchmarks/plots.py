"""Charts of a results file: recall against queries per second for each dense set, latency against size; latency, memory
and disk against points and dimensions.

Takes what `report.document` makes, so that an old results file can be drawn again:
`python -m benchmarks.plots RESULTS.json FOLDER`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

from benchmarks.adapters import ALL, BASELINE
from benchmarks.adapters.bare import Bare
from benchmarks.svg import Axis, Series, line_chart

_CURVE_PREFIX = "dense-"


def draw(document: dict[str, Any], folder: Path) -> list[Path]:
    """Write the charts there is something for; which they are."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [table for scenario in document["scenarios"] for table in scenario["tables"]]
    charts = _curves(tables) | _sizes(tables) | _growth(tables)
    paths = []
    for name, chart in charts.items():
        path = folder / f"{name}.svg"
        path.write_text(chart)
        paths.append(path)
    return paths


def _curves(tables: list[dict[str, Any]]) -> dict[str, str]:
    """One chart per set; its tables at several recalls share one sweep."""
    charts = {}
    for table in tables:
        sweeps = table["details"].get("sweep")
        if not sweeps:
            continue
        name = table["name"].removeprefix(_CURVE_PREFIX).rsplit("-", 1)[0]
        fronts = {peer: _front(list(settings.values())) for peer, settings in sweeps.items()}
        shape = table["title"].removeprefix("dense, ").split(", recall")[0]
        charts[f"recall-qps-{name}"] = line_chart(
            "Recall against queries per second",
            f"{shape}; a line per contestant through its settings of ef; dashed: bare libraries, no payload",
            Axis("recall@10"),
            Axis("queries per second, one thread", log=True),
            _series(fronts),
        )
    return charts


def _sizes(tables: list[dict[str, Any]]) -> dict[str, str]:
    lines: dict[str, list[tuple[float, float]]] = {}
    for table in tables:
        if "size" in table["details"]:
            for row in table["rows"]:
                lines.setdefault(row["contestant"], []).append((table["details"]["size"], row["median"]))
    if not lines:
        return {}
    chart = line_chart(
        "Latency against size",
        "median of a query for the 10 nearest at ef 100, payload read; dashed: bare libraries, no payload",
        Axis("points", log=True),
        Axis("milliseconds", log=True),
        _series(lines),
    )
    return {"latency-size": chart}


_MEASURES = {
    "latency": ("Latency", "median of a query for the 10 nearest, payload read", "milliseconds"),
    "memory": (
        "Memory",
        "of a process that opened the store and answered queries, mapped files included",
        "MB resident",
    ),
    "disk": ("Disk", "a closed store, vectors, payloads and indexes", "MB on disk"),
}


def _growth(tables: list[dict[str, Any]]) -> dict[str, str]:
    """A chart for each measure and axis of the scenario `growth`."""
    lines: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for table in tables:
        details = table["details"]
        if "measure" in details:
            of_peers = lines.setdefault((details["measure"], details["axis"]), {})
            for row in table["rows"]:
                of_peers.setdefault(row["contestant"], []).append((details["at"], row["median"]))
    charts = {}
    for (measure, axis), of_peers in lines.items():
        title, subtitle, unit = _MEASURES[measure]
        name, x, y = f"{measure}-{axis}", Axis(axis, log=True), Axis(unit, log=True)
        charts[name] = line_chart(f"{title} against {axis}", subtitle, x, y, _series(of_peers))
    return charts


def _front(settings: list[dict[str, float]]) -> list[tuple[float, float]]:
    """The settings that no other beats in both recall and speed, by recall."""
    front: list[tuple[float, float]] = []
    for recall, qps in sorted(((setting["recall"], setting["qps"]) for setting in settings), reverse=True):
        if not front or qps > front[-1][1]:
            front.append((recall, qps))
    return front[::-1]


def _series(lines: dict[str, list[tuple[float, float]]]) -> list[Series]:
    """In the order of the contestants, also of those that are absent here, so that colours stay the same."""
    return [Series(name, lines.get(name, ()), _style(name)) for name in ALL]


def _style(name: str) -> Literal["plain", "strong", "dashed"]:
    if name == BASELINE:
        return "strong"
    return "dashed" if isinstance(ALL[name], Bare) else "plain"


if __name__ == "__main__":
    for written in draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])):
        print(written)
