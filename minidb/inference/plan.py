"""Turns the inference objects of one call into the fewest inputs, grouped by what one call to an embedder can answer.

Equal objects become one input, and so do objects that differ only in `mrl`. API keys leave the options here, before
anything can print or cache them. Called by `inference.resolve`; knows nothing of embedders.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from minidb.errors import FormatError, ValidationError
from minidb.inference.mrl import parse_mrl
from minidb.inference.objects import Found, Kind
from minidb.inference.secret import Secret, secrets_in
from minidb.models.keys import is_key_name


class Input(NamedTuple):
    """One thing to embed: a text, an image (URL, base64, data URL) or an object of the model's own."""

    kind: Kind
    content: Any


@dataclass
class Group:
    """Distinct inputs for one model with one set of options; `options` without `mrl` and keys."""

    model: str
    options: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    inputs: list[Input] = field(default_factory=list)


class Place(NamedTuple):
    """Where the vector of a found object comes from: a group, an input of it, and the size to cut to."""

    group: int
    input: int
    mrl: int | None


@dataclass(frozen=True)
class Plan:
    """Groups to execute and, for each found object in order, its place."""

    groups: list[Group]
    places: list[Place]


def plan(objects: Sequence[Found]) -> Plan:
    """The plan for the objects of one call.

    Raises:
        ValidationError, FormatError: an object without a model, or a text that is no string.
        InferenceError: an invalid `mrl`.
    """
    groups: list[Group] = []
    group_numbers: dict[Any, int] = {}
    known: list[dict[Any, int]] = []
    """Of each group, where the inputs are."""
    places: list[Place] = []
    for found in objects:
        _check(found)
        settings = _settings(found.options)
        group_key = (found.model, settings.key, settings.secrets)
        number = group_numbers.get(group_key)
        if number is None:
            number = group_numbers[group_key] = len(groups)
            groups.append(Group(found.model, settings.options, dict(settings.secrets)))
            known.append({})
        inputs, positions = groups[number].inputs, known[number]
        content_key = (found.kind, found.content if type(found.content) is str else _canonical(found.content))
        position = positions.get(content_key)
        if position is None:
            position = positions[content_key] = len(inputs)
            inputs.append(Input(found.kind, found.content))
        places.append(Place(number, position, settings.mrl))
    return Plan(groups, places)


class _Settings(NamedTuple):
    options: Mapping[str, Any]
    key: str
    secrets: tuple[tuple[str, Secret], ...]
    mrl: int | None


_NO_SETTINGS = _Settings({}, "{}", (), None)


def _settings(options: Any) -> _Settings:
    """Options split into what the embedder gets, keys, and `mrl`."""
    if not options:
        return _NO_SETTINGS
    if hasattr(options, "model_dump"):
        options = options.model_dump(mode="json", exclude_unset=True)
    if not isinstance(options, Mapping):
        raise FormatError(f"invalid type: {type(options).__name__}, expected a map of options")
    if not all(isinstance(name, str) for name in options):
        raise FormatError("options have names that are no strings")
    options = {name: value.item() if isinstance(value, np.generic) else value for name, value in options.items()}
    rest = {name: value for name, value in options.items() if name != "mrl" and not is_key_name(name)}
    return _Settings(rest, _canonical(rest), tuple(sorted(secrets_in(options).items())), parse_mrl(options.get("mrl")))


def _check(found: Found) -> None:
    if not isinstance(found.model, str):
        raise FormatError(
            "missing field `model`" if found.model is None else "invalid type, expected a string in model"
        )
    if not found.model:
        raise ValidationError("[model: must not be empty]")
    if found.kind == "text" and not isinstance(found.content, str):
        raise FormatError(f"invalid type: {type(found.content).__name__}, expected a string in text")


def _canonical(value: Any) -> str:
    """Equal for equal values whatever the order of their keys; 1, 1.0 and true stay apart."""
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:  # keys that are no strings, what holds itself
        raise FormatError(f"options, and what is embedded, must be JSON: {error}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, os.PathLike):
        return {"path": os.fspath(value)}
    if hasattr(value, "tolist"):
        return {"dtype": str(value.dtype), "array": value.tolist()}
    return {"id": id(value)}  # only the very same object is equal
