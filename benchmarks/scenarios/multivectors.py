"""Late interaction: points of 64 vectors of 128 dimensions, questions of 32, compared by MaxSim.

The top 10 of all points, each contestant at the least `ef` that reaches the recall; and the top 10 of 1,000 that a
prefetch by the points' mean vectors leaves, where recall is against the same two steps done exactly.
"""

from __future__ import annotations

from dataclasses import asdict

from benchmarks import data
from benchmarks.requests import Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared, swept, tuned
from benchmarks.stage import Stage
from benchmarks.truth import Truth, among_best, dense_scores, max_sim_scores

_SHAPE, _ASKED, _QUICK_SHAPE, _QUICK_ASKED = (64, 128), 32, (8, 16), 4
_MOST_POINTS = 10_000
"""Edge takes a quarter of an hour to link them."""
_CANDIDATES, _LEAST_RECALL = 1000, 0.95


def run(stage: Stage) -> list[Table]:
    """A graph where the contestant makes one."""
    settings = stage.settings
    points = min(settings.points, _MOST_POINTS)
    shape, asked = (_QUICK_SHAPE, _QUICK_ASKED) if settings.quick else (_SHAPE, _ASKED)
    dataset = data.token_sets(points, shape, asked, settings.queries)
    dense, means = dataset.columns.dense, data.unit(dataset.queries.mean(axis=1))
    scores = max_sim_scores(dense["tokens"], dataset.queries)
    truth = Truth(scores)
    rescored = Truth(among_best(scores.copy(), dense_scores(dense["mean"], means), _CANDIDATES))
    searches = [Search(query, using="tokens") for query in dataset.queries]
    prefetched = [
        Search(query, using="tokens", prefetch=Search(mean, using="mean", limit=_CANDIDATES, exact=True))
        for query, mean in zip(dataset.queries, means, strict=True)
    ]
    size = f"{points:,} × {shape[0]} × {shape[1]}"
    with stage.loaded(dataset) as cast:
        sweeps = swept(stage, cast, stage.contestants, searches, truth)
        chosen = {name: sweep.least(_LEAST_RECALL) for name, sweep in sweeps.items()}
        return [
            compared(
                stage, cast, "multivectors", f"MaxSim, {size}, {asked} asked, recall@10 ≥ {_LEAST_RECALL}",
                lambda name: [tuned(search, chosen[name]) for search in searches], truth,
                points=points, targets={"minidb": Target(30.0, _LEAST_RECALL, points=_MOST_POINTS)},
                notes={name: key if not key.isdigit() else f"ef {key}" for name, key in chosen.items()},
                details={"sweep": {name: asdict(sweep)["settings"] for name, sweep in sweeps.items()}},
            ),
            compared(
                stage, cast, "multivectors-rescored",
                f"MaxSim of {_CANDIDATES:,} prefetched by their mean vectors, of {size}",
                lambda _: prefetched, rescored, points=points,
            ),
        ]  # fmt: skip
