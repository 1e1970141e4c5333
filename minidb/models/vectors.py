"""Vectors in every form a caller may write them, and point ids.

A vector stays what it was given as: a list, a numpy array (1-d dense, 2-d multivector, never made a list), a dict of
names, a `SparseVector` or an inference object. A scipy row becomes a `SparseVector` of arrays, a list of arrays a 2-d
array.

Who refuses what: list elements that are bools or strings are refused here by pydantic (strict floats), arrays of a
non-numeric dtype by `_array`. Dimensions, NaN and names are the collection's business.
"""

# ruff: noqa: UP007 (`A | B | C` makes a union of two first, then of three, …: 15 million instructions for six of ten)

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, Strict, StrictFloat, ValidationError, model_validator
from pydantic_core import SchemaValidator, core_schema
from typing_extensions import Self, TypeAliasType

from minidb import errors
from minidb.arrays import distinct
from minidb.models.base import Later, Model, one_of, tag
from minidb.models.bounded import Items, Named, is_many
from minidb.models.faults import is_forgiving, out_of_range, shown, wrong_shape
from minidb.models.numbers import Checked

if TYPE_CHECKING:
    from minidb.models.inference import Document, Image, InferenceObject
else:
    Document = Annotated[Any, Later("inference.Document")]
    Image = Annotated[Any, Later("inference.Image")]
    InferenceObject = Annotated[Any, Later("inference.InferenceObject")]

# Point ids

_UUID = re.compile(
    r"(?:urn:uuid:)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}"
    r"|\{[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}",
    re.IGNORECASE,
).fullmatch
_MAX_ID = 2**64 - 1


def canonical_uuid(text: str) -> str | None:
    """A UUID lowercase and with hyphens, from any of its four spellings; None for any other text."""
    if not _UUID(text):
        return None
    if len(text) == 36:
        return str.lower(text)
    digits = text.lower().removeprefix("urn:uuid:").replace("-", "").strip("{}")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _bad_id(value: object) -> str:
    text = value if isinstance(value, str) and len(value) <= 80 else shown(value)
    return f"value {text} is not a valid point ID, valid values are either an unsigned integer or a UUID"


def normalize_id(value: object) -> int | str:
    """A point id as it is stored: an int, or a lowercase hyphenated UUID.

    Raises:
        errors.BadInput: neither an unsigned integer of 64 bits (a bool is none) nor a UUID in one of four spellings.
    """
    if type(value) is int and 0 <= value <= _MAX_ID:
        return value
    if isinstance(value, str) and (canonical := canonical_uuid(value)) is not None:
        return canonical
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value <= _MAX_ID:
        return int(value)
    raise errors.BadInput(_bad_id(value))


def _check_id(value: Any) -> int | str | UUID:
    if type(value) is int and 0 <= value <= _MAX_ID:
        return value
    if (isinstance(value, str) and _UUID(value)) or isinstance(value, UUID):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value <= _MAX_ID:
        return int(value)
    if type(value).__module__ == "pyarrow.lib":  # its arrays yield scalars of its own
        return _check_id(value.as_py())
    raise wrong_shape(_bad_id(value))


_ID_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "format": "uuid"}]}


def plain_id(value: Any) -> int | str | None:
    """Reads an id as nearly everybody writes it; for `Model.plain`."""
    kind = type(value)
    return value if (kind is int and 0 <= value <= _MAX_ID) or (kind is str and _UUID(value)) else None


ExtendedPointId: TypeAlias = Annotated[int | str | UUID, Checked(_check_id, _ID_SCHEMA)]
PointId: TypeAlias = ExtendedPointId


# Arrays

NumpyArray: TypeAlias = NDArray[Any]


def is_array(value: object) -> bool:
    """Whether it is numpy's, or another library's that numpy can read: of torch, jax, pandas, polars, pyarrow, …"""
    if isinstance(value, (np.ndarray, memoryview)):
        return True
    kind = type(value)
    if kind.__module__ == "array":
        return True
    return hasattr(kind, "__array__") and not issubclass(kind, np.generic) and not hasattr(kind, "tocoo")


