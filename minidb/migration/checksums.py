"""Whether a point there is the point here: a checksum of many, and a comparison of two that allows for rounding.

A vector that is stored in another form than it was sent in (normalized for cosine, in half precision) may come back a
little different after it was stored a second time; so two points whose checksums differ are compared number by number.
Others are the same bit for bit, or not. Computes on points in memory; called by `copying` and `client.sync`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from minidb.migration.ends import Json, PointId

Floats: TypeAlias = NDArray[np.float32]

_EXACT = 0.0
_NORMALIZED = 1e-6
_ROUNDING = {"float16": 2e-3, "uint8": _EXACT, "turbo16": 2e-3, "turbo8": 2e-2, "turbo4": 0.2}
"""How far numbers of a vector may differ by its datatype, as a part of the largest: two steps of the datatype."""


def key(id_: PointId) -> PointId:
    """One form of an id, by which points from both sides meet."""
    return str(uuid.UUID(id_)) if isinstance(id_, str) else id_


def checksum(points: Iterable[Json]) -> bytes:
    """Of ids, payloads and vectors, in the order given."""
    digest = hashlib.sha256()
    for point in points:
        parts = [orjson.dumps(key(point["id"])), _payload(point)]
        for name, arrays in sorted(_vectors(point).items()):
            parts += [name.encode(), *(array.tobytes() for array in arrays)]
        for part in parts:
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.digest()


def same(here: Json, there: Json, rounding: Mapping[str, float]) -> bool:
    """Whether two points have the same payload and, but for rounding, the same vectors."""
    if _payload(here) != _payload(there):
        return False
    mine, other = _vectors(here), _vectors(there)
    return mine.keys() == other.keys() and all(
        len(mine[name]) == len(other[name])
        and all(_close(a, b, rounding.get(name, _EXACT)) for a, b in zip(mine[name], other[name], strict=True))
        for name in mine
    )


def rounding(info: Json) -> dict[str, float]:
    """Of each vector of a collection how far its numbers may differ."""
    params = info["config"]["params"]
    dense = params.get("vectors") or {}
    named = {"": dense} if isinstance(dense.get("size"), int) else dense
    allowed = {
        name: _rounding_of(each.get("datatype"), is_normalized=each["distance"] == "Cosine")
        for name, each in named.items()
    }
    for name, each in (params.get("sparse_vectors") or {}).items():
        allowed[name] = _rounding_of(((each or {}).get("index") or {}).get("datatype"), is_normalized=False)
    return allowed


def _rounding_of(datatype: str | None, *, is_normalized: bool) -> float:
    if datatype in (None, "float32"):
        return _NORMALIZED if is_normalized else _EXACT
    return _ROUNDING.get(datatype, _EXACT)


def _payload(point: Json) -> bytes:
    return orjson.dumps(point.get("payload") or {}, option=orjson.OPT_SORT_KEYS)


def _vectors(point: Json) -> dict[str, list[Any]]:
    """By name; the numbers of a dense vector or of several, or indices and values of a sparse one."""
    vector = point.get("vector")
    if vector is None:
        return {}
    named = vector if isinstance(vector, dict) and "indices" not in vector else {"": vector}
    return {name: _arrays(each) for name, each in named.items()}


def _arrays(vector: Any) -> list[Any]:
    if not isinstance(vector, dict):
        return [np.asarray(vector, np.float32)]
    indices = np.asarray(vector["indices"], np.uint32)
    order = np.argsort(indices)
    return [indices[order], np.asarray(vector["values"], np.float32)[order]]


def _close(here: Floats, there: Floats, part: float) -> bool:
    if here.shape != there.shape:
        return False
    if here.dtype != np.float32:
        return bool(np.array_equal(here, there))
    largest = float(np.abs(here).max(initial=0.0))
    return bool(np.abs(here - there).max(initial=0.0) <= part * largest)
