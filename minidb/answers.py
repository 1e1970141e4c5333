"""qdrant-client's models made of what a store answers, without JSON between: equal in every field to those it would
parse from the JSON of the same answer.

Which class is wanted, the client says; its fields say what goes where. Vectors and scores are 32-bit floats in their
shortest form, as in JSON. Whatever does not fit so simply goes by way of JSON. Called by `shortcut`.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin
from uuid import UUID

import numpy as np
import orjson
from pydantic import BaseModel, ValidationError

from minidb.models.base import is_class
from minidb.models.results import PointGroup, Record, Result, ScoredPoint
from minidb.models.vectors import SparseVector
from minidb.rest.encoding import dumps

Maker: TypeAlias = Callable[[Any], Any]
"""Makes a value of qdrant-client's out of one of ours. Raises `Uncovered`."""

_SCALARS = {int, str, bool, UUID}
_OF_SEVERAL = {*_SCALARS, float}
"""Scalars that a field of several kinds may have. A field of floats alone has scores, which are of 32 bits."""
_LEAN = (Record, ScoredPoint, PointGroup, BaseModel)
"""Those of ours that are written without the fields that are None (`rest.encoding`)."""
_put = object.__setattr__


class Uncovered(Exception):
    """An answer, or a class, of a form that is not known here."""


def made(kind: Any, answer: Mapping[str, Any]) -> Any:
    """An instance of `kind`, the class of a whole response, of an answer with its envelope.

    Raises:
        Uncovered: qdrant-client has to make it, or its error, of JSON.
    """
    make = _maker_of(kind)
    if make is not None:
        with suppress(Uncovered):
            return make(answer)
    if not (is_class(kind) and issubclass(kind, BaseModel)):
        raise Uncovered
    try:
        return kind.model_validate(orjson.loads(dumps(answer)))
    except ValidationError:
        raise Uncovered from None


@functools.cache
def _maker_of(kind: Any) -> Maker | None:
    """None if the class is of another form, or there are fields in it that go as JSON."""
    fields = getattr(kind, "model_fields", {})
    if not {"result", "status", "time"} <= fields.keys() <= {"result", "status", "time", "usage"}:
        return None
    try:
        result, fill = _maker(fields["result"].annotation), _filler(kind)
    except Uncovered:
        return None

    def make(answer: Mapping[str, Any]) -> Any:
        if "usage" in answer:  # what models charged: few have it
            raise Uncovered
        return fill({**answer, "result": result(answer["result"])})

    return make


