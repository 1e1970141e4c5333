"""Facet, order_by and groups over payload: contestants without such calls are absent."""

from __future__ import annotations

from benchmarks import data
from benchmarks.requests import Facet, GroupedSearch, OrderedScroll, Request
from benchmarks.results import Table
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage


def run(stage: Stage) -> list[Table]:
    """Each over a keyword or number with an index."""
    dataset = data.with_rich_payload(stage.settings.points, 64, stage.settings.queries, indexed=True)
    cases: dict[str, list[Request]] = {
        "facet": [Facet("tenth") for _ in dataset.queries],
        "order_by": [OrderedScroll("number") for _ in dataset.queries],
        "groups": [GroupedSearch(query, "tenth") for query in dataset.queries],
    }
    with stage.loaded(dataset, without=("local-disk", "hnswlib", "numpy")) as cast:
        return [
            compared(
                stage, cast, case, f"{case}, {dataset.shape}", lambda _, requests=requests: requests, None,  # type: ignore[misc]
                points=stage.settings.points,
            )
            for case, requests in cases.items()
        ]  # fmt: skip
