"""Queries: what to search for, and with which parameters. The requests that carry them are in `requests`."""

from typing import Annotated, Any, TypeAlias

from pydantic import StrictStr, model_validator
from typing_extensions import Self, TypeAliasType

from minidb.models.base import (
    Bool,
    Checked,
    Model,
    Number,
    OneOrMany,
    PositiveInt,
    StrEnum,
    integer,
    number,
    one_of,
    out_of_range,
    tag,
)
from minidb.models.filters import Filter, to_datetime
from minidb.models.formulas import FormulaQuery
from minidb.models.indexes import TextQueryScoring
from minidb.models.inference import Document, Image, InferenceObject
from minidb.models.points import ShardKeySelector
from minidb.models.vectors import (
    Array,
    DenseList,
    Empty,
    ExtendedPointId,
    MultiList,
    ScipyRow,
    SparseVector,
    Stacked,
    VectorInput,
    vector_input_kind,
)

# Search parameters


class QuantizationSearchParams(Model):
    """How to use quantized vectors."""

    ignore: Bool | None = False
    rescore: Bool | None = None
    oversampling: Annotated[float, number(1.0)] | None = None


class AcornSearchParams(Model):
    """Whether a filtered graph search may look at neighbours of neighbours."""

    enable: Bool | None = False
    max_selectivity: Annotated[float, number(0.0, 1.0)] | None = None


class IdfScope(StrEnum):
    """Over which points IDF is computed."""

    GLOBAL = "global"


class IdfCorpusParams(Model):
    """IDF computed over the points of a filter."""

    corpus: Filter


IdfParams: TypeAlias = Annotated[
    Annotated[IdfScope, tag("IdfScope")] | Annotated[IdfCorpusParams, tag("IdfCorpusParams")],
    one_of(
        'idf: "global" or an object with corpus',
        {"corpus": "IdfCorpusParams"},
        lambda value: "IdfScope" if isinstance(value, str) else None,
        ("IdfScope",),
    ),
]


class SearchParams(Model):
    """How to search: width of the graph walk, exactness, quantization, IDF."""

    hnsw_ef: PositiveInt | None = None
    exact: Bool | None = False
    quantization: QuantizationSearchParams | None = None
    indexed_only: Bool | None = False
    acorn: AcornSearchParams | None = None
    idf: IdfParams | None = None


class LookupLocation(Model):
    """Another collection (and vector name) to take the vectors of ids from."""

    collection: StrictStr
    vector: StrictStr | None = None
    shard_key: ShardKeySelector | None = None


# Kinds of query


class Mmr(Model):
    """Maximal marginal relevance: trade relevance for diversity among `candidates_limit` points."""

    diversity: Annotated[float, number(0.0, 1.0)] | None = None
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

    positive: list[VectorInput] | None = None
    negative: list[VectorInput] | None = None
    strategy: RecommendStrategy | None = None

    @model_validator(mode="after")
    def _some_example(self) -> Self:
        if not self.positive and not self.negative:
            raise out_of_range("At least one positive or negative vector/id must be provided", "positives, negatives")
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

    context: ContextInput


class FeedbackItem(Model):
    """An example and how relevant it was found."""

    example: VectorInput
    score: Number


class NaiveFeedbackStrategyParams(Model):
    """Weights of the naive strategy."""

    a: Number
    b: Annotated[float, number(0.0)]
    c: Number


class NaiveFeedbackStrategy(Model):
    """Sum of the similarity to the target and of weighted differences between ranked examples."""

    naive: NaiveFeedbackStrategyParams


FeedbackStrategy: TypeAlias = NaiveFeedbackStrategy


class RelevanceFeedbackInput(Model):
    """A target and graded examples."""

    target: VectorInput
    feedback: list[FeedbackItem]
    strategy: FeedbackStrategy

    @model_validator(mode="after")
    def _some_feedback(self) -> Self:
        if not self.feedback:
            raise out_of_range("feedback elements must be non-empty", "feedback")
        return self


