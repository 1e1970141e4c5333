"""What the page at `/dashboard` asks beyond Qdrant's interface: maps, models that fit, the table of routes.

Routes of our own, below `/dashboard/api`, so that none can meet one of Qdrant's. The page itself is the server's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import StrictStr

from minidb import models
from minidb.inference.catalog import MODELS_NOTED, list_models
from minidb.inference.local import is_installed
from minidb.models.base import Model
from minidb.models.numbers import integer
from minidb.query.projection import MOST_POINTS
from minidb.rest.call import Call
from minidb.rest.route import Route


class MapRequest(Model):
    """Points in two dimensions.

    Args:
        using: the vector's name.
        filter: which points.
        color_by: path of the payload value to report with each.
        limit: most points; of more a random sample is drawn.
    """

    using: StrictStr = ""
    filter: models.Filter | None = None
    color_by: StrictStr | None = None
    limit: Annotated[int, integer(1, MOST_POINTS)] = MOST_POINTS


def _map(call: Call) -> Any:
    body: MapRequest = call.body
    found = call.database.point_map(call.collection, body.using, body.filter, body.color_by, body.limit, call.timeout)
    return {
        "ids": found.ids,
        "x": found.x,
        "y": found.y,
        "values": found.values,
        "explained": found.explained,
        "total": found.total,
    }


def _models(call: Call) -> Any:
    """For each vector the model that was noted, and those that run here and make vectors of its size, offline first."""
    config = call.database.info(call.collection).config
    params = config.params
    dense = params.vectors or {}
    named = dense if isinstance(dense, dict) else {"": dense}
    fitting = {
        name: [*([] if vector.multivector_config else [f"minidb/hash-{vector.size}"]), *_local(vector)]
        for name, vector in named.items()
    }
    sparse = ["qdrant/bm25", *(model.name for model in _local_models() if model.kind == "sparse")]
    fitting |= dict.fromkeys(params.sparse_vectors or {}, sparse)
    noted = (config.metadata or {}).get(MODELS_NOTED) or {}  # by `minidb import`
    return {name: list(dict.fromkeys([*_named(noted, name), *known])) for name, known in fitting.items()}


def _named(noted: Any, name: str) -> list[str]:
    model = noted.get(name) if isinstance(noted, dict) else None
    return [model] if isinstance(model, str) else []


def _local(vector: models.VectorParams) -> list[str]:
    kinds = ("late_interaction", "multimodal") if vector.multivector_config else ("text",)
    return [model.name for model in _local_models() if model.kind in kinds and model.dimension == vector.size]


def _local_models() -> list[Any]:
    return list_models() if is_installed() else []


def routes_table(others: Callable[[], tuple[Route, ...]]) -> tuple[Route, ...]:
    """These routes; `others` is the whole table, which the page's console offers."""

    def table(call: Call) -> Any:
        return [{"method": route.method, "path": route.path, "writes": route.writes} for route in others()]

    return (
        Route("GET", f"{_API}/routes", table),
        Route("GET", f"{_API}/collections/{{collection_name}}/models", _models),
        Route("POST", f"{_API}/collections/{{collection_name}}/map", _map, MapRequest, only_reads=True),
    )


_API = "/dashboard/api"
