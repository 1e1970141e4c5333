"""Facet, order_by and groups over payload: contestants without such calls are absent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import data
from benchmarks.data import Dataset
from benchmarks.requests import Facet, GroupedSearch, OrderedScroll, Request
from benchmarks.results import Table
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Exactly, dense_scores

_DIM, _KEY, _NUMBER = 64, "tenth", "number"


@dataclass(frozen=True)
class _Case:
    requests: Sequence[Request]
    right: Sequence[Sequence[object]]


def run(stage: Stage) -> list[Table]:
    """Each over a keyword or number with an index."""
    dataset = data.with_rich_payload(stage.settings.points, _DIM, stage.settings.queries, indexed=True)
    with stage.loaded(dataset) as cast:
        return [
            compared(
                stage,
                cast,
                name,
                f"{name}, {dataset.shape}",
                lambda _, case=case: case.requests,  # type: ignore[misc]
                Exactly(case.right),
                points=stage.settings.points,
            )
            for name, case in _cases(dataset).items()
        ]


def _cases(dataset: Dataset) -> dict[str, _Case]:
    payloads, count = dataset.columns.payloads, len(dataset.queries)
    values = sorted({payload[_KEY] for payload in payloads})
    first = np.argsort([payload[_NUMBER] for payload in payloads])[:10].tolist()
    return {
        "facet": _Case([Facet(_KEY)] * count, [values] * count),
        "order_by": _Case([OrderedScroll(_NUMBER)] * count, [first] * count),
        "groups": _Case([GroupedSearch(query, _KEY) for query in dataset.queries], _grouped(dataset)),
    }


def _grouped(dataset: Dataset, group_size: int = 3) -> list[list[object]]:
    """Ids of the best points of every value; there are no more values than groups asked for."""
    held = np.array([payload[_KEY] for payload in dataset.columns.payloads])
    members = [np.flatnonzero(held == value) for value in np.unique(held)]
    scores = dense_scores(dataset.columns.dense[""], dataset.queries)
    return [[row for rows in members for row in rows[np.argsort(-mine[rows])[:group_size]].tolist()] for mine in scores]
