"""Vector parameters: size, distance, datatype, graph and sparse index; vectors added to a live collection."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, AliasChoices, Field

from minidb.models.base import (
    Bool,
    Later,
    Model,
    Named,
    StrEnum,
    UInt,
    by_name,
    integer,
    nonzero,
    one_of,
    out_of_range,
    tag,
)

if TYPE_CHECKING:
    from minidb.models.quantization import QuantizationConfig, QuantizationConfigDiff
else:
    QuantizationConfig = Annotated[Any, Later("quantization.QuantizationConfig")]
    QuantizationConfigDiff = Annotated[Any, Later("quantization.QuantizationConfigDiff")]


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


class VectorStorageDatatype(StrEnum):
    """How a vector's elements are stored, when it is added to a live collection."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    UINT8 = "uint8"
    TURBO4 = "turbo4"
    TURBO8 = "turbo8"
    TURBO16 = "turbo16"


class Modifier(StrEnum):
    """What is done to the weights of a sparse query."""

    NONE = "none"
    IDF = "idf"


class MultiVectorComparator(StrEnum):
    """How two multivectors are compared."""

    MAX_SIM = "max_sim"


class MultiVectorConfig(Model):
    """Makes a dense vector a multivector."""

    comparator: MultiVectorComparator


_EfConstruct: TypeAlias = Annotated[int, integer(4)]
VectorSize: TypeAlias = Annotated[int, integer(1, 65536)]


class HnswConfig(Model):
    """Settings of the graph, all known."""

    m: UInt
    ef_construct: _EfConstruct
    full_scan_threshold: UInt
    max_indexing_threads: UInt | None = 0
    on_disk: Bool | None = None
    memory: Memory | None = None
    payload_m: UInt | None = None
    inline_storage: Bool | None = None


class HnswConfigDiff(Model):
    """Settings of the graph that differ from those above it."""

    m: UInt | None = None
    ef_construct: _EfConstruct | None = None
    full_scan_threshold: Annotated[int, integer(10)] | None = Field(
        default=None, validation_alias=AliasChoices("full_scan_threshold", "full_scan_threshold_kb")
    )
    max_indexing_threads: UInt | None = None
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


class VectorParams(Model):
    """A dense vector: its size, distance, and how it is stored and indexed."""

    size: Annotated[int, nonzero(64, 65536)]
    distance: Distance
    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfig | None = Field(
        default=None, validation_alias=AliasChoices("quantization_config", "quantization")
    )
    on_disk: Bool | None = None
    memory: DenseMemory | None = None
    datatype: Datatype | None = None
    multivector_config: MultiVectorConfig | None = None


class VectorParamsDiff(Model):
    """What is to change of a dense vector."""

    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfigDiff | None = None
    on_disk: Bool | None = None
    memory: DenseMemory | None = None


class SparseIndexParams(Model):
    """How a sparse vector is stored and indexed."""

    full_scan_threshold: UInt | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    datatype: Datatype | None = None


class SparseVectorParams(Model):
    """A sparse vector."""

    index: SparseIndexParams | None = None
    modifier: Modifier | None = None


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
VectorsConfigDiff: TypeAlias = Annotated[Named[VectorParamsDiff], by_name]
SparseVectorsConfig: TypeAlias = Named[SparseVectorParams]


class DenseVectorConfig(Model):
    """A dense vector to add."""

    size: VectorSize
    distance: Distance
    multivector_config: MultiVectorConfig | None = None
    datatype: VectorStorageDatatype | None = None


class DenseVectorNameConfig(Model):
    """A dense vector to add to a live collection."""

    dense: DenseVectorConfig


class SparseVectorConfig(Model):
    """A sparse vector to add."""

    modifier: Modifier | None = None
    datatype: VectorStorageDatatype | None = None


class SparseVectorNameConfig(Model):
    """A sparse vector to add to a live collection."""

    sparse: SparseVectorConfig


VectorNameConfig: TypeAlias = Annotated[
    Annotated[DenseVectorNameConfig, tag("DenseVectorNameConfig")]
    | Annotated[SparseVectorNameConfig, tag("SparseVectorNameConfig")],
    one_of("dense or sparse", {"dense": "DenseVectorNameConfig", "sparse": "SparseVectorNameConfig"}),
]
