"""Dense search under a filter that leaves a half, a quarter, a tenth, a hundredth or a thousandth of the points.

All at the default `ef` of 100. The bare libraries get the matching rows for free.
"""

from __future__ import annotations

import numpy as np

from benchmarks.data import SHARES
from benchmarks.requests import Match, Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores

_TARGET_MS = {"half": 0.22, "quarter": 0.22, "tenth": 0.20, "hundredth": 0.07, "thousandth": 0.03}


def run(stage: Stage) -> list[Table]:
    """One table per selectivity; the value asked for changes from query to query."""
    settings = stage.settings
    dataset = stage.dense(settings.points, settings.queries)
    vectors, payloads = dataset.columns.dense[""], dataset.columns.payloads
    tables = []
    with stage.loaded(dataset) as cast:
        for key, count in SHARES.items():
            wanted = [f"v{7 * at % count}" for at in range(len(dataset.queries))]
            held = np.array([payload[key] for payload in payloads])
            scores = dense_scores(vectors, dataset.queries)
            scores[held[None, :] != np.array(wanted)[:, None]] = -np.inf
            searches = [
                Search(query, conditions=(Match(key, value),))
                for query, value in zip(dataset.queries, wanted, strict=True)
            ]
            tables.append(
                compared(
                    stage, cast, f"filtered-{100 / count:g}%", f"filtered, {dataset.shape}, {100 / count:g} %",
                    lambda _, searches=searches: searches, Truth(scores),  # type: ignore[misc]
                    points=len(dataset.columns), targets={"minidb": Target(_TARGET_MS[key], 0.99, points=100_000)},
                )
            )  # fmt: skip
    return tables
