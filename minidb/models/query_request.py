"""What a plain query is read as: the request, and whatever it may ask for. The forms few ask for are in `queries`."""

# ruff: noqa: UP007 (`A | B | C` makes a union of two first, then of three, …: 15 million instructions for six of ten)

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, Union

from pydantic import AliasChoices, Field, StrictStr
from typing_extensions import TypeAliasType

from minidb.models.base import Later, Model, OneOrMany, Readers, made, one_of, one_or_many, only, tag
from minidb.models.numbers import Number, PositiveInt, UInt, plain_count
from minidb.models.points import ShardKeySelector, WithPayloadInterface, WithVector
from minidb.models.vectors import (
    ArrayInput,
    DenseList,
    EmptyInput,
    ExtendedPointId,
    Iterated,
    MultiList,
    ScipyRow,
    SparseVector,
    Stacked,
    plain_query_vector,
    vector_input_kind,
)

if TYPE_CHECKING:
    from minidb.models.filters import Filter
    from minidb.models.inference import Document, Image, InferenceObject
    from minidb.models.queries import (
        ContextQuery,
        DiscoverQuery,
        FormulaQuery,
        FusionQuery,
        LookupLocation,
        NearestQuery,
        OrderByQuery,
        RecommendQuery,
        RelevanceFeedbackQuery,
        RrfQuery,
        SampleQuery,
        TextQuery,
    )
    from minidb.models.requests import Prefetch
    from minidb.models.search_params import SearchParams
else:
    Filter = Annotated[Any, Later("filters.Filter")]
    Document = Annotated[Any, Later("inference.Document")]
    Image = Annotated[Any, Later("inference.Image")]
    InferenceObject = Annotated[Any, Later("inference.InferenceObject")]
    Prefetch = Annotated[Any, Later("requests.Prefetch")]
    SearchParams = Annotated[Any, Later("search_params.SearchParams")]
    ContextQuery = Annotated[Any, Later("queries.ContextQuery")]
    DiscoverQuery = Annotated[Any, Later("queries.DiscoverQuery")]
    FormulaQuery = Annotated[Any, Later("queries.FormulaQuery")]
    FusionQuery = Annotated[Any, Later("queries.FusionQuery")]
    LookupLocation = Annotated[Any, Later("queries.LookupLocation")]
    NearestQuery = Annotated[Any, Later("queries.NearestQuery")]
    OrderByQuery = Annotated[Any, Later("queries.OrderByQuery")]
    RecommendQuery = Annotated[Any, Later("queries.RecommendQuery")]
    RelevanceFeedbackQuery = Annotated[Any, Later("queries.RelevanceFeedbackQuery")]
    RrfQuery = Annotated[Any, Later("queries.RrfQuery")]
    SampleQuery = Annotated[Any, Later("queries.SampleQuery")]
    TextQuery = Annotated[Any, Later("queries.TextQuery")]


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

_AnyQuery: TypeAlias = Union[
    Annotated[NearestQuery, tag("NearestQuery")],
    Annotated[RecommendQuery, tag("RecommendQuery")],
    Annotated[DiscoverQuery, tag("DiscoverQuery")],
    Annotated[ContextQuery, tag("ContextQuery")],
    Annotated[OrderByQuery, tag("OrderByQuery")],
    Annotated[FusionQuery, tag("FusionQuery")],
    Annotated[RrfQuery, tag("RrfQuery")],
    Annotated[FormulaQuery, tag("FormulaQuery")],
    Annotated[SampleQuery, tag("SampleQuery")],
    Annotated[RelevanceFeedbackQuery, tag("RelevanceFeedbackQuery")],
    Annotated[TextQuery, tag("TextQuery")],
]
Query = TypeAliasType(
    "Query",
    Annotated[
        _AnyQuery,
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
        Union[
            Annotated[DenseList, tag("dense")],
            Annotated[ArrayInput, tag("ndarray")],
            Annotated[SparseVector, tag("SparseVector")],
            Annotated[MultiList, tag("multi")],
            Annotated[ExtendedPointId, tag("id")],
            Annotated[Document, tag("Document")],
            Annotated[Image, tag("Image")],
            Annotated[InferenceObject, tag("InferenceObject")],
            Annotated[ScipyRow, tag("scipy")],
            Annotated[Stacked, tag("stacked")],
            Annotated[Iterated, tag("iterable")],
            Annotated[EmptyInput, tag("empty")],
            _AnyQuery,
        ],
        one_of(
            "some form of vector, id, or a type of query",
            _QUERIES,
            _query_kind,
            ("SparseVector", "Document", "Image", "InferenceObject", "ndarray"),
        ),
    ],
)


_fusion = made("queries", "FusionQuery", "RrfQuery")

PLAIN_LEVEL: Readers = {
    "prefetch": one_or_many(made("requests", "Prefetch")),
    "query": lambda value: _fusion(value) or plain_query_vector(value),
    "using": only(str),
    "filter": made("filters", "Filter"),
    "params": made("search_params", "SearchParams"),
    "limit": plain_count(1),
}
"""Of a request, or of a prefetch; see `Model.plain`."""


class QueryRequest(Model):
    """A query, the prefetches below it, and what to return."""

    plain: ClassVar[Readers] = {
        **PLAIN_LEVEL,
        "offset": plain_count(),
        "with_vector": only(bool),
        "with_payload": only(bool),
    }

    shard_key: ShardKeySelector | None = None
    prefetch: OneOrMany[Prefetch] | None = None
    query: QueryInterface | None = None
    using: StrictStr | None = None
    filter: Filter | None = None
    params: SearchParams | None = None
    score_threshold: Number | None = None
    limit: PositiveInt | None = None
    offset: UInt | None = None
    with_vector: WithVector | None = Field(default=None, validation_alias=AliasChoices("with_vector", "with_vectors"))
    with_payload: WithPayloadInterface | None = None
    lookup_from: LookupLocation | None = None
