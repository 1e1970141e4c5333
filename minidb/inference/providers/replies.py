"""Turns embeddings as services write them (lists of numbers, base64 of a buffer) into checked, read-only arrays.

An answer that does not fit the question is an error: a vector must never end up at another input. Called by the
providers; knows nothing of connections.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from minidb.inference.providers.batching import Vector
from minidb.inference.providers.call import Call
from minidb.inference.providers.failures import nonsense

_DTYPES: Final[dict[str, np.dtype[Any]]] = {
    "float": np.dtype("<f4"),
    "base64": np.dtype("<f4"),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "binary": np.dtype(np.int8),  # eight signs a number, less 128
    "ubinary": np.dtype(np.uint8),
}


def listed_vectors(reply: Mapping[str, Any], count: int, call: Call, kind: str = "float") -> list[Vector]:
    """The vectors of `{data: [{index, embedding}]}` in the order of the inputs.

    Args:
        reply: a service's answer in OpenAI's shape. `index` may be missing from all entries; then their order counts.
        count: of inputs.
        call: for the words of an error.
        kind: of numbers: "float", "int8", "uint8", "binary", "ubinary".

    Raises:
        ProviderError: wrong count, wrong indices, or something that is no vector.
    """
    data = reply.get("data")
    if not isinstance(data, list) or not all(isinstance(entry, Mapping) for entry in data):
        raise nonsense(call.provider, "answered without a list of embeddings")
    check_count(data, count, call)
    return checked_vectors([_embedding(entry) for entry in _in_order(data, call)], call, kind)


def checked_vectors(rows: Sequence[Any], call: Call, kind: str = "float") -> list[Vector]:
    """Vectors of one dimension from what a service calls embeddings."""
    vectors = [_vector(row, kind, call) for row in rows]
    if len({(vector.ndim, vector.shape[-1]) for vector in vectors}) > 1:
        raise nonsense(call.provider, f"answered with vectors of different dimensions for {call.full_model}")
    return vectors


def check_count(rows: Sequence[Any], count: int, call: Call) -> None:
    """Raises ProviderError unless there is a row for each input."""
    if not rows:
        raise nonsense(
            call.provider, f"answered with an empty list. Inference service returned no vectors for {call.full_model}"
        )
    if len(rows) != count:
        raise nonsense(call.provider, f"answered with {len(rows)} vectors for {count} inputs of {call.full_model}")


def _in_order(data: list[Mapping[str, Any]], call: Call) -> list[Mapping[str, Any]]:
    """Entries by their index. With a single one there is nothing to confuse, whatever its index."""
    if len(data) == 1 or all(entry.get("index") is None for entry in data):
        return data
    by_index: dict[Any, Mapping[str, Any]] = {
        entry["index"]: entry for entry in data if type(entry.get("index")) is int
    }
    if sorted(by_index) != list(range(len(data))):
        raise nonsense(call.provider, f"answered with indices that do not match the inputs of {call.full_model}")
    return [by_index[index] for index in range(len(data))]


def _embedding(entry: Mapping[str, Any]) -> Any:
    value = entry.get("embedding")
    return entry.get("embeddings") if value is None else value


def _vector(value: Any, kind: str, call: Call) -> Vector:
    dtype = _DTYPES[kind]
    if isinstance(value, str):
        array = _from_base64(value, dtype, call)
    elif isinstance(value, list):
        array = _from_list(value, dtype, call)
    else:
        raise nonsense(
            call.provider, f"answered with an embedding that is neither a list nor base64: {call.full_model}"
        )
    if array.ndim not in (1, 2) or not array.size or not np.isfinite(array).all():
        raise nonsense(call.provider, f"answered with an embedding that is no vector of numbers: {call.full_model}")
    array.flags.writeable = False
    return array


def _from_base64(value: str, dtype: np.dtype[Any], call: Call) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.frombuffer(b64decode(value, validate=True), dtype)
    except (binascii.Error, ValueError):
        pass
    else:
        return array.astype(dtype.newbyteorder("="), copy=False)
    raise nonsense(call.provider, f"answered with base64 that holds no {dtype.name} numbers: {call.full_model}")


def _from_list(value: list[Any], dtype: np.dtype[Any], call: Call) -> NDArray[Any]:
    try:
        given = np.array(value)
        with np.errstate(over="ignore"):  # no texts, though numpy reads numbers in them; no booleans
            numbers = given.astype(np.float32) if given.dtype.kind in "fiu" else np.empty(0, np.float32)
    except ValueError:  # rows of different lengths
        numbers = np.empty(0, np.float32)
    if dtype.kind == "f" or not numbers.size:
        return numbers
    limits = np.iinfo(dtype)
    fits = np.isfinite(numbers) & (numbers >= limits.min) & (numbers <= limits.max) & (numbers == np.rint(numbers))
    if not fits.all():
        raise nonsense(call.provider, f"answered with numbers that are no {dtype.name}: {call.full_model}")
    return numbers.astype(dtype)
