"""Vector parameters: size, distance, datatype, graph. What few collections set of them is in `vector_settings`."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

from pydantic import AfterValidator, AliasChoices, Field

from minidb.models.base import Bool, Later, Model, Readers, StrEnum, one_of, tag
from minidb.models.bounded import Named
from minidb.models.faults import out_of_range
from minidb.models.numbers import UInt, integer, nonzero, plain_count

if TYPE_CHECKING:
    from minidb.models.quantization import QuantizationConfig, QuantizationConfigDiff
    from minidb.models.vector_settings import HnswConfigDiff, MultiVectorConfig, SparseVectorParams
else:
    QuantizationConfig = Annotated[Any, Later("quantization.QuantizationConfig")]
    QuantizationConfigDiff = Annotated[Any, Later("quantization.QuantizationConfigDiff")]
    HnswConfigDiff = Annotated[Any, Later("vector_settings.HnswConfigDiff")]
    MultiVectorConfig = Annotated[Any, Later("vector_settings.MultiVectorConfig")]
    SparseVectorParams = Annotated[Any, Later("vector_settings.SparseVectorParams")]


class Memory(StrEnum):
    """Where a structure is kept while it is not used."""

    COLD = "cold"
    CACHED = "cached"
    PINNED = "pinned"


class Distance(StrEnum):
    """How near two dense vectors are."""

    COSINE = "Cosine"
    EUCLID = "Euclid"
    DOT = "Dot"
    MANHATTAN = "Manhattan"


class Datatype(StrEnum):
    """How a vector's elements are stored."""

    FLOAT32 = "float32"
    UINT8 = "uint8"
    FLOAT16 = "float16"
    TURBO4 = "turbo4"
    TURBO8 = "turbo8"
    TURBO16 = "turbo16"


EfConstruct: TypeAlias = Annotated[int, integer(4)]


class HnswConfig(Model):
    """Settings of the graph, all known."""

    m: UInt
    ef_construct: EfConstruct
    full_scan_threshold: UInt
    max_indexing_threads: UInt | None = 0
    on_disk: Bool | None = None
    memory: Memory | None = None
    payload_m: UInt | None = None
    inline_storage: Bool | None = None


def unpinned(where: str) -> AfterValidator:
    """Refuses the one placement that `where` has no form of (422)."""

    def check(memory: Memory) -> Memory:
        if memory == Memory.PINNED:
            raise out_of_range(f"`pinned` memory placement is not supported for {where}")
        return memory

    return AfterValidator(check)


DenseMemory: TypeAlias = Annotated[Memory, unpinned("dense vector storage")]


_MAX_SIZE = 65536


def _plain_distance(value: Any) -> Distance | None:
    return next((each for each in Distance if each == value), None) if isinstance(value, str) else None


class VectorParams(Model):
    """A dense vector: its size, distance, and how it is stored and indexed."""

    plain: ClassVar[Readers] = {"size": plain_count(1, _MAX_SIZE), "distance": _plain_distance}

    size: Annotated[int, nonzero(64, _MAX_SIZE)]
    distance: Distance
    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfig | None = Field(
        default=None, validation_alias=AliasChoices("quantization_config", "quantization")
    )
    on_disk: Bool | None = None
    memory: DenseMemory | None = None
    datatype: Datatype | None = None
    multivector_config: MultiVectorConfig | None = None


def _vectors_kind(value: Any) -> str | None:
    """One vector's parameters, or several by name; vectors named "size" or "distance" have objects as values."""
    if not isinstance(value, dict):
        return None
    single = [value[key] for key in ("size", "distance") if key in value]
    return "VectorParams" if any(isinstance(entry, (int, float, str)) for entry in single) else "named"


VectorsConfig: TypeAlias = Annotated[
    Annotated[VectorParams, tag("VectorParams")] | Annotated[Named[VectorParams], tag("named")],
    one_of(
        "vector params with size and distance, or an object of them by name", {"size": "VectorParams"}, _vectors_kind
    ),
]


def plain_vectors_config(value: Any) -> VectorParams | dict[str, VectorParams] | None:
    """Reads parameters that are instances; for `Model.plain`."""
    if type(value) is VectorParams:
        return value
    are_named = type(value) is dict and {*map(type, value.values())} == {VectorParams}
    are_named = are_named and {*map(type, value)} == {str} and all(map(str.isascii, value))
    return value.copy() if are_named else None


SparseVectorsConfig: TypeAlias = Named[SparseVectorParams]
