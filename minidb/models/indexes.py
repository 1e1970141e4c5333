"""Payload indexes: the type of a payload field and how it is to be indexed."""

from typing import Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field, StrictStr, model_validator
from typing_extensions import Self

from minidb.models.base import Bool, Model, StrEnum, one_of, tag
from minidb.models.faults import out_of_range
from minidb.models.inference import StemmingAlgorithm, StopwordsInterface, TokenizerType
from minidb.models.numbers import Number, UInt
from minidb.models.schema_type import PayloadSchemaType
from minidb.models.vector_params import Memory


class KeywordIndexType(StrEnum):
    """The type of `KeywordIndexParams`."""

    KEYWORD = "keyword"


class IntegerIndexType(StrEnum):
    """The type of `IntegerIndexParams`."""

    INTEGER = "integer"


class FloatIndexType(StrEnum):
    """The type of `FloatIndexParams`."""

    FLOAT = "float"


class GeoIndexType(StrEnum):
    """The type of `GeoIndexParams`."""

    GEO = "geo"


class TextIndexType(StrEnum):
    """The type of `TextIndexParams`."""

    TEXT = "text"


class BoolIndexType(StrEnum):
    """The type of `BoolIndexParams`."""

    BOOL = "bool"


class DatetimeIndexType(StrEnum):
    """The type of `DatetimeIndexParams`."""

    DATETIME = "datetime"


class UuidIndexType(StrEnum):
    """The type of `UuidIndexParams`."""

    UUID = "uuid"


class KeywordIndexParams(Model):
    """Exact match on strings."""

    type: KeywordIndexType
    is_tenant: Bool | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    prefix: Bool | None = None
    nested: StrictStr | None = None


class IntegerIndexParams(Model):
    """Exact match (`lookup`) and ranges on integers; at least one of the two."""

    type: IntegerIndexType
    lookup: Bool | None = None
    range: Bool | None = None
    is_principal: Bool | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    nested: StrictStr | None = None

    @model_validator(mode="after")
    def _some_use(self) -> Self:
        if self.lookup is False and self.range is False:
            raise out_of_range(
                "Validation error: the 'lookup' and 'range' capabilities can't be both disabled [{}]", "lookup"
            )
        return self


class FloatIndexParams(Model):
    """Ranges on numbers."""

    type: FloatIndexType
    is_principal: Bool | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    nested: StrictStr | None = None


class GeoIndexParams(Model):
    """Places."""

    type: GeoIndexType
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    nested: StrictStr | None = None


class BoolIndexParams(Model):
    """Exact match on bools."""

    type: BoolIndexType
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    nested: StrictStr | None = None


class DatetimeIndexParams(Model):
    """Ranges on points in time."""

    type: DatetimeIndexType
    is_principal: Bool | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    nested: StrictStr | None = None


class UuidIndexParams(Model):
    """Exact match on UUIDs."""

    type: UuidIndexType
    is_tenant: Bool | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    enable_hnsw: Bool | None = None
    nested: StrictStr | None = None


class Bm25Params(Model):
    """The two constants of BM25."""

    k: Number | None = None
    b: Number | None = None


class Bm25Scoring(Model):
    """Score text with BM25."""

    bm25: Bm25Params


class TextScoringType(StrEnum):
    """How a text index scores."""

    BM25 = "bm25"


class TextScoringParams(Model):
    """Make a text index able to score."""

    type: TextScoringType


TextQueryScoring: TypeAlias = Bm25Scoring
TextScoringInterface: TypeAlias = Annotated[
    Annotated[bool, tag("bool")] | Annotated[TextScoringParams, tag("TextScoringParams")],
    one_of(
        "a bool or a scoring type",
        {"type": "TextScoringParams"},
        lambda value: "bool" if isinstance(value, bool) else None,
    ),
]


class TextIndexParams(Model):
    """Full text: how it is split into tokens, and whether phrases and scores are kept."""

    type: TextIndexType
    tokenizer: TokenizerType | None = None
    min_token_len: UInt | None = None
    max_token_len: UInt | None = None
    lowercase: Bool | None = None
    ascii_folding: Bool | None = None
    phrase_matching: Bool | None = None
    stopwords: StopwordsInterface | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    stemmer: StemmingAlgorithm | None = None
    enable_hnsw: Bool | None = None
    scoring: TextScoringInterface | None = None
    nested: StrictStr | None = None


_PARAMS = {
    "keyword": "KeywordIndexParams",
    "integer": "IntegerIndexParams",
    "float": "FloatIndexParams",
    "geo": "GeoIndexParams",
    "text": "TextIndexParams",
    "bool": "BoolIndexParams",
    "datetime": "DatetimeIndexParams",
    "uuid": "UuidIndexParams",
}


def _params_kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return _PARAMS.get(kind) if isinstance(kind, str) else None


PayloadSchemaParams: TypeAlias = Annotated[
    Annotated[KeywordIndexParams, tag("KeywordIndexParams")]
    | Annotated[IntegerIndexParams, tag("IntegerIndexParams")]
    | Annotated[FloatIndexParams, tag("FloatIndexParams")]
    | Annotated[GeoIndexParams, tag("GeoIndexParams")]
    | Annotated[TextIndexParams, tag("TextIndexParams")]
    | Annotated[BoolIndexParams, tag("BoolIndexParams")]
    | Annotated[DatetimeIndexParams, tag("DatetimeIndexParams")]
    | Annotated[UuidIndexParams, tag("UuidIndexParams")],
    one_of(f"index params with a type of {', '.join(_PARAMS)}", {}, _params_kind, tuple(_PARAMS.values())),
]
PayloadFieldSchema: TypeAlias = Annotated[
    Annotated[PayloadSchemaType, tag("PayloadSchemaType")] | Annotated[PayloadSchemaParams, tag("params")],
    one_of(
        f"a type or index params with a type of {', '.join(_PARAMS)}",
        {},
        lambda value: "PayloadSchemaType" if isinstance(value, str) else "params" if _params_kind(value) else None,
        ("PayloadSchemaType",),
    ),
]


class PayloadIndexInfo(Model):
    """An index as a collection's info shows it; `points` have a value in it."""

    data_type: PayloadSchemaType
    params: PayloadSchemaParams | None = None
    points: UInt


class CreateFieldIndex(Model):
    """A request for an index."""

    field_name: StrictStr
    field_schema: PayloadFieldSchema | None = Field(
        default=None, validation_alias=AliasChoices("field_schema", "field_type")
    )