class RelevanceFeedbackQuery(Model):
    """Near to the target, as earlier grades suggest."""

    relevance_feedback: RelevanceFeedbackInput


class Direction(StrEnum):
    """Of an ordering."""

    ASC = "asc"
    DESC = "desc"


def _check_start(value: Any) -> Any:
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

    fusion: Fusion


class Rrf(Model):
    """Reciprocal rank fusion's constant, and a weight for each prefetch."""

    k: PositiveInt | None = None
    weights: list[Number] | None = None


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


_QUERIES = {
    "nearest": "NearestQuery",
    "recommend": "RecommendQuery",
    "discover": "DiscoverQuery",
    "context": "ContextQuery",
    "order_by": "OrderByQuery",
    "fusion": "FusionQuery",
    "rrf": "RrfQuery",
    "formula": "FormulaQuery",
    "sample": "SampleQuery",
    "relevance_feedback": "RelevanceFeedbackQuery",
    "text": "TextQuery",
}

Query = TypeAliasType(
    "Query",
    Annotated[
        Annotated[NearestQuery, tag("NearestQuery")]
        | Annotated[RecommendQuery, tag("RecommendQuery")]
        | Annotated[DiscoverQuery, tag("DiscoverQuery")]
        | Annotated[ContextQuery, tag("ContextQuery")]
        | Annotated[OrderByQuery, tag("OrderByQuery")]
        | Annotated[FusionQuery, tag("FusionQuery")]
        | Annotated[RrfQuery, tag("RrfQuery")]
        | Annotated[FormulaQuery, tag("FormulaQuery")]
        | Annotated[SampleQuery, tag("SampleQuery")]
        | Annotated[RelevanceFeedbackQuery, tag("RelevanceFeedbackQuery")]
        | Annotated[TextQuery, tag("TextQuery")],
        one_of(f"a type of query ({', '.join(_QUERIES)})", _QUERIES),
    ],
)


def _query_kind(value: Any) -> str | None:
    """Vectors and ids come first, as in Qdrant; `text` with `model` is a document, without it a text query."""
    if isinstance(value, dict) and "model" not in value and value.keys() <= _QUERIES.keys():
        return None
    return vector_input_kind(value)


QueryInterface = TypeAliasType(
    "QueryInterface",
    Annotated[
        Annotated[DenseList, tag("dense")]
        | Annotated[Array, tag("ndarray")]
        | Annotated[SparseVector, tag("SparseVector")]
        | Annotated[MultiList, tag("multi")]
        | Annotated[ExtendedPointId, tag("id")]
        | Annotated[Document, tag("Document")]
        | Annotated[Image, tag("Image")]
        | Annotated[InferenceObject, tag("InferenceObject")]
        | Annotated[ScipyRow, tag("scipy")]
        | Annotated[Stacked, tag("stacked")]
        | Annotated[Empty, tag("empty")]
        | Annotated[NearestQuery, tag("NearestQuery")]
        | Annotated[RecommendQuery, tag("RecommendQuery")]
        | Annotated[DiscoverQuery, tag("DiscoverQuery")]
        | Annotated[ContextQuery, tag("ContextQuery")]
        | Annotated[OrderByQuery, tag("OrderByQuery")]
        | Annotated[FusionQuery, tag("FusionQuery")]
        | Annotated[RrfQuery, tag("RrfQuery")]
        | Annotated[FormulaQuery, tag("FormulaQuery")]
        | Annotated[SampleQuery, tag("SampleQuery")]
        | Annotated[RelevanceFeedbackQuery, tag("RelevanceFeedbackQuery")]
        | Annotated[TextQuery, tag("TextQuery")],
        one_of(
            "some form of vector, id, or a type of query",
            _QUERIES,
            _query_kind,
            ("SparseVector", "Document", "Image", "InferenceObject", "ndarray"),
        ),
    ],
)
