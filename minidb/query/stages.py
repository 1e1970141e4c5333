"""What one level of a query tree can do with its prefetches' points, or with the whole collection.

Plain data: `tree` makes it out of requests, `executor` runs it. The computations stand in the module of each variant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from minidb.query.examples import ExampleScore
from minidb.query.order_by import Ordering
from minidb.query.text import TextScore
from minidb.query.vectors import QueryVector

if TYPE_CHECKING:
    from minidb.query.formula import Formula


@dataclass(frozen=True, slots=True)
class Nearest:
    """Score by similarity to one vector."""

    using: str
    vector: QueryVector


@dataclass(frozen=True, slots=True)
class ByExamples:
    """Score by similarities to several vectors; larger is better whatever the distance."""

    using: str
    examples: list[QueryVector]
    score: ExampleScore


@dataclass(frozen=True, slots=True)
class Diverse:
    """Maximal marginal relevance among the nearest `candidates_limit`.

    `rescores`: prefetched points become candidates by similarity first; without it they are candidates as they come.
    """

    nearest: Nearest
    relevance_share: float
    candidates_limit: int
    rescores: bool


@dataclass(frozen=True, slots=True)
class RrfFusion:
    """Reciprocal rank fusion."""

    k: int
    weights: list[float] | None


@dataclass(frozen=True, slots=True)
class DbsfFusion:
    """Distribution-based score fusion has no settings."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A random draw has no settings."""


Stage: TypeAlias = "Nearest | ByExamples | Diverse | RrfFusion | DbsfFusion | Ordering | Formula | Sampled | TextScore"