def as_array(value: Any) -> NumpyArray:
    """Such an array as numpy's. A tensor of torch leaves its graph and its device; a column of lists is a matrix."""
    if isinstance(value, np.ndarray):
        array = value
    else:
        try:
            if type(value).__module__.partition(".")[0] == "torch":
                value = value.detach().cpu()
            array = np.asarray(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise wrong_shape(f"Expected an array of numbers, got a {type(value).__name__}: {error}") from None
    if array.dtype.kind == "O" and array.ndim == 1 and len(array) and isinstance(array[0], (list, tuple, np.ndarray)):
        with suppress(ValueError):  # of different lengths
            return np.stack(array.tolist())
    return array


def _array(value: Any) -> NumpyArray:
    array = as_array(value)
    if array.dtype.kind not in "fiu":
        raise wrong_shape(f"Expected an array of numbers, got dtype {array.dtype}")
    if array.ndim not in (1, 2):
        raise wrong_shape(
            f"Expected a 1-d array (dense vector) or a 2-d array (multivector), got {array.ndim} dimensions"
        )
    if not array.size:
        raise _empty_multi(len(array)) if array.ndim == 2 else _empty_dense()
    return array


def _array_input(value: Any) -> NumpyArray | list[float]:
    array = as_array(value)
    return [] if array.ndim == 1 and not array.size else _array(array)


def _empty_dense() -> Exception:
    return out_of_range("dense vector must not be empty", "vector")


def _empty_multi(n_rows: int) -> Exception:
    return out_of_range("all vectors must be non-empty" if n_rows else "multi vector must not be empty", "data")


def _stack(value: Any) -> NumpyArray:
    """A list of numpy scalars or of arrays as one array."""
    try:
        array = np.asarray([as_array(part) if is_array(part) else part for part in value])
    except ValueError:
        raise wrong_shape("Expected vectors of one dimension in a multivector") from None
    return _array(array)


def _never(value: Any) -> Any:
    raise _empty_dense()


def _to_list(value: NumpyArray) -> Any:
    return value.tolist()


def _one_dimension(value: list[list[float]]) -> list[list[float]]:
    if not all(value):
        raise _empty_multi(len(value))
    size = len(value[0])
    for row in value:
        if len(row) != size:
            raise out_of_range(
                f"all vectors must have the same dimension, found vector with dimension {len(row)}", "data"
            )
    return value


_DENSE_SCHEMA = {"type": "array", "items": {"type": "number"}}
DenseList: TypeAlias = Items[StrictFloat]
MultiList: TypeAlias = Annotated[Items[Items[StrictFloat]], AfterValidator(_one_dimension)]
Array: TypeAlias = Annotated[NumpyArray, Checked(_array, _DENSE_SCHEMA, _to_list)]
Stacked: TypeAlias = Annotated[NumpyArray, Checked(_stack, _DENSE_SCHEMA, _to_list)]
Empty: TypeAlias = Annotated[list[float], Checked(_never, _DENSE_SCHEMA)]
ArrayInput: TypeAlias = Annotated[NumpyArray, Checked(_array_input, _DENSE_SCHEMA, _to_list)]
EmptyInput: TypeAlias = Annotated[list[float], Checked(list, _DENSE_SCHEMA)]
"""A vector to compare with may be empty: it is then of a wrong dimension, as in Qdrant."""

_U32 = Annotated[int, Strict(), Field(ge=0, le=2**32 - 1)]


def plain_numbers(values: Any) -> Any:
    """An array as a list of Python's numbers or texts; anything else as it is."""
    return as_array(values).tolist() if is_array(values) else values


def _index_array(value: Any) -> NumpyArray:
    value = as_array(value)
    if value.dtype.kind not in "iu" or value.ndim != 1:
        raise wrong_shape("Expected a 1-d array of unsigned integers")
    if value.size and not (value.min() >= 0 and value.max() < 2**32):
        raise wrong_shape("Expected a 1-d array of unsigned integers of 32 bits")
    return value  # type: ignore[no-any-return]


def _value_array(value: Any) -> NumpyArray:
    value = as_array(value)
    if value.dtype.kind not in "fiu" or value.ndim != 1:
        raise wrong_shape("Expected a 1-d array of numbers")
    return value  # type: ignore[no-any-return]


def _array_or_list(value: Any) -> str:
    return "ndarray" if is_array(value) else "numbers"


_ARRAY_OR_LIST = one_of("a list or an array of numbers", {}, _array_or_list, ("ndarray",))


class SparseVector(Model):
    """Weights of some dimensions: `indices` and `values` are lists or 1-d arrays of equal length, no index twice."""

    indices: Annotated[
        Annotated[Items[_U32], tag("numbers")]
        | Annotated[NumpyArray, Checked(_index_array, None, _to_list), tag("ndarray")],
        _ARRAY_OR_LIST,
    ]
    values: Annotated[
        Annotated[Items[StrictFloat], tag("numbers")]
        | Annotated[NumpyArray, Checked(_value_array, None, _to_list), tag("ndarray")],
        _ARRAY_OR_LIST,
    ]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        indices = self.indices
        count = len(indices)
        if len(self.values) != count:
            raise out_of_range("Validation error: must be the same length as indices [{}]", "values")
        if _n_distinct(indices) != count:
            raise out_of_range("Validation error: must be unique [{}]", "indices")
        return self


def _n_distinct(indices: Sequence[int] | NumpyArray) -> int:
    return len(distinct(indices)) if isinstance(indices, np.ndarray) else len(set(indices))


def _scipy_rows(value: Any) -> list[SparseVector]:
    matrix = value.tocsr()
    if len(matrix.shape) == 1:  # a 1-d sparse array
        matrix = matrix.reshape(1, -1).tocsr()
    matrix.sum_duplicates()
    bounds = matrix.indptr
    return [
        SparseVector(indices=matrix.indices[start:stop], values=matrix.data[start:stop])
        for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]


def _scipy_row(value: Any) -> SparseVector:
    rows = 1 if len(value.shape) == 1 else value.shape[0]
    if rows != 1:
        raise wrong_shape(f"Expected a sparse matrix of one row for one vector, got {rows} rows")
    return _scipy_rows(value)[0]


_SPARSE_SCHEMA = {"type": "object", "required": ["indices", "values"]}
ScipyRow: TypeAlias = Annotated[SparseVector, Checked(_scipy_row, _SPARSE_SCHEMA)]
ScipyRows: TypeAlias = Annotated[list[SparseVector], Checked(_scipy_rows, {"type": "array"})]


# Vectors that need no schema, for `Model.plain`; pydantic_core's own validator of a list costs nothing to make


_numbers = SchemaValidator(core_schema.list_schema(core_schema.float_schema(strict=True), fail_fast=True))


def plain_vector(value: Any) -> list[float] | NumpyArray | None:
    """Reads a list of numbers, or an array."""
    if type(value) is list and _list_kind(value) == "dense":
        try:
            return _numbers.validate_python(value)  # type: ignore[no-any-return]
        except ValidationError:
            return None
    is_array = type(value) is np.ndarray and value.ndim in (1, 2) and value.size > 0 and value.dtype.kind in "fiu"
    return value if is_array else None


def plain_query_vector(value: Any) -> list[float] | NumpyArray | SparseVector | None:
    """Reads a list of numbers, an array, or a sparse vector that is still as it was when it was made and checked."""
    if type(value) is SparseVector:
        return value if len(value.values) == len(value.indices) == _n_distinct(value.indices) else None
    return plain_vector(value)


def plain_vectors(value: Any) -> list[float] | NumpyArray | dict[str, Any] | None:
    """Reads one, or several by their names."""
    if type(value) is not dict:
        return plain_vector(value)
    vectors = {name: plain_vector(each) for name, each in value.items() if type(name) is str and name.isascii()}
    return None if len(vectors) < len(value) or any(each is None for each in vectors.values()) else vectors


# Which kind of vector it is

_INFERENCE = {"text": "Document", "image": "Image", "object": "InferenceObject"}


def _is_iterable(value: object) -> bool:
    """Whether it yields a vector's numbers or rows in order, as a generator or a range does; a set has no order."""
    return is_many(value) and not isinstance(value, (set, frozenset))


def _listed(value: Any) -> list[Any]:
    return [[*part] if _is_iterable(part) and not is_array(part) else part for part in value]


def _list_kind(value: Any) -> str | None:
    """The kind of one vector written as a sequence, an array or a scipy row; None for anything else."""
    if isinstance(value, (list, tuple)):
        if not value:
            return "empty"
        first = value[0]
        if isinstance(first, (list, tuple)):
            return "multi"
        if isinstance(first, (float, int)):
            return "dense"
        if isinstance(first, np.generic) or is_array(first):
            return "stacked"
        return "iterable" if _is_iterable(first) else "dense"
    if is_array(value):
        return "ndarray"
    if hasattr(value, "tocoo"):
        return "scipy"
    return "iterable" if _is_iterable(value) else None


def inference_kind(value: dict[str, Any]) -> str | None:
    """The inference class a dict describes; vectors may be named "text" or "model", their values are no strings."""
    named = isinstance(value.get("model"), str)
    for key, kind in _INFERENCE.items():
        if key in value and (named or isinstance(value[key], str)):
            return kind
    return None


def _vector_kind(value: Any) -> str | None:
    kind = _list_kind(value)
    if kind is None and isinstance(value, dict):
        if "indices" in value or "values" in value:
            return "SparseVector"
        return next((tag for key, tag in _INFERENCE.items() if key in value), None)
    return kind


def _struct_kind(value: Any) -> str | None:
    if isinstance(value, dict):
        return inference_kind(value) or "named"
    return _list_kind(value)


def vector_input_kind(value: Any) -> str | None:
    """The kind of a vector or id that a query refers to."""
    if isinstance(value, (int, str, UUID, np.integer)):
        return "id"
    return _vector_kind(value)


Iterated: TypeAlias = Annotated[
    Union[
        Annotated[DenseList, tag("dense")],
        Annotated[MultiList, tag("multi")],
        Annotated[Stacked, tag("stacked")],
        Annotated[Empty, tag("empty")],
    ],
    one_of("numbers, or rows of numbers", {}, _list_kind),
    BeforeValidator(_listed),
]
_MEMBERS = ("SparseVector", "Document", "Image", "InferenceObject", "ndarray")
_OBJECTS = {"indices": "SparseVector", **_INFERENCE}

VectorOutput: TypeAlias = list[float] | list[list[float]] | SparseVector | NumpyArray

Vector = TypeAliasType(
    "Vector",
    Annotated[
        Union[
            Annotated[DenseList, tag("dense")],
            Annotated[Array, tag("ndarray")],
            Annotated[SparseVector, tag("SparseVector")],
            Annotated[MultiList, tag("multi")],
            Annotated[Document, tag("Document")],
            Annotated[Image, tag("Image")],
            Annotated[InferenceObject, tag("InferenceObject")],
            Annotated[ScipyRow, tag("scipy")],
            Annotated[Stacked, tag("stacked")],
            Annotated[Iterated, tag("iterable")],
            Annotated[Empty, tag("empty")],
        ],
        one_of(
            "some form of vector (dense, sparse, multivector, document, image or object)",
            _OBJECTS,
            _vector_kind,
            _MEMBERS,
        ),
    ],
)

VectorInput = TypeAliasType(
    "VectorInput",
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
        ],
        one_of("some form of vector or id", _OBJECTS, vector_input_kind, _MEMBERS),
    ],
)

