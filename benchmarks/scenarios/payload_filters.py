"""Search under range, geo, text and nested filters, with and without payload indexes; `_cases` is the place to add to.

Without an index local mode and qdrant-edge look at every payload; minidb's answer must be the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import asin, cos, radians, sin, sqrt

import numpy as np

from benchmarks import data
from benchmarks.data import Dataset
from benchmarks.requests import Condition, GeoRadius, Match, Nested, Payload, Range, Search, TextMatch
from benchmarks.results import Table
from benchmarks.scenarios.searching import compared
from benchmarks.stage import Stage
from benchmarks.truth import Truth, dense_scores

_DIM = 64
_EARTH_METRES = 6371008.8


def _cases(points: int) -> Mapping[str, Condition]:
    return {
        "range 10 %": Range("number", points * 0.3, points * 0.4),
        "range 1 %": Range("number", points * 0.5, points * 0.51),
        "geo radius": GeoRadius("place", 20.0, 30.0, 2_000_000.0),
        "text": TextMatch("text", "word77"),
        "nested": Nested("parts", (Match("kind", "k3"), Range("size", 10, 40))),
    }


def run(stage: Stage) -> list[Table]:
    """Each case without indexes, then with."""
    tables = []
    for indexed in (False, True):
        dataset = data.with_rich_payload(stage.settings.points, _DIM, stage.settings.queries, indexed)
        tables += _run(stage, dataset, "indexed" if indexed else "not indexed")
    return tables


def _run(stage: Stage, dataset: Dataset, how: str) -> list[Table]:
    vectors, payloads = dataset.columns.dense[""], dataset.columns.payloads
    tables = []
    with stage.loaded(dataset) as cast:
        for case, condition in _cases(len(payloads)).items():
            holds = _predicate(condition)
            allowed = np.array([holds(payload) for payload in payloads])
            searches = [Search(query, conditions=(condition,)) for query in dataset.queries]
            tables.append(
                compared(
                    stage, cast, f"filter {case}, {how}",
                    f"filter: {case} ({allowed.mean():.2%} of {dataset.shape}), {how}",
                    lambda _, searches=searches: searches,  # type: ignore[misc]
                    Truth(dense_scores(vectors, dataset.queries, allowed)), points=len(payloads),
                )
            )  # fmt: skip
    return tables


def _predicate(condition: Condition) -> Callable[[Payload], bool]:
    if isinstance(condition, Match):
        return lambda payload: bool(payload[condition.key] == condition.value)
    if isinstance(condition, Range):
        return lambda payload: bool(condition.gte <= payload[condition.key] < condition.lt)
    if isinstance(condition, TextMatch):
        return lambda payload: condition.word in payload[condition.key].split()
    if isinstance(condition, Nested):
        inner = [_predicate(each) for each in condition.conditions]
        return lambda payload: any(all(holds(part) for holds in inner) for part in payload[condition.key])
    return lambda payload: _metres(payload[condition.key], condition) <= condition.metres


def _metres(place: Mapping[str, float], centre: GeoRadius) -> float:
    """Haversine distance."""
    latitude, other = radians(place["lat"]), radians(centre.latitude)
    half = sin((latitude - other) / 2) ** 2
    half += cos(latitude) * cos(other) * sin(radians(place["lon"] - centre.longitude) / 2) ** 2
    return 2 * _EARTH_METRES * asin(sqrt(half))
