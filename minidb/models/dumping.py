"""What `model_dump` of an answer makes of the values of its fields. Knows no class of answers; `results` calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import numpy as np


def plain(value: Any, json: bool, exclude_none: bool) -> Any:
    """`value` with models, and for JSON also arrays and enums, turned into plain Python objects."""
    if isinstance(value, dict):
        return {key: plain(entry, json, exclude_none) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        if value and isinstance(value[0], float):
            return list(value)
        return [plain(entry, json, exclude_none) for entry in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json" if json else "python", exclude_none=exclude_none)
    return _json_value(value) if json else value


def _json_value(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def chosen(entries: Any, include: Any, exclude: Any) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Of pairs of a key and a value those that are to be dumped, each with what is said of what it holds.

    Args:
        include: a set of keys, or a dict: key → True, `...` or such a set or dict again; "__all__" is every item of a
            list. None: everything.
        exclude: likewise; a key with a set or dict is not left out itself.
    """
    for key, value in entries:
        within, without = _said_of(key, include), _said_of(key, exclude)
        if (include is None or within is not None) and without is not True:
            yield key, value, None if within is True else within, without


def _said_of(key: Any, rule: Any) -> Any:
    if rule is None or not isinstance(rule, Mapping):
        return True if rule is not None and (key in rule or "__all__" in rule) else None
    said = rule.get(key, rule.get("__all__"))
    return True if said is ... else said or None


def picked(value: Any, json: bool, exclude_none: bool, include: Any, exclude: Any) -> Any:
    """`plain`, of the chosen parts of the value."""
    if include is None and exclude is None:
        return plain(value, json, exclude_none)
    if isinstance(value, dict):
        parts = chosen(value.items(), include, exclude)
        return {key: picked(entry, json, exclude_none, *rules) for key, entry, *rules in parts}
    if isinstance(value, (list, tuple)):
        parts = chosen(enumerate(value), include, exclude)
        return [picked(entry, json, exclude_none, *rules) for _, entry, *rules in parts]
    if hasattr(value, "model_dump"):
        mode = "json" if json else "python"
        return value.model_dump(mode=mode, exclude_none=exclude_none, include=include, exclude=exclude)
    return plain(value, json, exclude_none)
