"""Hits grouped by a payload value.

Qdrant gathers candidates in up to ten requests and may miss a hit. Here the ranking is followed as deep as it takes:
the groups and their hits are those of the full ranking.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.reads import PointReader
from minidb.errors import FormatError, ValidationError
from minidb.filter.json_path import JsonPath
from minidb.filter.merging import merge
from minidb.models.base import as_list
from minidb.query.executor import Executor
from minidb.query.hits import Hits
from minidb.query.references import Lookup
from minidb.query.run import scored_points
from minidb.query.tree import DEFAULT_LIMIT, plan
from minidb.storage.records import unpack_payload

DEFAULT_GROUP_SIZE = 3
_DEEPER = 4
"""How many times more hits are ranked when they did not fill the groups."""
_MAX_KEY = 2**64 - 1
_MIN_KEY = -(2**63)

GroupKey = int | str


def run_groups(snapshot: Snapshot, request: models.QueryGroupsRequest, lookup: Lookup) -> models.GroupsResult:
    """Answer a groups request: `limit` groups of at most `group_size` hits, the one with the best hit first.

    Raises:
        NotFound: the collection of `with_lookup` is not there.
    """
    view = snapshot.view
    reader = PointReader(snapshot.collection, view, snapshot.txn)
    executor = Executor(reader, snapshot.collection.indexes_for(view))
    path = JsonPath.parse(request.group_by)
    n_groups = DEFAULT_LIMIT if request.limit is None else request.limit
    size = DEFAULT_GROUP_SIZE if request.group_size is None else request.group_size
    query = _candidates_query(request, n_groups * size, size)
    planned = plan(reader, lookup, query, n_groups * size)
    groups = _Groups(reader, path, n_groups, size)
    while True:
        hits = executor.run(planned)
        complete = groups.fill(hits)
        if complete or len(hits) < planned.root.limit:
            break
        planned = replace(planned, root=replace(planned.root, limit=planned.root.limit * _DEEPER))
    return models.GroupsResult(_with_lookup(groups.result(hits, request), request.with_lookup, lookup))


def _candidates_query(request: models.QueryGroupsRequest, limit: int, group_size: int) -> models.QueryRequest:
    """The query whose hits are grouped: points that have the field, prefetches widened (lib/shard, grouping/mod.rs)."""
    has_key = models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key=request.group_by))])
    return models.QueryRequest.model_construct(
        prefetch=[_widened(prefetch, group_size) for prefetch in as_list(request.prefetch)] or None,
        query=request.query,
        using=request.using,
        filter=merge(request.filter, has_key),
        params=request.params,
        score_threshold=request.score_threshold,
        limit=limit,
        lookup_from=request.lookup_from,
    )


def _widened(prefetch: models.Prefetch, group_size: int) -> models.Prefetch:
    return prefetch.model_copy(
        update={
            "limit": (prefetch.limit or DEFAULT_LIMIT) * group_size,
            "prefetch": [_widened(child, group_size) for child in as_list(prefetch.prefetch)] or None,
        }
    )


class _Groups:
    """Fills groups from a ranking, of which each call brings a longer piece."""

    def __init__(self, reader: PointReader, path: JsonPath, n_groups: int, size: int) -> None:
        self._reader = reader
        self._path = path
        self._n_groups = n_groups
        self._size = size
        self._keys: dict[int, list[GroupKey]] = {}
        self._positions: dict[GroupKey, list[int]] = {}

    def fill(self, hits: Hits) -> bool:
        """Group the hits, best first; whether nothing further down the ranking could change the result."""
        self._learn_keys(hits)
        positions: dict[GroupKey, list[int]] = {}
        members: dict[GroupKey, set[int]] = {}
        n_full = 0
        for position, row in enumerate(hits.rows.tolist()):
            for key in self._keys[row]:
                rows = members.get(key)
                if rows is None:
                    if len(members) == self._n_groups:
                        continue
                    rows, positions[key] = members.setdefault(key, set()), []
                if row in rows or len(rows) == self._size:  # ordering by a field, a point may come several times
                    continue
                rows.add(row)
                positions[key].append(position)
                n_full += len(rows) == self._size
            if n_full == self._n_groups:
                break
        self._positions = positions
        return n_full == self._n_groups

    def result(self, hits: Hits, request: models.QueryGroupsRequest) -> list[models.PointGroup]:
        """The groups, hits with payload and vectors."""
        chosen = np.array([at for positions in self._positions.values() for at in positions], np.int64)
        points = iter(scored_points(self._reader, hits.at(chosen), request))
        return [
            models.PointGroup(hits=[next(points) for _ in positions], id=key)
            for key, positions in self._positions.items()
        ]

    def _learn_keys(self, hits: Hits) -> None:
        unknown = [row for row in dict.fromkeys(hits.rows.tolist()) if row not in self._keys]
        for row, record in zip(unknown, self._reader.records_of(unknown), strict=True):
            self._keys[row] = group_keys(self._path.elements(unpack_payload(record.payload)))


def group_keys(values: Iterable[Any]) -> list[GroupKey]:
    """The groups of a point with these values: strings and integers; a value of any other type keeps it out of all.

    Source: lib/shard, grouping/aggregator.rs.
    """
    keys: dict[GroupKey, None] = {}
    for value in values:
        if type(value) is not str and not (type(value) is int and _MIN_KEY <= value <= _MAX_KEY):
            return []
        keys[value] = None
    return list(keys)


def _with_lookup(
    groups: list[models.PointGroup], with_lookup: models.WithLookupInterface | None, lookup: Lookup
) -> list[models.PointGroup]:
    """The groups, each with the point of the other collection that has the group's key for its id."""
    if with_lookup is None:
        return groups
    if isinstance(with_lookup, str):
        with_lookup = models.WithLookup(collection=with_lookup)
    reader = lookup(with_lookup.collection)
    rows = {group.id: row for group in groups if (row := _row_of_key(reader, group.id)) is not None}
    with_payload = True if with_lookup.with_payload is None else with_lookup.with_payload
    records = reader.records(list(rows.values()), with_payload, with_lookup.with_vectors)
    by_key = dict(zip(rows, records, strict=True))
    for group in groups:
        group.lookup = by_key.get(group.id)
    return groups


def _row_of_key(reader: PointReader, key: GroupKey) -> int | None:
    try:
        return reader.row_of(models.normalize_id(key))
    except (FormatError, ValidationError, ValueError):  # no point can have this id
        return None
