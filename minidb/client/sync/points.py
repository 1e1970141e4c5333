"""Points on their way: from one client's models to the other's. On the side that compares they are as JSON has them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import orjson

from minidb import models
from minidb.migration.ends import Json


def own_point(point: Json) -> models.PointStruct:
    """A point as minidb writes it."""
    vector = point.get("vector")
    return models.PointStruct(
        id=point["id"], vector={} if vector is None else vector, payload=point.get("payload") or {}
    )


def official_point(point: Json) -> Any:
    """A point as qdrant-client writes it."""
    theirs = import_module("qdrant_client.http.models")
    vector: Any = point["vector"]
    if isinstance(vector, dict):
        vector = {
            name: theirs.SparseVector(indices=list(each["indices"]), values=_short(each["values"]))
            if isinstance(each, dict)
            else _short(each)
            for name, each in vector.items()
        }
    else:
        vector = _short(vector)
    return theirs.PointStruct(id=point["id"], vector=vector, payload=point["payload"])


def _short(vector: Any) -> Any:
    """The same float32 numbers in as few digits as tell them apart: half the bytes of a request."""
    return orjson.loads(orjson.dumps(np.asarray(vector, np.float32), option=orjson.OPT_SERIALIZE_NUMPY))
