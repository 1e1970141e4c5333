"""JSON paths: what a payload key such as `a.b[].c` selects, and how writes and selectors reach that place.

Follows `lib/segment/src/json_path` of Qdrant. Payloads are plain JSON values (dict, list, str, int, float, bool,
None); no function here changes its input, edits copy the containers on the way and share the rest. Called by
conditions, payload operations, indexes and whoever trims payloads for an answer; knows nothing of points.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from minidb.errors import FormatError

Json: TypeAlias = Any
Payload: TypeAlias = dict[str, Any]

Step: TypeAlias = str | int | None
"""One step below the first key: an object's key, an array's index, or None for `[]`, all elements of an array."""

_MAX_INDEX: Final = 2**64 - 1
_RAW_KEY: Final = r"(?:[0-9A-Za-z_-]|[^\x00-\x7f])+"
_QUOTED_KEY: Final = r'"(?P<quoted>[^\\"]*)"'
_FIRST: Final = re.compile(rf"(?P<raw>{_RAW_KEY})|{_QUOTED_KEY}")
_NEXT: Final = re.compile(rf"\.(?:(?P<raw>{_RAW_KEY})|{_QUOTED_KEY})|\[(?P<index>[0-9]*)\]")


class JsonPath(NamedTuple):
    """A parsed path; two spellings of one path (`a`, `"a"`) are equal.

    `first` is the key in the payload itself, `rest` the steps below it. Build it with `JsonPath.parse`.
    """

    first: str
    rest: tuple[Step, ...] = ()

    @staticmethod
    def parse(text: str) -> JsonPath:
        """The path written as `text`: keys parted by dots, `[n]`, `[]`; quotes around keys with other characters.

        Raises FormatError for anything Qdrant's grammar does not accept.
        """
        return _parse(text)

    def values(self, payload: Payload) -> list[Json]:
        """Everything the path selects, arrays whole; empty when nothing is there.

        `a.b` does not enter arrays, `a[].b` does.
        """
        if self.first not in payload:
            return []
        value = payload[self.first]
        if not self.rest:
            return [value]
        found: list[Json] = []
        _collect(value, self.rest, 0, found)
        return found

    def elements(self, payload: Payload) -> list[Json]:
        """What match, range and geo conditions test: the selected values, a selected array replaced by its elements."""
        flat: list[Json] = []
        for value in self.values(payload):
            if isinstance(value, list):
                flat.extend(value)
            else:
                flat.append(value)
        return flat

    @property
    def selects_many(self) -> bool:
        """Whether the path holds `[]` and so may select several values."""
        return None in self.rest

    def with_array_suffix(self) -> JsonPath:
        """The path of the array's elements: `a` and `a[]` both give `a[]`."""
        if self.rest and self.rest[-1] is None:
            return self
        return JsonPath(self.first, (*self.rest, None))

    def joined(self, below: JsonPath) -> JsonPath:
        """The path of `below` seen from the top, when it is relative to what this path selects."""
        return JsonPath(self.first, (*self.rest, below.first, *below.rest))

    def __str__(self) -> str:
        """The canonical spelling, quotes only where needed; parsing it gives an equal path."""
        text = _spell_key(self.first)
        for step in self.rest:
            if step is None:
                text += "[]"
            elif isinstance(step, int):
                text += f"[{step}]"
            else:
                text += "." + _spell_key(step)
        return text


@lru_cache(maxsize=4096)
def _parse(text: str) -> JsonPath:
    if not isinstance(text, str):
        raise FormatError(f"Filter condition 'key' must be a string, got {text!r}")
    head = _FIRST.match(text)
    if head is None:
        raise _invalid(text, "it must start with a key", 0)
    steps: list[Step] = []
    position = head.end()
    while position < len(text):
        found = _NEXT.match(text, position)
        if found is None:
            raise _invalid(text, "expected `.key`, `[n]` or `[]`", position)
        index = found["index"]
        if index is None:
            steps.append(_key_of(found))
        elif index == "":
            steps.append(None)
        elif len(index) > 20 or int(index) > _MAX_INDEX:  # Python makes no number of thousands of digits
            raise _invalid(text, "the index is too large", position)
        else:
            steps.append(int(index))
        position = found.end()
    return JsonPath(_key_of(head), tuple(steps))


def _key_of(found: re.Match[str]) -> str:
    raw: str | None = found["raw"]
    if raw is None:
        return str(found["quoted"])
    if not raw.isascii():
        from minidb.text.tokenizers import is_alphanumeric

        if not is_alphanumeric(raw.replace("_", "").replace("-", "")):
            raise _invalid(found.string, f"`{raw}` must be quoted", found.start())
    return raw


def _invalid(text: str, why: str, position: int) -> FormatError:
    return FormatError(f"Invalid json path: '{text}' ({why} at character {position})")


def _spell_key(key: str) -> str:
    found = _FIRST.fullmatch(key)
    return key if found is not None and found["raw"] is not None else f'"{key}"'


