"""A results file as one Markdown table, as in the README: `python -m benchmarks.summary RESULTS.json`.

A row per comparison, minidb's figure first, then how many times as long the others take, or as much they use.
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


def markdown(document: dict[str, Any]) -> str:
    """The table; contestants that were measured nowhere have no column."""
    tables = [
        table
        for scenario in document["scenarios"]
        if scenario["name"] not in _OF_VERSIONS
        for table in scenario["tables"]
    ]
    measured = {row["contestant"] for table in tables for row in table["rows"]}
    names = [name for name in ALL if name in measured and name != BASELINE]
    lines = ["| | " + " | ".join([BASELINE, *names]) + " |", "|---|" + "--:|" * (len(names) + 1)]
    lines += [_line(table, names) for table in tables]
    return "\n".join(lines)


def _line(table: dict[str, Any], names: list[str]) -> str:
    rows = {row["contestant"]: row for row in table["rows"]}
    own = rows.get(BASELINE)
    first = f"{number(own['median'])} {table['unit']}" if own is not None else "–"
    return f"| {table['title']} | " + " | ".join([first, *(_cell(rows.get(name)) for name in names)]) + " |"


def _cell(row: dict[str, Any] | None) -> str:
    """The ratio; recall too where it is low, since speed at another recall is no comparison."""
    if row is None or row["ratio"] is None:
        return "–"
    ratio = f"{row['ratio']['median']:.2g}" if row["ratio"]["median"] < 10 else f"{row['ratio']['median']:,.0f}"
    low = row["recall"] is not None and row["recall"] < _LOW_RECALL
    return f"{ratio} (recall {row['recall']:.2f})" if low else ratio


if __name__ == "__main__":
    print(markdown(json.loads(Path(sys.argv[1]).read_text())))