VectorStruct = TypeAliasType(
    "VectorStruct",
    Annotated[
        Union[
            Annotated[DenseList, tag("dense")],
            Annotated[Array, tag("ndarray")],
            Annotated[MultiList, tag("multi")],
            Annotated[Named[Vector], tag("named")],
            Annotated[SparseVector, tag("SparseVector")],
            Annotated[Document, tag("Document")],
            Annotated[Image, tag("Image")],
            Annotated[InferenceObject, tag("InferenceObject")],
            Annotated[ScipyRow, tag("scipy")],
            Annotated[Stacked, tag("stacked")],
            Annotated[Iterated, tag("iterable")],
            Annotated[Empty, tag("empty")],
        ],
        one_of("some form of vector, or an object of named vectors", _OBJECTS, _struct_kind, _MEMBERS),
    ],
)
VectorStructOutput: TypeAlias = list[float] | list[list[float]] | dict[str, VectorOutput] | NumpyArray


def _batch_array(value: Any) -> NumpyArray:
    value = as_array(value)
    if value.ndim not in (2, 3) or value.dtype.kind not in "fiu":
        raise wrong_shape(
            "Expected an array of numbers with 2 dimensions (points, dimension) or 3 (points, vectors, dimension)"
        )
    return value  # type: ignore[no-any-return]


