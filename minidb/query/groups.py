"""Hits grouped by a payload value.

Qdrant gathers candidates in up to ten requests. Where prefetches bound the ranking the same is done here
(`gathering`); where nothing does, it is followed as deep as it takes, so that no hit is missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from minidb import models
from minidb.collection.collection import Snapshot
from minidb.collection.reads import PointReader
from minidb.collection.strict_mode import check_read
from minidb.errors import FormatError, ValidationError
from minidb.filter.json_path import JsonPath
from minidb.filter.merging import merge
from minidb.query.executor import Executor
from minidb.query.gathering import GroupKey, gather, is_bounded
from minidb.query.hits import Hits
from minidb.query.references import Lookup
from minidb.query.run import scored_points
from minidb.query.stages import Nearest
from minidb.query.tree import DEFAULT_LIMIT, Plan, plan
from minidb.storage.records import unpack_entries

DEFAULT_GROUP_SIZE = 3
_DEEPER = 4
"""How many times more hits are ranked when they did not fill the groups."""
_MAX_KEY = 2**64 - 1
_MIN_KEY = -(2**63)


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
    planned = plan(reader, lookup, _candidates_query(request, n_groups), n_groups * size, prefetch_factor=size)
    groups = _Groups(reader, path, n_groups, size)
    if is_bounded(planned.root):
        positions, hits = gather(
            executor, planned, n_groups, size, request.group_by, groups.keys_of, _smaller_is_better(reader, planned)
        )
    else:
        positions, hits = groups.followed(executor, planned)
    found = _point_groups(reader, positions, hits, request)
    return models.GroupsResult(_with_lookup(found, request.with_lookup, lookup))


def _candidates_query(request: models.QueryGroupsRequest, limit: int) -> models.QueryRequest:
    """The query whose hits are grouped: points that have the field (lib/shard, grouping/mod.rs)."""
    has_key = models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key=request.group_by))])
    return models.QueryRequest.model_construct(
        prefetch=request.prefetch,
        query=request.query,
        using=request.using,
        filter=merge(request.filter, has_key),
        params=request.params,
        score_threshold=request.score_threshold,
        limit=limit,
        lookup_from=request.lookup_from,
    )


def _smaller_is_better(reader: PointReader, plan: Plan) -> bool:
    stage = plan.root.stage
    if not isinstance(stage, Nearest):
        return False
    field = reader.view.fields[stage.using]
    return field.kind != "sparse" and field.ascending


def _point_groups(
    reader: PointReader, positions: dict[GroupKey, list[int]], hits: Hits, request: models.QueryGroupsRequest
) -> list[models.PointGroup]:
    """The groups, hits with payload and vectors."""
    chosen = np.array([at for places in positions.values() for at in places], np.int64)
    points = iter(scored_points(reader, hits.at(chosen), request))
    return [models.PointGroup(hits=[next(points) for _ in places], id=key) for key, places in positions.items()]


class _Groups:
    """Fills groups from a ranking, of which each call brings a longer piece."""

    def __init__(self, reader: PointReader, path: JsonPath, n_groups: int, size: int) -> None:
        self._reader = reader
        self._path = path
        self._n_groups = n_groups
        self._size = size
        self._keys: dict[int, list[GroupKey]] = {}

    def followed(self, executor: Executor, planned: Plan) -> tuple[dict[GroupKey, list[int]], Hits]:
        """The best groups of the full ranking, with the positions of their hits in it."""
        while True:
            hits = executor.run(planned)
            positions, is_complete = self._fill(hits)
            if is_complete or len(hits) < planned.root.limit:
                return positions, hits
            planned = planned._replace(root=planned.root._replace(limit=planned.root.limit * _DEEPER))

    def keys_of(self, hits: Hits) -> list[list[GroupKey]]:
        """The groups of each hit."""
        rows = hits.rows.tolist()
        unknown = [row for row in dict.fromkeys(rows) if row not in self._keys]
        for row, record in zip(unknown, self._reader.records_of(unknown), strict=True):
            self._keys[row] = group_keys(self._path.elements(unpack_entries(record.payload, (self._path.first,))))
        return [self._keys[row] for row in rows]

    def _fill(self, hits: Hits) -> tuple[dict[GroupKey, list[int]], bool]:
        """Group the hits, best first; and whether nothing further down the ranking could change the result."""
        positions: dict[GroupKey, list[int]] = {}
        members: dict[GroupKey, set[int]] = {}
        n_full = 0
        for position, (row, keys) in enumerate(zip(hits.rows.tolist(), self.keys_of(hits), strict=True)):
            for key in keys:
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
        return positions, n_full == self._n_groups


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
    ids = {group.id: point_id for group in groups if (point_id := _id_of_key(group.id)) is not None}
    if ids:
        check_read(reader.collection, None, lambda: len(ids))
    rows = {key: row for key, point_id in ids.items() if (row := reader.row_of(point_id)) is not None}
    with_payload = True if with_lookup.with_payload is None else with_lookup.with_payload
    records = reader.records(list(rows.values()), with_payload, with_lookup.with_vectors)
    by_key = dict(zip(rows, records, strict=True))
    for group in groups:
        group.lookup = by_key.get(group.id)
    return groups


def _id_of_key(key: GroupKey) -> int | str | None:
    try:
        return models.normalize_id(key)
    except (FormatError, ValidationError, ValueError):  # no point can have this id
        return None
