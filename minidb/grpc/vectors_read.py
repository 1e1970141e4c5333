"""Readers of vectors, in today's form (one of several) and in the old one (data, indices, a count of rows)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb.grpc.descriptors import Message
from minidb.grpc.read import floats, read, reads
from minidb.grpc.values_read import payload, point_id
from minidb.grpc.words import malformed


@reads("DenseVector")
def _dense(message: Message) -> NDArray[np.float32]:
    return floats(message.data)


@reads("SparseVector")
def _sparse(message: Message) -> dict[str, Any]:
    return sparse(message.indices, message.values)


def sparse(indices: Sequence[int], values: bytes) -> dict[str, Any]:
    """A sparse vector of packed floats."""
    return {"indices": np.array(indices, np.uint32), "values": floats(values)}


@reads("MultiDenseVector")
def _multi(message: Message) -> Any:
    return _rows([vector.data for vector in message.vectors])


def _rows(rows: Sequence[bytes]) -> Any:
    """A multivector as an array, or, when its rows are of unequal length, as the lists that are refused for it."""
    if len(set(map(len, rows))) > 1:
        return [floats(row).tolist() for row in rows]
    joined = floats(b"".join(rows))
    return joined.reshape(len(rows), -1) if joined.size else np.empty((len(rows), 0), np.float32)


@reads("Vector")
def _vector(message: Message) -> Any:
    kind = message.WhichOneof("vector")
    if kind is not None:
        return _KINDS[kind](getattr(message, kind))
    if message.HasField("indices"):
        return sparse(message.indices.data, message.data)
    if not message.HasField("vectors_count"):
        return floats(message.data)
    count, data = message.vectors_count, message.data
    if not count or not data or len(data) % (4 * count):
        raise malformed("Unable to convert to multi-dense vector: the data do not fill all vectors alike")
    return _rows([data[at : at + len(data) // count] for at in range(0, len(data), len(data) // count)])


@reads("VectorInput")
def _vector_input(message: Message) -> Any:
    kind = message.WhichOneof("variant")
    if kind is None:
        raise malformed("VectorInput variant is missing")
    return _KINDS[kind](getattr(message, kind))


@reads("Vectors")
def _vectors(message: Message) -> Any:
    kind = message.WhichOneof("vectors_options")
    if kind is None:
        raise malformed("No Vector Provided")
    if kind == "vectors":
        return {name: _vector(vector) for name, vector in message.vectors.vectors.items()}
    vector = message.vector
    if vector.WhichOneof("vector") == "sparse" or (vector.WhichOneof("vector") is None and vector.HasField("indices")):
        raise malformed("Sparse vector must be named")
    return _vector(vector)


@reads("VectorExample")
def _example(message: Message) -> Any:
    kind = message.WhichOneof("example")
    if kind is None:
        raise malformed("No target or vector example provided")
    return point_id(message.id) if kind == "id" else _vector(message.vector)


@reads("Document")
def _document(message: Message) -> dict[str, Any]:
    return {"text": message.text, "model": message.model, **_options(message)}


@reads("Image")
def _image(message: Message) -> dict[str, Any]:
    return _inference_object("image", "Empty image is not allowed", message)


@reads("InferenceObject")
def _object(message: Message) -> dict[str, Any]:
    return _inference_object("object", "Empty object is not allowed", message)


def _inference_object(field: str, missing: str, message: Message) -> dict[str, Any]:
    if not message.HasField(field):
        raise malformed(missing)
    return {field: read("Value", getattr(message, field)), "model": message.model, **_options(message)}


def _options(message: Message) -> dict[str, Any]:
    return {"options": payload(message.options)} if len(message.options) else {}


_KINDS = {
    "id": point_id,
    "dense": _dense,
    "sparse": _sparse,
    "multi_dense": _multi,
    "document": _document,
    "image": _image,
    "object": _object,
}
