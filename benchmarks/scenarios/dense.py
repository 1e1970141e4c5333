"""Dense search on the easy and the hard set, each contestant at the least `ef` that reaches the recall.

What every `ef` gave, the curve of recall against queries per second, goes into the results file and the plots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from benchmarks import data
from benchmarks.data import Dataset
from benchmarks.requests import Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared, swept, tuned
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores

_EASY = ((0.99, Target(0.10, 0.99, points=100_000)),)
_HARD = ((0.95, Target(0.26, 0.95, points=100_000)), (0.99, Target(0.8, 0.99, points=100_000)))


def run_easy(stage: Stage) -> list[Table]:
    """Clusters, the graph's best case; or the vectors of `--data`."""
    settings = stage.settings
    return _at_recalls(stage, stage.dense(settings.points, settings.queries), _EASY if settings.data is None else _HARD)


def run_hard(stage: Stage) -> list[Table]:
    """Power-law spectrum and Zipf topics; nothing where `--data` brings its own difficulty."""
    settings = stage.settings
    if settings.data is not None:
        return []
    return _at_recalls(stage, data.hard(settings.points, settings.dim, settings.queries), _HARD)


def _at_recalls(stage: Stage, dataset: Dataset, levels: Sequence[tuple[float, Target]]) -> list[Table]:
    truth = Truth(dense_scores(dataset.columns.dense[""], dataset.queries))
    searches = [Search(query) for query in dataset.queries]
    tables = []
    with stage.loaded(dataset) as cast:
        sweeps = swept(stage, cast, stage.contestants, searches, truth)
        for wanted, target in levels:
            chosen = {name: sweep.least(wanted) for name, sweep in sweeps.items()}
            tables.append(
                compared(
                    stage, cast,
                    f"dense-{dataset.name}-{wanted:g}",
                    f"dense, {dataset.name} set, {dataset.shape}, recall@10 ≥ {wanted:g}",
                    lambda name, chosen=chosen: [tuned(search, chosen[name]) for search in searches],  # type: ignore[misc]
                    truth,
                    points=len(dataset.columns),
                    targets={"minidb": target},
                    notes={name: key if not key.isdigit() else f"ef {key}" for name, key in chosen.items()},
                    details={"sweep": {name: asdict(sweep)["settings"] for name, sweep in sweeps.items()}},
                )
            )  # fmt: skip
    return tables
