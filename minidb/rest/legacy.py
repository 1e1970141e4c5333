"""The routes older clients use: search, recommend and discover, each put as the query it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from minidb import models
from minidb.errors import BadRequest, FormatError
from minidb.models.base import parse
from minidb.rest.call import Call
from minidb.rest.route import Route

Body: TypeAlias = dict[str, Any]


def _search(body: Body) -> Body:
    """`vector` is a bare vector, or one with the name of the field: {name, vector}."""
    vector = _required(body, "vector")
    if isinstance(vector, dict) and "name" in vector:
        return {"query": vector.get("vector"), "using": vector["name"]}
    return {"query": vector}


def _recommend(body: Body) -> Body:
    if not body.get("positive"):
        if body.get("strategy") in (None, "average_vector"):
            raise BadRequest("At least one positive vector ID required with this strategy")
        if not body.get("negative"):
            raise BadRequest("At least one positive or negative vector ID required with this strategy")
    names = ("positive", "negative", "strategy")
    return {"query": {"recommend": {name: body.pop(name) for name in names if name in body}}}


def _discover(body: Body) -> Body:
    """Without a target the pairs alone decide, as in a context query."""
    target, context = body.pop("target", None), body.pop("context", None)
    if target is None and not context:
        raise BadRequest("target and/or context_pairs must be specified")
    if target is None:
        return {"query": {"context": context}}
    return {"query": {"discover": {"target": target, "context": context or []}}}


def _required(body: Body, name: str) -> Any:
    if name not in body:
        raise FormatError(f"missing field `{name}`")
    return body.pop(name)


Translation: TypeAlias = Callable[[Body], Body]


def _request(kind: type[Any], body: Any, translate: Translation, root: str, required: tuple[str, ...]) -> Any:
    if not isinstance(body, dict):
        raise FormatError(f"invalid type, expected an object, got {type(body).__name__}")
    rest = dict(body)
    using = rest.get("using")
    if isinstance(using, dict):  # {"name": …}, an old way to write it
        rest["using"] = using.get("name")
    if "top" in rest and "limit" not in rest:  # its oldest name
        rest["limit"] = rest.pop("top")
    for name in required:
        if name not in rest:
            raise FormatError(f"missing field `{name}`")
    return parse(kind, {**rest, **translate(rest)}, root=root, forgiving=True)


def _one(translate: Translation, root: str) -> Callable[[Call], Any]:
    def run(call: Call) -> list[models.ScoredPoint]:
        request = _request(models.QueryRequest, call.body, translate, root, ("limit",))
        return call.database.query(call.collection, [request], call.context)[0].points

    return run


def _batch(translate: Translation, root: str) -> Callable[[Call], Any]:
    def run(call: Call) -> list[list[models.ScoredPoint]]:
        searches = call.body.get("searches") if isinstance(call.body, dict) else None
        if not isinstance(searches, list):
            raise FormatError("missing field `searches`")
        requests = [
            _request(models.QueryRequest, body, translate, f"searches[{at}].{root}", ("limit",))
            for at, body in enumerate(searches)
        ]
        return [response.points for response in call.database.query(call.collection, requests, call.context)]

    return run


def _groups(translate: Translation, root: str) -> Callable[[Call], Any]:
    def run(call: Call) -> models.GroupsResult:
        required = ("group_by", "group_size", "limit")
        request = _request(models.QueryGroupsRequest, call.body, translate, root, required)
        return call.database.query_groups(call.collection, request, call.context)

    return run


_POINTS = "/collections/{collection_name}/points"

ROUTES = (
    Route("POST", f"{_POINTS}/search", _one(_search, "search_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/search/batch", _batch(_search, "search_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/search/groups", _groups(_search, "search_group_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/recommend", _one(_recommend, "recommend_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/recommend/batch", _batch(_recommend, "recommend_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/recommend/groups", _groups(_recommend, "recommend_group_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/discover", _one(_discover, "discover_request"), Any, only_reads=True),
    Route("POST", f"{_POINTS}/discover/batch", _batch(_discover, "discover_request"), Any, only_reads=True),
)
