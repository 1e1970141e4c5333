"""Sparse search: BM25-like (8 terms, idf) and SPLADE-like (30 terms, flat frequencies)."""

from __future__ import annotations

from benchmarks import data
from benchmarks.data import Dataset
from benchmarks.requests import Search
from benchmarks.results import Table, Target
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, sparse_scores

_TARGET_MS = {"bm25": 0.15, "splade": 0.30}


def run(stage: Stage) -> list[Table]:
    """One table per kind."""
    settings = stage.settings
    return [
        _run(stage, dataset)
        for dataset in (
            data.bm25_like(settings.points, settings.queries),
            data.splade_like(settings.points, settings.queries),
        )
    ]


def _run(stage: Stage, dataset: Dataset) -> Table:
    queries, rows = dataset.sparse_queries, dataset.columns.sparse["text"]
    assert queries is not None
    truth = Truth(sparse_scores(rows, queries, dataset.schema.sparse_idf["text"]))
    searches = [Search(queries.row(at), using="text") for at in range(len(queries))]
    with stage.loaded(dataset) as cast:
        return compared(
            stage, cast, f"sparse-{dataset.name}", f"sparse, {dataset.name}-like, {dataset.shape}",
            lambda _: searches, truth,
            points=len(rows), targets={"minidb": Target(_TARGET_MS[dataset.name], 0.999, points=100_000)},
        )  # fmt: skip
