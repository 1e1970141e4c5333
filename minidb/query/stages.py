"""What one level of a query tree can do with its prefetches' points, or with the whole collection.

Plain data: `tree` makes it out of requests, `executor` runs it. The computations stand in the module of each variant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from minidb.query.examples import ExampleScore
from minidb.query.order_by import Ordering
from minidb.query.text import TextScore
from minidb.query.vectors import QueryVector

if TYPE_CHECKING:
    from minidb.query.formula import Formula


class Nearest(NamedTuple):
    """Score by similarity to one vector."""

    using: str
    vector: QueryVector


class ByExamples(NamedTuple):
    """Score by similarities to several vectors; larger is better whatever the distance."""

    using: str
    examples: list[QueryVector]
    score: ExampleScore


class Diverse(NamedTuple):
    """Maximal marginal relevance among the nearest `candidates_limit`.

    `rescores`: prefetched points become candidates by similarity first; without it they are candidates as they come.
    """

    nearest: Nearest
    relevance_share: float
    candidates_limit: int
    rescores: bool


class RrfFusion(NamedTuple):
    """Reciprocal rank fusion."""

    k: int
    weights: list[float] | None


class DbsfFusion:
    """Distribution-based score fusion has no settings."""


class Sampled:
    """A random draw has no settings."""


Stage: TypeAlias = "Nearest | ByExamples | Diverse | RrfFusion | DbsfFusion | Ordering | Formula | Sampled | TextScore"
