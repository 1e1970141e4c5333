"""Queries: what to search for, and with which parameters. The requests that carry them are in `requests`."""

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import BeforeValidator, Field, StrictStr, model_validator
from typing_extensions import Self

from minidb.models.base import Later, Model, OneOrMany, Readers, StrEnum, one_of, only, tag
from minidb.models.bounded import Items
from minidb.models.datetimes import to_datetime
from minidb.models.faults import out_of_range, shown, wrong_shape
from minidb.models.numbers import Checked, Number, PositiveInt, integer, number
from minidb.models.points import ShardKeySelector
from minidb.models.vectors import (
    VectorInput,
)

if TYPE_CHECKING:
    from minidb.models.formulas import Expression
    from minidb.models.indexes import TextQueryScoring
else:
    Expression = Annotated[Any, Later("formulas.Expression")]
    TextQueryScoring = Annotated[Any, Later("indexes.TextQueryScoring")]


class LookupLocation(Model):
    """Another collection (and vector name) to take the vectors of ids from."""

    collection: StrictStr
    vector: StrictStr | None = None
    shard_key: ShardKeySelector | None = None


class Mmr(Model):
    """Maximal marginal relevance: trade relevance for diversity among `candidates_limit` points."""

    diversity: Annotated[float, number(0.0, 1.0, single=True)] | None = None
    candidates_limit: Annotated[int, integer(0, 16384)] | None = None


class NearestQuery(Model):
    """The nearest to a vector or a point."""

    nearest: VectorInput
    mmr: Mmr | None = None


class RecommendStrategy(StrEnum):
    """How examples make a score."""

    AVERAGE_VECTOR = "average_vector"
    BEST_SCORE = "best_score"
    SUM_SCORES = "sum_scores"


class RecommendInput(Model):
    """Examples to be near to and far from; at least one."""

    positive: Items[VectorInput] | None = None
    negative: Items[VectorInput] | None = None
    strategy: RecommendStrategy | None = None

    @model_validator(mode="after")
    def _some_example(self) -> Self:
        if not self.positive and not self.negative:
            raise out_of_range(
                "Validation error: At least one positive or negative vector/id must be provided [{}]",
                "positives, negatives",
            )
        return self


class RecommendQuery(Model):
    """Near to the positive, far from the negative examples."""

    recommend: RecommendInput


class ContextPair(Model):
    """An example, and a counterexample."""

    positive: VectorInput
    negative: VectorInput


ContextInput: TypeAlias = OneOrMany[ContextPair]


class DiscoverInput(Model):
    """A target, and pairs that bound the region to look in."""

    target: VectorInput
    context: OneOrMany[ContextPair] | None

    @model_validator(mode="before")
    @classmethod
    def _context_may_be_missing(cls, value: Any) -> Any:
        return {"context": None, **value} if isinstance(value, dict) else value


class DiscoverQuery(Model):
    """Near to the target, on the positive side of every pair."""

    discover: DiscoverInput


class ContextQuery(Model):
    """On the positive side of every pair."""

    context: ContextInput | None


class FeedbackItem(Model):
    """An example and how relevant it was found."""

    example: VectorInput
    score: Number


class NaiveFeedbackStrategyParams(Model):
    """Weights of the naive strategy."""

    a: Number
    b: Annotated[float, number(0.0, single=True)]
    c: Number


class NaiveFeedbackStrategy(Model):
    """Sum of the similarity to the target and of weighted differences between ranked examples."""

    naive: NaiveFeedbackStrategyParams


FeedbackStrategy: TypeAlias = NaiveFeedbackStrategy


class RelevanceFeedbackInput(Model):
    """A target and graded examples."""

    target: VectorInput
    feedback: Items[FeedbackItem]
    strategy: FeedbackStrategy

    @model_validator(mode="after")
    def _some_feedback(self) -> Self:
        if not self.feedback:
            raise out_of_range("feedback elements must be non-empty", "__all__")
        return self