def _collect(value: Json, steps: tuple[Step, ...], depth: int, found: list[Json]) -> None:
    for at in range(depth, len(steps)):
        step = steps[at]
        if step is None:
            if isinstance(value, list):
                for element in value:
                    _collect(element, steps, at + 1, found)
            return
        if isinstance(step, int):
            if not isinstance(value, list) or step >= len(value):
                return
        elif not isinstance(value, dict) or step not in value:
            return
        value = value[step]
    found.append(value)


# --- payload writes -------------------------------------------------------------------------------------------------


def set_at(payload: Payload | None, path: JsonPath | None, value: Payload) -> Payload:
    """The payload after "set payload" of the object `value`: at its top level, or at `path` (the request's `key`).

    The keys of `value` replace those present there, null deletes a key. Objects missing on the way are created and
    scalars replaced by objects; `arr[]` writes to every element, an index out of range changes nothing, a missing
    array is made empty.
    """
    base = payload or {}
    if path is None:
        return _merged(base, value)
    return {**base, path.first: _set(base.get(path.first), path.rest, value)}


def _set(dest: Json, steps: tuple[Step, ...], value: Payload) -> Json:
    if not steps:
        return _merged(dest if isinstance(dest, dict) else {}, value)
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        owner = dest if isinstance(dest, dict) else {}
        return {**owner, step: _set(owner.get(step), rest, value)}
    if not isinstance(dest, list):
        return []
    if step is None:
        return [_set(element, rest, value) for element in dest]
    if step >= len(dest):
        return dest
    return [*dest[:step], _set(dest[step], rest, value), *dest[step + 1 :]]


def _merged(dest: Payload, value: Payload) -> Payload:
    merged = {**dest, **value}
    for key, item in value.items():
        if item is None:
            del merged[key]
    return merged


def overwrite(payload: Payload | None, value: Payload) -> Payload:
    """The payload after "overwrite payload": `value` itself, nulls kept, whatever was there before."""
    return dict(value)


def delete_keys(payload: Payload | None, paths: Iterable[JsonPath]) -> Payload:
    """The payload without what the paths name; missing places are ignored.

    `arr[]` empties an array, `arr[0]` changes nothing.
    """
    result = dict(payload or {})
    for path in paths:
        if path.first not in result:
            continue
        if not path.rest:
            del result[path.first]
        else:
            result[path.first] = _deleted(result[path.first], path.rest)
    return result


def _deleted(value: Json, steps: tuple[Step, ...]) -> Json:
    step, rest = steps[0], steps[1:]
    if isinstance(step, str):
        if not isinstance(value, dict) or step not in value:
            return value
        return {**value, step: _deleted(value[step], rest)} if rest else _without(value, step)
    if not isinstance(value, list):
        return value
    if step is None:
        return [_deleted(element, rest) for element in value] if rest else []
    if not rest or step >= len(value):  # Qdrant deletes no single elements: it would not be idempotent
        return value
    return [*value[:step], _deleted(value[step], rest), *value[step + 1 :]]


def _without(value: Payload, key: str) -> Payload:
    return {name: item for name, item in value.items() if name != key}


# --- payload selectors (with_payload) -------------------------------------------------------------------------------

_Tree: TypeAlias = "dict[Step, _Tree | None]"
"""Paths by their steps; None ends a path and selects everything below."""


def include(payload: Payload | None, paths: Sequence[JsonPath]) -> Payload:
    """The payload cut down to the places the paths name. Indexes select nothing: `a[0]` leaves `a` an empty array."""
    kept: Payload = _kept(payload or {}, _tree(tuple(paths)))
    return kept


def exclude(payload: Payload | None, paths: Sequence[JsonPath]) -> Payload:
    """The payload without the places the paths name; `a[]` leaves an empty array, `a[0]` has no effect."""
    left: Payload = _left(payload or {}, _tree(tuple(paths)))
    return left


@lru_cache(maxsize=256)
def _tree(paths: tuple[JsonPath, ...]) -> _Tree:
    tree: _Tree = {}
    for path in paths:
        steps = (path.first, *path.rest)
        branch = tree
        for step in steps[:-1]:
            below = branch.setdefault(step, {})
            if below is None:  # a shorter path already covers this one
                break
            branch = below
        else:
            branch[steps[-1]] = None
    return tree


def _kept(value: Json, tree: _Tree) -> Json:
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            if key in tree:
                below = tree[key]
                kept[key] = item if below is None else _kept(item, below)
        return kept
    if isinstance(value, list):
        if None not in tree:
            return []
        below = tree[None]
        return value if below is None else [_kept(element, below) for element in value]
    return value


def _left(value: Json, tree: _Tree) -> Json:
    if isinstance(value, dict):
        left = {}
        for key, item in value.items():
            if key not in tree:
                left[key] = item
                continue
            below = tree[key]
            if below is not None:
                left[key] = _left(item, below)
        return left
    if isinstance(value, list) and None in tree:
        below = tree[None]
        return [] if below is None else [_left(element, below) for element in value]
    return value