def _maker(annotation: Any) -> Maker:
    """What makes a value for a field. Raises `Uncovered`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return _union(get_args(annotation))
    if annotation in _SCALARS:
        return _scalar({annotation})
    if get_origin(annotation) is dict and get_args(annotation) == (str, Any):
        return _same_dict
    if get_origin(annotation) is list:
        return _list(get_args(annotation)[0])
    if is_class(annotation) and issubclass(annotation, Enum):
        return lambda value: annotation(value.value if isinstance(value, Enum) else value)
    return _object(annotation)


def _union(options: Sequence[Any]) -> Maker:
    """A value that may be None, and else is of one kind, or a scalar of several."""
    others = [option for option in options if option is not type(None)]
    if len(others) == 1:
        make = _maker(others[0])
    else:
        make = _scalar(set().union(*map(_scalar_kinds, others)))
    if len(others) == len(options):
        return make
    return lambda value: None if value is None else make(value)


def _scalar_kinds(annotation: Any) -> set[type]:
    if get_origin(annotation) is Annotated:
        return _scalar_kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return set().union(*map(_scalar_kinds, get_args(annotation)))
    if annotation not in _OF_SEVERAL:
        raise Uncovered
    return {annotation}


def _scalar(kinds: set[type]) -> Maker:
    def make(value: Any) -> Any:
        if type(value) not in kinds or (type(value) is float and not math.isfinite(value)):
            raise Uncovered
        return value

    return make


def _same_dict(value: Any) -> Any:
    if type(value) is not dict:
        raise Uncovered
    return value


def _list(annotation: Any) -> Maker:
    if getattr(annotation, "__name__", None) in ("Record", "ScoredPoint"):
        return _points(annotation)
    make = _maker(annotation)
    return lambda values: list(map(make, values))


def _object(kind: Any) -> Maker:
    """Of a result of ours, or a dict, an instance of a model with the same fields."""
    if not (is_class(kind) and issubclass(kind, BaseModel) and kind.__pydantic_complete__):
        raise Uncovered
    if kind.__name__ in ("Record", "ScoredPoint"):
        points = _points(kind)
        return lambda point: points([point])[0]
    makers = {name: _maker(field.annotation) for name, field in kind.model_fields.items()}
    fill = _filler(kind)

    def make(value: Any) -> Any:
        if not isinstance(value, (Result, BaseModel, dict)):
            raise Uncovered
        is_lean = isinstance(value, _LEAN)
        return fill(
            {
                name: makers[name](part)
                for name, part in dict(value).items()
                if name in makers and not (is_lean and part is None)
            }
        )

    return make


def _filler(kind: type[BaseModel]) -> Callable[[dict[str, Any]], Any]:
    """What makes an instance of fields that need no validation: `model_construct` in a fifth of its time."""
    fields = kind.model_fields
    required = {name for name, field in fields.items() if field.is_required()}
    defaults = {name: None if field.is_required() else field.get_default() for name, field in fields.items()}
    if any(default is not None for default in defaults.values()):
        raise Uncovered

    def fill(given: dict[str, Any]) -> Any:
        if not required <= given.keys():
            raise Uncovered
        model = kind.__new__(kind)
        _put(model, "__dict__", {**defaults, **given})
        _put(model, "__pydantic_fields_set__", set(given))
        _put(model, "__pydantic_extra__", None)
        _put(model, "__pydantic_private__", None)
        return model

    return fill


# Points


def _points(kind: Any) -> Maker:
    """Of records or scored points of ours, those of qdrant-client's."""
    if not kind.model_fields.keys() >= {"id", "payload", "vector"}:
        raise Uncovered
    fill, names = _filler(kind), [name for name in kind.model_fields if name not in ("score", "vector")]
    sparse = _filler(_class_in(kind.model_fields["vector"].annotation, "SparseVector"))
    is_scored = "score" in kind.model_fields
    ours = ScoredPoint if is_scored else Record

    def make(points: Any) -> Any:
        if not all(type(point) is ours for point in points):
            raise Uncovered
        found = [{name: value for name in names if (value := getattr(point, name)) is not None} for point in points]
        if is_scored:
            scores = _as_json(np.array([point.score for point in points], np.float32))
            if None in scores:  # infinite: JSON has no word for it
                raise Uncovered
            for given, score in zip(found, scores, strict=True):
                given["score"] = score
        for given, vector in zip(found, _as_json([point.vector for point in points]), strict=True):
            if type(vector) is dict:
                vector = {name: sparse(part) if type(part) is dict else part for name, part in vector.items()}
            if vector is not None:
                given["vector"] = vector
        return list(map(fill, found))

    return make


def _class_in(annotation: Any, name: str) -> Any:
    """The class of that name in an annotation. Raises `Uncovered`."""
    if getattr(annotation, "__name__", None) == name:
        return annotation
    for part in get_args(annotation):
        with suppress(Uncovered):
            return _class_in(part, name)
    raise Uncovered


def _as_json(vectors: Any) -> Any:
    """Vectors and scores as the numbers that JSON has for them: the shortest that give the same floats of 32 bits, so
    0.1 and not 0.10000000149011612. No way was found to have them quicker than by their texts.
    """
    return orjson.loads(orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY, default=_sparse_parts))


def _sparse_parts(vector: Any) -> Any:
    if not isinstance(vector, SparseVector):
        raise Uncovered
    return {"indices": vector.indices, "values": np.asarray(vector.values, np.float32)}
