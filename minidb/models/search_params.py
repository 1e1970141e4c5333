"""How to search: width of the graph walk, exactness, quantization, and the points IDF is computed over."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from minidb.models.base import Bool, Later, Model, StrEnum, one_of, tag
from minidb.models.numbers import PositiveInt, number

if TYPE_CHECKING:
    from minidb.models.filters import Filter
else:
    Filter = Annotated[Any, Later("filters.Filter")]


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
