"""Finds every inference object of a request and puts vectors in their place, without copying what has none.

`rewrite` walks the request models (minidb's or qdrant-client's, recognised by their class and field names) and plain
dicts of the same shape. It goes only where a vector may stand: never into payloads, filters, formulas or the numbers of
a vector. Knows nothing of models or embedding. Called by `inference.resolve`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

Kind = Literal["text", "image", "object"]


class Found(NamedTuple):
    """An inference object in a request: what to embed, with which model. `unnamed`: it stands in the default vector."""

    kind: Kind
    content: Any
    model: Any
    options: Any
    unnamed: bool


Visit: TypeAlias = Callable[[Found], Any]  # what to put in the place of an object; _KEEP leaves it
_Handler: TypeAlias = Callable[[Any, Visit], Any]
_Shape: TypeAlias = "Kind | Literal['texts'] | tuple[tuple[str, _Handler], ...]"
# of a class: a kind of object, objects by column, or fields to go into

_KEEP: Final = object()
_OBJECT_CLASSES: Final[dict[str, Kind]] = {"Document": "text", "Image": "image", "InferenceObject": "object"}
_KINDS: Final[tuple[Kind, ...]] = ("text", "image", "object")

# Values that are looked at no further: one look at the type of the first element settles a list of numbers.
_PLAIN: Final = frozenset({float, int, str, bytes, bool, type(None), np.ndarray})
_shapes: dict[type, _Shape] = {}


def rewrite(tree: Any, visit: Visit) -> Any:
    """`tree` with each inference object replaced by `visit(object)`.

    Args:
        tree: a point, an operation, a query, a vector input, or a list of them; models or dicts.
        visit: called once per object in the order of the request.

    Returns:
        The same object when nothing was replaced; otherwise copies along the way to what was, sharing the rest.
    """
    return _request(tree, visit)


def collect(tree: Any) -> list[Found]:
    """Every inference object of `tree`, in the order `rewrite` visits them."""
    found: list[Found] = []

    def note(item: Found) -> Any:
        found.append(item)
        return _KEEP

    _request(tree, note)
    return found


def contains(tree: Any) -> bool:
    """Whether `tree` holds an inference object at all. Stops at the first."""

    def stop(item: Found) -> Any:
        raise _Stop

    try:
        _request(tree, stop)
    except _Stop:
        return True
    return False


class _Stop(Exception):
    pass


# What may stand where. Each handler returns its argument itself when nothing below was replaced.


def _request(value: Any, visit: Visit) -> Any:
    """A request, a list of requests, or a single vector input."""
    cls = type(value)
    if cls in _PLAIN:
        return value
    if cls is list or cls is tuple:
        if not value or type(value[0]) in _PLAIN:
            return value
        return _each(value, visit, _request)
    if cls is dict:
        kind = _dict_kind(value)
        return _visit_dict(kind, value, visit) if kind else _dict_fields(value, visit)
    shape = _shapes.get(cls)
    if shape is None:
        shape = _shape_of(cls)
    if isinstance(shape, str):
        return _texts(value, visit) if shape == "texts" else _visit(shape, value, visit)
    changes = None
    for name, handler in shape:
        old = getattr(value, name)
        if type(old) in _PLAIN:
            continue
        new = handler(old, visit)
        if new is not old:
            changes = {name: new} if changes is None else {**changes, name: new}
    return value.model_copy(update=changes) if changes else value


def _query(value: Any, visit: Visit) -> Any:
    """The `query` of a request: a vector input or one of the query objects. A list is a vector."""
    return value if type(value) in (list, tuple) else _request(value, visit)


def _input(value: Any, visit: Visit, unnamed: bool = False) -> Any:
    """One vector. Lists, arrays, sparse vectors and ids are no objects, and hold none."""
    cls = type(value)
    if cls in _PLAIN or cls is list:
        return value
    if cls is dict:
        kind = _dict_kind(value)
        return _visit_dict(kind, value, visit, unnamed) if kind else value
    shape = _shapes.get(cls)
    if shape is None:
        shape = _shape_of(cls)
    return _visit(shape, value, visit, unnamed) if isinstance(shape, str) and shape != "texts" else value


def _struct(value: Any, visit: Visit) -> Any:
    """The vector of a point: one vector, or vectors by name."""
    if type(value) is dict and not _dict_kind(value):
        return _by_name(value, visit, _input)
    return _input(value, visit, True)


def _inputs(value: Any, visit: Visit) -> Any:
    """One vector (of a context pair), or a list of them (the examples of a recommendation)."""
    if type(value) in (list, tuple):
        return value if not value or type(value[0]) is float else _each(value, visit, _input)
    return _input(value, visit)


def _columns(value: Any, visit: Visit) -> Any:
    """The vectors of a `Batch`: a list with one per point, or such lists by name."""
    if type(value) is dict:
        return _by_name(value, visit, _inputs)
    if type(value) in (list, tuple):
        return _each(value, visit, _unnamed_input)
    return value


def _unnamed_input(value: Any, visit: Visit) -> Any:
    return _input(value, visit, True)


_HANDLERS: Final[dict[str, _Handler]] = {
    # requests
    **dict.fromkeys(("points", "batch", "prefetch", "searches", "operations", "upsert", "update_vectors"), _request),
    "query": _query,
    # query objects
    **dict.fromkeys(("recommend", "discover", "context", "relevance_feedback", "feedback"), _request),
    # vectors
    "vector": _struct,
    "vectors": _columns,
    **dict.fromkeys(("nearest", "target", "example"), _input),
    **dict.fromkeys(("positive", "negative"), _inputs),
}


def _each(values: Any, visit: Visit, handler: _Handler) -> Any:
    changed = None
    for i, old in enumerate(values):
        new = handler(old, visit)
        if new is not old:
            if changed is None:
                changed = list(values)
            changed[i] = new
    return values if changed is None else changed


def _by_name(values: dict[Any, Any], visit: Visit, handler: _Handler) -> Any:
    changed = None
    for name, old in values.items():
        new = handler(old, visit)
        if new is not old:
            if changed is None:
                changed = dict(values)
            changed[name] = new
    return values if changed is None else changed


def _dict_fields(value: dict[Any, Any], visit: Visit) -> Any:
    changed = None
    for name, old in value.items():
        handler = _HANDLERS.get(name)
        if handler is None or type(old) in _PLAIN:
            continue
        new = handler(old, visit)
        if new is not old:
            if changed is None:
                changed = dict(value)
            changed[name] = new
    return value if changed is None else changed


def _dict_kind(value: Mapping[Any, Any]) -> Kind | None:
    """The kind of inference object a dict is.

    Vectors may be called "text" and "model" too; then their values are no strings.
    """
    named = isinstance(value.get("model"), str)
    for kind in _KINDS:
        if kind in value and (named or isinstance(value[kind], str)):
            return kind
    return None


def _visit_dict(kind: Kind, value: Mapping[str, Any], visit: Visit, unnamed: bool = False) -> Any:
    new = visit(Found(kind, value[kind], value.get("model"), value.get("options"), unnamed))
    return value if new is _KEEP else new


def _visit(kind: Kind, value: Any, visit: Visit, unnamed: bool = False) -> Any:
    new = visit(Found(kind, getattr(value, kind), value.model, value.options, unnamed))
    return value if new is _KEEP else new


def _texts(points: Any, visit: Visit) -> Any:
    """Points whose texts stand in columns, as `collection.encode` keeps those of a large request."""
    vectors = [
        [
            visit(Found("text", text, model, None, column.unnamed))
            for text, model in zip(column.texts, column.models, strict=True)
        ]
        for column in points.texts
    ]
    return points.embedded(vectors) if any(of_column[0] is not _KEEP for of_column in vectors) else points


def _shape_of(cls: type) -> _Shape:
    """What a class is to this module, worked out once per class. Classes that are no models hold nothing."""
    fields = getattr(cls, "model_fields", {})
    kind = _OBJECT_CLASSES.get(cls.__name__)
    shape: _Shape = ()
    if kind is not None and {kind, "model", "options"} <= set(fields):
        shape = kind
    elif hasattr(cls, "embedded"):
        shape = "texts"
    elif not {"indices", "values"} <= set(fields):
        shape = tuple((name, _HANDLERS[name]) for name in fields if name in _HANDLERS)
    _shapes[cls] = shape
    return shape
