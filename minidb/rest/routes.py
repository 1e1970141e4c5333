"""The one table of routes: method and path to handler. The tables of the modules named here, put together."""

from __future__ import annotations

from collections.abc import Sequence

from minidb.rest import changes, collections, dashboard, legacy, openapi, points, search, service, snapshots
from minidb.rest.route import Route

ROUTES: tuple[Route, ...] = (
    *service.ROUTES, *collections.ROUTES, *points.ROUTES, *search.ROUTES, *legacy.ROUTES, *snapshots.ROUTES,
    *changes.ROUTES, *dashboard.routes_table(lambda: ROUTES), *openapi.routes_described(lambda: ROUTES),
)  # fmt: skip
"""Every operation."""


class _Node:
    """A part of a path: fixed parts come before a variable one."""

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.variable: tuple[str, _Node] | None = None
        self.routes: dict[str, Route] = {}


def _tree(routes: Sequence[Route]) -> _Node:
    root = _Node()
    for route in routes:
        node = root
        for part in route.path.strip("/").split("/"):
            if part.startswith("{"):
                if node.variable is None:
                    node.variable = (part[1:-1], _Node())
                assert node.variable[0] == part[1:-1], f"two names for one part of a path: {route.path}"
                node = node.variable[1]
            else:
                node = node.fixed.setdefault(part, _Node())
        assert route.method not in node.routes, f"{route.method} {route.path} is there twice"
        node.routes[route.method] = route
    return root


def _walk(node: _Node, parts: Sequence[str], method: str, found: dict[str, str]) -> Route | None:
    if not parts:
        return node.routes.get(method)
    fixed = node.fixed.get(parts[0])
    if fixed is not None:
        route = _walk(fixed, parts[1:], method, found)
        if route is not None:
            return route
    if node.variable is None or not parts[0]:
        return None
    name, child = node.variable
    found[name] = parts[0]
    return _walk(child, parts[1:], method, found)


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a path and the path's variable parts, still percent-encoded; None when there is none."""
    found: dict[str, str] = {}
    parts = path.strip("/").split("/")
    if len(parts) > 16:
        return None
    route = _walk(_root, parts, method, found)
    return None if route is None else (route, found)


def methods(path: str) -> list[str]:
    """Those a path has a route for."""
    return [method for method in ("GET", "PUT", "POST", "PATCH", "DELETE") if find(method, path) is not None]


_root = _tree(ROUTES)
