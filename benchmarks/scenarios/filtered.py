"""Dense search under a filter that leaves a half, a quarter, a tenth, a hundredth or a thousandth of the points.

All at the default `ef` of 100, minidb at its own default. The bare libraries get the matching rows for free.
"""

from __future__ import annotations

import numpy as np

from benchmarks import data
from benchmarks.data import SHARES, Dataset
from benchmarks.requests import Match, Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Cast, Stage
from benchmarks.truth import Truth, dense_scores

_TARGET_MS = {"half": 0.22, "quarter": 0.22, "tenth": 0.20, "hundredth": 0.07, "thousandth": 0.03}


def run(stage: Stage) -> list[Table]:
    """One table per selectivity on the easy set; the value asked for changes from query to query."""
    dataset = stage.dense(stage.settings.points, stage.settings.queries)
    with stage.loaded(dataset) as cast:
        return [
            _under(stage, cast, dataset, key, f"filtered-{_percent(key)}", "filtered", Target(ms, 0.99, points=100_000))
            for key, ms in _TARGET_MS.items()
        ]


def run_defaults(stage: Stage) -> list[Table]:
    """What the default settings find beside what they cost: without a filter, and on the hard set under each, too."""
    settings = stage.settings
    tables = []
    with stage.loaded(easy := stage.dense(settings.points, settings.queries)) as cast:
        tables.append(_under(stage, cast, easy, None, f"defaults-{easy.name}", f"defaults, {easy.name} set"))
    if settings.data is not None:
        return tables
    with stage.loaded(hard := data.hard(settings.points, settings.dim, settings.queries)) as cast:
        for key in (None, *SHARES):
            name = "defaults-hard" if key is None else f"defaults-hard-{_percent(key)}"
            tables.append(_under(stage, cast, hard, key, name, "defaults, hard set"))
    return tables


def _under(
    stage: Stage, cast: Cast, dataset: Dataset, key: str | None, name: str, title: str, target: Target | None = None
) -> Table:
    """Searches under a filter on the field `key`, or under none."""
    columns, queries = dataset.columns, dataset.queries
    scores, searches = dense_scores(columns.dense[""], queries), [Search(query) for query in queries]
    title = f"{title}, {dataset.shape}"
    if key is not None:
        wanted = [f"v{7 * at % SHARES[key]}" for at in range(len(queries))]
        held = np.array([payload[key] for payload in columns.payloads])
        scores[held[None, :] != np.array(wanted)[:, None]] = -np.inf
        searches = [
            Search(query, conditions=(Match(key, value),)) for query, value in zip(queries, wanted, strict=True)
        ]
        title += f", {_percent(key).removesuffix('%')} %"
    return compared(
        stage, cast, name, title, lambda _: searches, Truth(scores),
        points=len(columns), targets={} if target is None else {"minidb": target},
    )  # fmt: skip


def _percent(key: str) -> str:
    return f"{100 / SHARES[key]:g}%"