class RelevanceFeedbackQuery(Model):
    """Near to the target, as earlier grades suggest."""

    relevance_feedback: RelevanceFeedbackInput


class Direction(StrEnum):
    """Of an ordering."""

    ASC = "asc"
    DESC = "desc"


def _check_start(value: Any) -> Any:
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return to_datetime(value)


StartFrom: TypeAlias = Annotated[Any, Checked(_check_start, {"anyOf": [{"type": "number"}, {"type": "string"}]})]


class OrderBy(Model):
    """Order by the payload value at `key`, beginning at `start_from`."""

    key: StrictStr
    direction: Direction | None = None
    start_from: StartFrom | None = None


OrderByInterface: TypeAlias = Annotated[
    Annotated[StrictStr, tag("path")] | Annotated[OrderBy, tag("OrderBy")],
    one_of(
        "a path or an object with key", {"key": "OrderBy"}, lambda value: "path" if isinstance(value, str) else None
    ),
]


class OrderByQuery(Model):
    """Points in the order of a payload value."""

    order_by: OrderByInterface


class Fusion(StrEnum):
    """How ranked lists become one."""

    RRF = "rrf"
    DBSF = "dbsf"


class FusionQuery(Model):
    """One list out of the prefetches' lists."""

    plain: ClassVar[Readers] = {"fusion": only(Fusion)}

    fusion: Fusion


class Rrf(Model):
    """Reciprocal rank fusion's constant, and a weight for each prefetch."""

    k: PositiveInt | None = None
    weights: Items[Number] | None = None


class RrfQuery(Model):
    """Reciprocal rank fusion with settings."""

    rrf: Rrf


class Sample(StrEnum):
    """How to draw."""

    RANDOM = "random"


class SampleQuery(Model):
    """Some points, at random."""

    sample: Sample


class TextQueryInput(Model):
    """Words to look for in a payload text index, and how to score."""

    query: StrictStr
    scoring: TextQueryScoring | None = None


TextInterface: TypeAlias = Annotated[
    Annotated[StrictStr, tag("words")] | Annotated[TextQueryInput, tag("TextQueryInput")],
    one_of(
        "a string or an object with query",
        {"query": "TextQueryInput"},
        lambda value: "words" if isinstance(value, str) else None,
    ),
]


class TextQuery(Model):
    """Points by the BM25 score of a payload text; `using` names the payload field."""

    text: TextInterface


_SCORE = re.compile(r"\$score(\[\d+\])?").fullmatch
_SCORE_BELOW = re.compile(r"\$score[.\[]").match


def _check_defaults(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise wrong_shape("Expected an object of default values by variable")
    for key, default in value.items():
        if not isinstance(key, str):
            raise wrong_shape(f"invalid variable name {shown(key)}")
        if key.startswith("$"):
            if not _SCORE(key):
                what = "variable" if _SCORE_BELOW(key) else "word"
                raise out_of_range(f"Invalid reserved {what}: {key}")
            if isinstance(default, bool) or not isinstance(default, (int, float, np.integer, np.floating)):
                raise out_of_range("Validation error: Score default must be a number [{}]")
    return value


_MOST_VALUES = 10_000
"""Of a formula: objects, lists, numbers and texts. Reading one takes some 15 µs, and a stranger could send many."""


def _of_some_size(formula: Any) -> Any:
    waiting, n_values = [formula], 0
    while waiting:
        value = waiting.pop()
        n_values += 1
        if n_values > _MOST_VALUES:
            raise wrong_shape(f"Expected a formula of at most {_MOST_VALUES} values")
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return formula


class FormulaQuery(Model):
    """Score the prefetched points with an expression; `defaults` stand in for missing variables."""

    formula: Annotated[Expression, BeforeValidator(_of_some_size)]
    defaults: Annotated[dict[str, Any], Checked(_check_defaults, {"type": "object"})] | None = Field(
        default_factory=dict
    )