def _is_row(value: object) -> bool:
    """Whether it holds the vectors of one point by their names."""
    return isinstance(value, dict) and inference_kind(value) is None and not {"indices", "values"} <= value.keys()


def _columns(rows: list[Any]) -> dict[str, list[Any]]:
    """The vectors of points by name, None where a point has none."""
    columns: dict[str, list[Any]] = {}
    for at, row in enumerate(rows):
        for name, vector in (row if isinstance(row, dict) else {"": row}).items():
            columns.setdefault(name, [None] * len(rows))[at] = vector
    return columns


def _batch_kind(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        return "list"
    if is_array(value):
        return "ndarray"
    if hasattr(value, "tocoo"):
        return "scipy"
    return "named" if isinstance(value, dict) else "list" if _is_iterable(value) else None


BatchColumn: TypeAlias = Annotated[
    Annotated[Items[Vector], tag("list")]
    | Annotated[NumpyArray, Checked(_batch_array, {"type": "array"}, _to_list), tag("ndarray")]
    | Annotated[ScipyRows, tag("scipy")],
    one_of("a list or an array of vectors", {}, _batch_kind),
]


def _batch_struct_kind(value: Any) -> str | None:
    if isinstance(value, (list, tuple)) and not is_forgiving() and any(map(_is_row, value)):
        return "rows"  # as qdrant-client's gRPC takes them; Qdrant's REST does not
    return _batch_kind(value)


BatchVectorStruct: TypeAlias = Annotated[
    Union[
        Annotated[Items[Vector], tag("list")],
        Annotated[NumpyArray, Checked(_batch_array, {"type": "array"}, _to_list), tag("ndarray")],
        Annotated[ScipyRows, tag("scipy")],
        Annotated[Named[BatchColumn], tag("named")],
        Annotated[Items[VectorStruct], AfterValidator(_columns), tag("rows")],
    ],
    one_of("a list or an array of vectors, or an object of such lists by name", {}, _batch_struct_kind),
]

NumericVector: TypeAlias = Vector
NumericVectorInput: TypeAlias = VectorInput
NumericVectorStruct: TypeAlias = VectorStruct
