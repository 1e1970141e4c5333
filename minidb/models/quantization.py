"""Quantization: the settings of compressed copies of dense vectors, accepted, kept and echoed."""

from typing import Annotated, Any, TypeAlias

from minidb.models.base import Bool, Model, StrEnum, one_of, tag
from minidb.models.numbers import number
from minidb.models.vector_params import Memory


class ScalarType(StrEnum):
    """The type elements are rounded to."""

    INT8 = "int8"


class ScalarQuantizationConfig(Model):
    """One byte for each element."""

    type: ScalarType
    quantile: Annotated[float, number(0.5, 1.0, single=True)] | None = None
    always_ram: Bool | None = None
    memory: Memory | None = None


class ScalarQuantization(Model):
    """Scalar quantization."""

    scalar: ScalarQuantizationConfig


class CompressionRatio(StrEnum):
    """How much smaller product quantization makes vectors."""

    X4 = "x4"
    X8 = "x8"
    X16 = "x16"
    X32 = "x32"
    X64 = "x64"


class ProductQuantizationConfig(Model):
    """A code for each group of elements."""

    compression: CompressionRatio
    always_ram: Bool | None = None
    memory: Memory | None = None


class ProductQuantization(Model):
    """Product quantization."""

    product: ProductQuantizationConfig


class BinaryQuantizationEncoding(StrEnum):
    """Bits for each element."""

    ONE_BIT = "one_bit"
    TWO_BITS = "two_bits"
    ONE_AND_HALF_BITS = "one_and_half_bits"


class BinaryQuantizationQueryEncoding(StrEnum):
    """Bits for each element of the query."""

    DEFAULT = "default"
    BINARY = "binary"
    SCALAR4BITS = "scalar4bits"
    SCALAR8BITS = "scalar8bits"


class BinaryQuantizationConfig(Model):
    """One to two bits for each element."""

    always_ram: Bool | None = None
    memory: Memory | None = None
    encoding: BinaryQuantizationEncoding | None = None
    query_encoding: BinaryQuantizationQueryEncoding | None = None


class BinaryQuantization(Model):
    """Binary quantization."""

    binary: BinaryQuantizationConfig


class TurboQuantBitSize(StrEnum):
    """Bits for each element."""

    BITS1 = "bits1"
    BITS1_5 = "bits1_5"
    BITS2 = "bits2"
    BITS4 = "bits4"
    BITS8 = "bits8"


class TurboQuantQuantizationConfig(Model):
    """A few bits for each element after a rotation."""

    always_ram: Bool | None = None
    memory: Memory | None = None
    bits: TurboQuantBitSize | None = None


class TurboQuantization(Model):
    """Turbo quantization."""

    turbo: TurboQuantQuantizationConfig


class Disabled(StrEnum):
    """No quantization any more."""

    DISABLED = "Disabled"


_KINDS = {
    "scalar": "ScalarQuantization",
    "product": "ProductQuantization",
    "binary": "BinaryQuantization",
    "turbo": "TurboQuantization",
}


def _disabled(value: Any) -> str | None:
    return "Disabled" if isinstance(value, str) else None


QuantizationConfig: TypeAlias = Annotated[
    Annotated[ScalarQuantization, tag("ScalarQuantization")]
    | Annotated[ProductQuantization, tag("ProductQuantization")]
    | Annotated[BinaryQuantization, tag("BinaryQuantization")]
    | Annotated[TurboQuantization, tag("TurboQuantization")],
    one_of("quantization: one of scalar, product, binary, turbo", _KINDS),
]
QuantizationConfigDiff: TypeAlias = Annotated[
    Annotated[ScalarQuantization, tag("ScalarQuantization")]
    | Annotated[ProductQuantization, tag("ProductQuantization")]
    | Annotated[BinaryQuantization, tag("BinaryQuantization")]
    | Annotated[TurboQuantization, tag("TurboQuantization")]
    | Annotated[Disabled, tag("Disabled")],
    one_of('quantization: one of scalar, product, binary, turbo, or "Disabled"', _KINDS, _disabled, ("Disabled",)),
]
