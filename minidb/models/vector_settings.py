"""What few collections set of a vector: multivectors, sparse vectors, changes, vectors added to a live collection."""

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AliasChoices, Field

from minidb.models.base import Bool, Later, Model, StrEnum, one_of, tag
from minidb.models.bounded import Named, by_name
from minidb.models.numbers import UInt, integer
from minidb.models.vector_params import Datatype, DenseMemory, Distance, EfConstruct, Memory

if TYPE_CHECKING:
    from minidb.models.quantization import QuantizationConfig, QuantizationConfigDiff
else:
    QuantizationConfig = Annotated[Any, Later("quantization.QuantizationConfig")]
    QuantizationConfigDiff = Annotated[Any, Later("quantization.QuantizationConfigDiff")]


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


VectorSize: TypeAlias = Annotated[int, integer(1, 65536)]


class HnswConfigDiff(Model):
    """Settings of the graph that differ from those above it."""

    m: UInt | None = None
    ef_construct: EfConstruct | None = None
    full_scan_threshold: Annotated[int, integer(10)] | None = Field(
        default=None, validation_alias=AliasChoices("full_scan_threshold", "full_scan_threshold_kb")
    )
    max_indexing_threads: UInt | None = None
    on_disk: Bool | None = None
    memory: Memory | None = None
    payload_m: UInt | None = None
    inline_storage: Bool | None = None


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


VectorsConfigDiff: TypeAlias = Annotated[Named[VectorParamsDiff], by_name]


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
