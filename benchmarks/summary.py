"""Results files as one Markdown table of benchmarks/README.md: `python -m benchmarks.summary RESULTS.json [MORE …]`.

A row per comparison, minidb's figure first, then how many times as long the others take, or as much they use. Of
several runs of the same comparisons every figure stands beside the first run's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.adapters import ALL, BASELINE
from benchmarks.report import number

_LOW_RECALL = 0.95
_OF_VERSIONS = ("import", "bm25-texts", "resolver", "duplicates", "cranfield")
"""Scenarios whose contestants are not stores."""


def markdown(*runs: dict[str, Any]) -> str:
    """The table of results files; contestants that were measured nowhere have no column."""
    found = [_tables(run) for run in runs]
    measured = {contestant for tables in found for table in tables.values() for contestant in table["rows"]}
    names = [name for name in ALL if name in measured and name != BASELINE]
    lines = ["| | " + " | ".join([BASELINE, *names]) + " |", "|---|" + "--:|" * (len(names) + 1)]
    lines += [_line([tables[name] for tables in found if name in tables], names) for name in found[0]]
    return "\n".join(lines)


def _tables(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name, with rows by contestant."""
    return {
        table["name"]: table | {"rows": {row["contestant"]: row for row in table["rows"]}}
        for scenario in run["scenarios"]
        if scenario["name"] not in _OF_VERSIONS
        for table in scenario["tables"]
    }


def _line(same: list[dict[str, Any]], names: list[str]) -> str:
    """One comparison as several runs measured it."""
    figures = " / ".join(number(table["rows"][BASELINE]["median"]) for table in same if BASELINE in table["rows"])
    first = f"{figures} {same[0]['unit']}" if figures else "–"
    ratios = ([_cell(table["rows"].get(name)) for table in same] for name in names)
    cells = [" / ".join(each) if set(each) != {"–"} else "–" for each in ratios]
    return f"| {same[0]['title']} | " + " | ".join([first, *cells]) + " |"


def _cell(row: dict[str, Any] | None) -> str:
    """The ratio; recall too where it is low, since speed at another recall is no comparison."""
    if row is None or row["ratio"] is None:
        return "–"
    ratio = f"{row['ratio']['median']:.2g}" if row["ratio"]["median"] < 10 else f"{row['ratio']['median']:,.0f}"
    low = row["recall"] is not None and row["recall"] < _LOW_RECALL
    return f"{ratio} (recall {row['recall']:.2f})" if low else ratio


if __name__ == "__main__":
    print(markdown(*(json.loads(Path(file).read_text()) for file in sys.argv[1:])))
