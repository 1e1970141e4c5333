"""Points as JSON mostly has them, made columns without a model of each: whole columns are looked at, some at a time.

What is unusual here, or wrong, is `NotPlain`: it goes the way of models, which takes everything and words the errors.
What is plain becomes the same there. Called by the doors, for values from JSON or from messages.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from operator import itemgetter
from sys import intern
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.collection.encode import (
    DEFAULT_VECTOR,
    FieldColumn,
    Fields,
    PointBatch,
    TextColumn,
    encode_column,
    ids_of,
    vectors_by_name,
)
from minidb.collection.fields import VectorField
from minidb.collection.payload_json import NO_PAYLOAD
from minidb.errors import MinidbError
from minidb.storage.records import PointId, pack_sparse

Pack = Callable[[list[Any]], list[bytes]]

_DOCUMENT = {"text", "model"}


class NotPlain(Exception):
    """Values for the way of models."""


def pack_json(payloads: list[Any]) -> list[bytes]:
    """Payloads of JSON, which is checked when it is read: no NaN, no depth beyond all bounds, no foreign types."""
    pack = msgpack.Packer().pack
    return [pack(payload) if payload else NO_PAYLOAD for payload in payloads]


def plain_points(fields: Fields, points: list[Any], pack: Pack, may_be_bare: bool) -> PointBatch:
    """Points, or new vectors of some, as a batch.

    Args:
        may_be_bare: whether a point may come without any vector.
    """
    _check(set(map(type, points)) == {dict})
    try:
        ids, structs = list(map(itemgetter("id"), points)), list(map(itemgetter("vector"), points))
    except KeyError:
        raise NotPlain from None
    n_named = sum(map(len, points)) - 2 * len(points)
    _check(n_named == 0 or n_named == sum("payload" in point for point in points))  # then there are no other keys
    payloads = [point.get("payload") for point in points] if n_named else [None] * len(points)
    _check(may_be_bare or all(struct for struct in structs if type(struct) is dict))
    columns = _plain_structs(fields, structs)
    texts = [column for column in columns if isinstance(column, TextColumn)]
    vectors = [column for column in columns if isinstance(column, FieldColumn)]
    return PointBatch(plain_ids(ids), plain_payloads(payloads, pack), vectors, texts)


def plain_ids(ids: list[Any]) -> list[PointId]:
    if set(map(type, ids)) == {int} and min(ids) >= 0 and max(ids) < 1 << 64:
        return ids
    try:
        return ids_of(ids)
    except MinidbError:
        raise NotPlain from None


def plain_payloads(payloads: list[Any], pack: Pack) -> list[bytes]:
    _check(set(map(type, payloads)) <= {dict, type(None)})
    try:
        return pack(payloads)
    except MinidbError:
        raise NotPlain from None


def _plain_structs(fields: Fields, structs: list[Any]) -> list[FieldColumn | TextColumn]:
    if set(map(type, structs)) != {dict} or _is_text(structs[0]):
        return [plain_column(fields, None, structs)]
    named = vectors_by_name(structs)
    _check(sum(len(vectors) for _, vectors in named.values()) == sum(map(len, structs)))
    return [plain_column(fields, name, vectors, np.array(positions)) for name, (positions, vectors) in named.items()]


def plain_column(
    fields: Fields, name: str | None, vectors: list[Any], positions: NDArray[np.int64] | None = None
) -> FieldColumn | TextColumn:
    """The vectors of one name, None for those without one; of all points unless `positions` says of which."""
    if positions is None:
        positions = np.arange(len(vectors))
    if _is_text(vectors[0]):
        _check(all(map(_is_text, vectors)))
        texts, models = [vector["text"] for vector in vectors], [intern(vector["model"]) for vector in vectors]
        return TextColumn(name or DEFAULT_VECTOR, name is None, positions, texts, models)
    return _vector_column(fields, name or DEFAULT_VECTOR, vectors, positions)


def _is_text(vector: Any) -> bool:
    """Whether it is a document without options."""
    return type(vector) is dict and vector.keys() == _DOCUMENT and set(map(type, vector.values())) == {str}


def _vector_column(fields: Fields, name: str, vectors: list[Any], positions: NDArray[np.int64]) -> FieldColumn:
    field = fields.get(name)
    if field is None:
        raise NotPlain
    try:
        match field.kind:
            case "dense":
                return encode_column(field, positions, _matrix(vectors, field.size))
            case "multi":
                return _multi(field, positions, vectors)
            case "sparse":
                return FieldColumn(field, positions, sparse=_sparse(vectors))
    except MinidbError:
        raise NotPlain from None


def _multi(field: VectorField, positions: NDArray[np.int64], vectors: list[Any]) -> FieldColumn:
    _check(set(map(type, vectors)) == {list})
    starts = np.cumsum([len(vector) for vector in vectors])[:-1]
    tokens = _matrix(list(chain.from_iterable(vectors)), field.size)
    return encode_column(field, positions, np.split(tokens, starts))


def _matrix(vectors: list[Any], size: int) -> NDArray[np.float32]:
    """`(n, size)` of lists of numbers, or of arrays."""
    kinds = set(map(type, vectors))
    if kinds == {np.ndarray}:
        _check({(vector.ndim, len(vector)) for vector in vectors} == {(1, size)})
        return np.stack(vectors)
    _check(kinds == {list} and set(map(len, vectors)) == {size})
    return _numbers(vectors, {float, int}, np.float32)[0].reshape(-1, size)


def _sparse(vectors: list[Any]) -> list[bytes]:
    _check(set(map(type, vectors)) == {dict} and all(vector.keys() == {"indices", "values"} for vector in vectors))
    indices, counts = _numbers([vector["indices"] for vector in vectors], {int}, np.int64)
    values, n_values = _numbers([vector["values"] for vector in vectors], {float, int}, np.float32)
    _check(
        bool((counts == n_values).all() and counts.all() and (indices >> 32 == 0).all() and np.isfinite(values).all())
    )
    owners = np.repeat(np.arange(len(vectors)), counts)
    places = owners << 32 | indices
    if not (places[1:] > places[:-1]).all():
        order = np.argsort(places, kind="stable")
        places, values = places[order], values[order]
        _check(bool((places[1:] > places[:-1]).all()))  # else an index comes twice
    ends = np.cumsum(counts)
    packed = places.astype(np.uint32)
    return [pack_sparse(packed[start:end], values[start:end]) for start, end in zip(ends - counts, ends, strict=True)]


def _numbers(lists: list[Any], kinds: set[type], dtype: type[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The numbers of some lists, one after the other, and how many each has."""
    _check(set(map(type, lists)) <= {list} and set(map(type, chain.from_iterable(lists))) <= kinds)
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    try:
        with np.errstate(over="ignore"):  # refused as not finite
            return np.fromiter(chain.from_iterable(lists), dtype, int(counts.sum())), counts
    except OverflowError:
        raise NotPlain from None


def _check(is_plain: bool) -> None:
    if not is_plain:
        raise NotPlain
