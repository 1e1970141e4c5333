"""Where a value stands that is out of range, as Qdrant's validator writes it.

Its paths follow Qdrant's types rather than the JSON: parts of a request that the JSON spreads have a name
(`internal.limit`), one condition is the first of a list, a vector among named ones is `?`, and some steps are left out
(`query.recommend.indices`). Called by `base.translate`; knows the names of models, and no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Location: TypeAlias = tuple[int | str, ...]

NAMED, SORTED = "<named>", "<sorted>"
"""Tags before the key of an object whose keys users choose: shown as `?`, or as its place in the order of the keys."""

_TAG = "<[^<>]*>"
_REWRITTEN = (
    # what routes of old clients ask, which is read as a query
    (r"^<([^<>]*_request)>\.query<RecommendQuery>\.recommend\.", r"\1."),
    (r"^<([^<>]*_request)>\.query<(?:DiscoverQuery|ContextQuery)>(?:\.discover)?\.", r"\1."),
    (r"^<([^<>]*search_(?:group_)?request)>\.query<SparseVector>\.", r"\1.vector.vector."),
    (r"^<([^<>]*_group_request)>\.(group_size|limit)$", r"\1.group_request.\2"),
    (r"^<([^<>]*_request)>\.", r"\1."),
    # parts of requests that JSON spreads
    (r"^<QueryRequest>\.", "internal."),
    (r"^<QueryRequestBatch>\.(searches\[\d+\])", r"\1.internal"),
    (r"^<QueryGroupsRequest>\.(group_size|limit)$", r"search_group_request.group_request.\1"),
    (r"^<QueryGroupsRequest>\.", "search_group_request."),
    (r"^<SearchMatrixRequest>\.", "search_request."),
    (r"^<ScrollRequest>\.", "scroll_request."),
    (r"^<CountRequest>\.", "count_request."),
    (r"^<FacetRequest>\.", "facet_request."),
    (r"^<PointRequest>\.", "point_request."),
    # steps that are left out
    (r"(<PointsBatch>\.batch)\.vectors(?:<named>)?(\.\?(?:\[\d+\])?)?(?:<\w+>)*(?:\[\d+\])?", r"\1\2"),
    (r"(<UpdateVectors>|<UpdateVectorsOperation>\.update_vectors)(\.points\[\d+\])\.vector(?=.)", r"\1\2"),
    (r"(<RecommendQuery>\.recommend)\.(?:positive|negative)(?:<\w+>)*\[\d+\]", r"\1"),
    (r"(<ContextQuery>\.context)(?:<many>\[\d+\]|<one>)\.(?:positive|negative)", r"\1"),
    (r"<FormulaQuery>\.formula", ""),
    (r"(\.(?:sparse|multivector)_config)\[", r"\1.config["),
    (r"(\.idf(?:<\w+>)*)\.corpus", r"\1"),
    # other names of fields
    (r"\.optimizer_config\.", ".optimizers_config."),
    (r"\.quantization(?:<\w+>)*\.(?=scalar|product|binary|turbo)", ".quantization_config."),
    (r"(\.points\[\d+\])\.vectors\b", r"\1.vector"),
    # a single one is a list of one
    (r"<one>", "[0]"),
)
"""Patterns and what takes their place; compiled by the first error: together they take as long as a class or two."""


def validated_paths(root: str, found: Sequence[tuple[Location, str | None]], value: object) -> list[str]:
    """The paths of several errors in one request.

    Args:
        root: name of the type that was read, "" to have paths begin with its fields.
        found: location as pydantic gives it, tags in brackets among its parts; and the field below it that is meant.
        value: what was read.
    """
    named: dict[Location, list[int | str]] = {}
    for location, _ in found:
        for at, part in enumerate(location):
            keys = named.setdefault(location[: at + 1], []) if part == NAMED else None
            if keys is not None and location[at + 1] not in keys:
                keys.append(location[at + 1])
    start = f"<{root}>" if root else ""
    return [_written(start + _joined(location, named, value), field) for location, field in found]


def named_in(locations: Sequence[Location]) -> list[int | str]:
    """The keys for which paths have a `?`."""
    return [location[at + 1] for location in locations for at, part in enumerate(location) if part == NAMED]


def _joined(location: Location, named: Mapping[Location, list[int | str]], value: Any) -> str:
    """All parts, tags among them, and no text that users chose."""
    path, parts = "", iter(enumerate(location))
    for at, part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part == NAMED:
            keys, (_, key) = named[location[: at + 1]], next(parts)
            path += f"{NAMED}.?" if len(keys) == 1 else f"{NAMED}.?[{keys.index(key)}]"
        elif part == SORTED:
            _, key = next(parts)
            path += f"[{_place(value, location[:at], key)}]"
        elif part.startswith("<"):
            path += part
        elif not part.startswith("function-"):
            path += f".{part}"
    return path


def _place(value: Any, location: Location, key: int | str) -> int:
    """Where a key stands among the sorted keys of the object at a location."""
    for part in location:
        if isinstance(part, int) or (isinstance(value, Mapping) and part in value):
            value = value[part]
        elif not part.startswith("<"):
            value = getattr(value, part, None)
    return sorted(value).index(key) if isinstance(value, Mapping) and key in value else 0


def _written(path: str, field: str | None) -> str:
    if field is not None:
        path += f".{field}"
    for pattern, replacement in _REWRITTEN:
        path = re.sub(pattern, replacement, path)
    return re.sub(_TAG, "", path).lstrip(".")
