"""Strict mode: a collection's limits on what requests may ask for, checked before any work is done.

Limits and texts are Qdrant's (spec §4.4; lib/collection, operations/verification). Nothing here applies unless the
collection's `strict_mode_config` is enabled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from minidb import models
from minidb.collection.collection import Collection, Snapshot
from minidb.collection.config import StoredConfig, dense_params
from minidb.collection.declared import MATCH_TYPES, schema_type, spelled
from minidb.collection.encode import EncodedPoints, FieldColumn
from minidb.collection.estimate import estimated
from minidb.collection.reads import PointReader
from minidb.collection.request_cost import named_points, query_cost, sparse_cost, update_cost
from minidb.collection.required_indexes import Needed, missing_for_filter, missing_for_formula, shown
from minidb.collection.view import View
from minidb.errors import BadRequest
from minidb.models.base import as_list
from minidb.storage.records import n_entries


def limits_of(config: StoredConfig) -> models.StrictModeConfig | None:
    """The limits in force, None when strict mode is off."""
    limits: models.StrictModeConfig | None = config.config.strict_mode_config
    return limits if limits is not None and limits.enabled else None


def check_read(
    collection: Collection,
    timeout: float | None,
    cost: Callable[[], int],
    check: Callable[[StrictMode], None] = lambda strict: None,
) -> None:
    """Refuse a read beyond the limits, as `check` applies them; one that is let in is counted."""
    limits = limits_of(collection.config)
    if limits is None:
        return
    strict = StrictMode(limits, collection.config)
    check(strict)
    strict.check_timeout(timeout)
    if limits.read_rate_limit is not None:
        collection.read_rate.take(limits.read_rate_limit, cost(), "Read")


def check_queries(
    snapshot: Snapshot,
    requests: Sequence[Any],
    timeout: float | None,
    check: Callable[[StrictMode], None],
    lookup: Callable[[str], PointReader],
) -> None:
    """The same of queries; the points they name are fetched first, and counted for themselves, in other collections by
    the limits there (`lookup` finds them).
    """

    def stored_cost(given: Any, using: str) -> int:
        reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
        field, row = reader.view.fields.get(using), reader.row_of(models.normalize_id(given))
        if field is None or row is None or field.kind == "dense" or not reader.view.has(field.slot)[row]:
            return 1
        if field.kind == "sparse":
            return sparse_cost(len(reader.sparse(field, row)[0]))
        return int(reader.raw_tokens(field, np.array([row], np.uint32))[1][0])

    collection, looks_up = snapshot.collection, any(map(_looks_up, requests))
    if not looks_up and limits_of(collection.config) is None:
        return
    check_read(collection, timeout, lambda: len(named_points(requests).get(None, ())), check)
    if looks_up:
        for name, ids in named_points(requests).items():
            if name is not None:
                check_read(lookup(name).collection, None, partial(len, ids))
    check_read(collection, None, lambda: sum(query_cost(each, stored_cost, collection.name) for each in requests))


def _looks_up(request: Any) -> bool:
    """Whether a query, or a prefetch below it, looks into a collection it names."""
    if request.lookup_from is not None:
        return True
    return request.prefetch is not None and any(map(_looks_up, as_list(request.prefetch)))


def check_updates(snapshot: Snapshot, requests: Sequence[models.UpdateOperation], timeout: float | None) -> None:
    """Refuse operations beyond the limits; counts them."""
    collection, view = snapshot.collection, snapshot.view
    limits = limits_of(collection.config)
    if limits is None or not requests:
        return
    strict, reader = StrictMode(limits, collection.config), PointReader(collection, view, snapshot.txn)
    for request in requests:
        strict.check_update(request, view)
    if any(map(_may_add, requests)):
        strict.check_size(lambda: collection.payload_bytes(reader))
    strict.check_timeout(timeout)
    if limits.write_rate_limit is not None:
        cost = sum(update_cost(request, lambda filter: estimated(reader, filter)) for request in requests)
        collection.write_rate.take(limits.write_rate_limit, cost, "Write")


def _may_add(request: models.UpdateOperation) -> bool:
    """Whether it may make a collection larger."""
    adding = (models.UpdateVectorsOperation, models.SetPayloadOperation, models.OverwritePayloadOperation)
    return isinstance(request, (models.UpsertOperation, *adding))


def check_new_index(config: StoredConfig, path: str) -> None:
    """Refuse an index on a path that has none, beyond the limits."""
    limits = limits_of(config)
    if limits is not None and path not in config.payload_schema:
        StrictMode(limits, config).check_new_index()


class StrictMode:
    """One collection's limits, applied to one request."""

    def __init__(self, limits: models.StrictModeConfig, config: StoredConfig) -> None:
        self._limits = limits
        self._config = config
        self._schemas = config.payload_schema

    # Reads

    def check_query(self, request: Any, *, is_root: bool = True, group_size: int | None = None) -> None:
        """A query request or prefetch, and everything below it; of groups, `limit` of `group_size`."""
        below: list[Any] = as_list(request.prefetch)
        for prefetch in below:
            self.check_query(prefetch, is_root=False)
        if not is_root or not below:
            self._check_full_scan(request)
        self._check_formula(request.query)
        self.check_limit((10 if request.limit is None else request.limit) * (group_size or 1))
        self.check_read_filter(request.filter)
        self._check_params(request.params)

    def check_batch(self, n_searches: int) -> None:
        _check_at_most(n_searches, self._limits.search_max_batchsize, "search batch size")

    def check_limit(self, limit: int) -> None:
        _check_at_most(limit, self._limits.max_query_limit, "limit")

    def check_read_filter(self, filter: models.Filter | None) -> None:
        self.check_filter(filter, self._limits.unindexed_filtering_retrieve)

    def check_exact(self, exact: bool | None) -> None:
        if self._limits.search_allow_exact is False and exact:
            _refuse("Exact search disabled!", "Set exact=false.")

    def check_timeout(self, seconds: float | None) -> None:
        if seconds is not None:
            _check_at_most(seconds, self._limits.max_timeout, "timeout")

    def check_grouping(self, group_by: str) -> None:
        if self._limits.unindexed_filtering_retrieve is not False:
            return
        group_by = spelled(group_by)
        schema = self._schemas.get(group_by)
        remedy = "Create an index supporting `match` for this key."
        if schema is None:
            _refuse(f'Index required but not found for "{group_by}"', remedy)
        if schema_type(schema) not in MATCH_TYPES:
            _refuse(f'Index of type "{schema_type(schema).capitalize()}" found for "{group_by}"', remedy)

    def _check_full_scan(self, request: Any) -> None:
        """A search that no graph could answer, since the field has none (verification/query.rs, `check_fullscan`)."""
        using = request.using or ""
        params = dense_params(self._config.config.params).get(using)
        if self._limits.search_allow_exact is not False or not _compares_vectors(request.query) or params is None:
            return
        hnsw = self._config.hnsw(using)
        if hnsw.m:
            return
        where = f" on '{using}'" if using else ""
        if not self._has_tenant(request.filter):
            _refuse(
                f"Request is forbidden{where} because global vector indexing is disabled (hnsw_config.m = 0)",
                "Use tenant-specific filter, enable global vector indexing or enable strict mode `search_allow_exact` "
                "option",
            )
        if not hnsw.payload_m:
            _refuse(
                f"Request is forbidden{where} because vector indexing is disabled (hnsw_config.m = 0 and "
                "hnsw_config.payload_m = 0)",
                "Enable vector indexing, use a prefetch query with indexed vectors or enable strict mode "
                "`search_allow_exact` option",
            )

    def _has_tenant(self, filter: models.Filter | None) -> bool:
        keys = [] if filter is None else [getattr(each, "key", None) for each in _conditions(filter)]
        return any(bool(getattr(self._schemas.get(spelled(key)), "is_tenant", False)) for key in keys if key)

    def _check_params(self, params: models.SearchParams | None) -> None:
        if params is None:
            return
        limits = self._limits
        if params.quantization is not None and params.quantization.oversampling is not None:
            _check_at_most(params.quantization.oversampling, limits.search_max_oversampling, "oversampling")
        if params.hnsw_ef is not None:
            _check_at_most(params.hnsw_ef, limits.search_max_hnsw_ef, "hnsw_ef")
        if isinstance(params.idf, models.IdfCorpusParams):
            self.check_read_filter(params.idf.corpus)
        self.check_exact(params.exact)

    # Filters

    def check_filter(self, filter: models.Filter | None, unindexed_allowed: bool | None) -> None:
        """Number and size of conditions, and an index for each path unless unindexed ones are allowed."""
        if filter is None:
            return
        conditions = list(_conditions(filter))
        for condition in conditions:
            if isinstance(getattr(condition, "match", None), models.MatchSubstring):
                _refuse(
                    f'Substring matching is not allowed, used for "{condition.key}": it scans every value of the '
                    "field, with or without an index",
                    "Use a prefix match or a full-text match instead.",
                )
        if unindexed_allowed is False:
            needed = missing_for_filter(filter, self._schemas)
            self._refuse_unindexed(needed, "Create an index for this key or use a different filter.")
        most = self._limits.filter_max_conditions
        if most is not None and len(conditions) > most:
            help_text = "Reduce the amount of conditions of your filter."
            _refuse(f"Filter condition limit reached ({len(conditions)} > {most})", help_text)
        largest = max(map(_condition_size, conditions), default=0)
        if self._limits.condition_max_size is not None and largest > self._limits.condition_max_size:
            limit = self._limits.condition_max_size
            _refuse(f"Condition size limit reached ({largest} > {limit})", "Reduce the size of your condition.")

    def _check_formula(self, query: Any) -> None:
        if isinstance(query, models.FormulaQuery) and self._limits.unindexed_filtering_retrieve is False:
            needed = missing_for_formula(query.formula, self._schemas)
            self._refuse_unindexed(needed, "Create an index for this key or use a different formula expression.")

    def _refuse_unindexed(self, needed: Needed | None, remedy: str) -> None:
        if needed is not None:
            path, abilities = needed
            what = f'Index required but not found for "{path}" of one of the following types: [{shown(abilities)}]'
            _refuse(what, remedy)

    # Writes

    def check_size(self, payload_bytes: Callable[[], int]) -> None:
        """Before anything that adds data: the collection's payload and the process's memory."""
        most = self._limits.max_collection_payload_size_bytes
        if most is not None and payload_bytes() >= most:
            raise BadRequest(f"Max payload storage size limit of {_megabytes(most)}MB reached!")
        percent = self._limits.max_resident_memory_percent
        used = resident_memory_percent() if percent is not None else None
        if percent is not None and used is not None and used >= percent:
            _refuse(
                f"Resident memory usage is at {used}% of total memory, exceeding the configured limit of {percent}%",
                "Reduce memory usage (e.g. delete points or drop collections), or raise `max_resident_memory_percent` "
                "in the strict mode config of this collection.",
            )

    def check_update(self, operation: models.UpdateOperation, view: View) -> None:
        """One write operation, against the collection as it is."""
        limits = self._limits
        match operation:
            case models.UpsertOperation(upsert=models.PointsList(points=points)):
                self._check_points(points, view, "upsert limit")
            case models.UpsertOperation(upsert=models.PointsBatch(batch=batch)):
                self._check_batch(batch, view)
            case models.UpdateVectorsOperation(update_vectors=update):
                self._check_points(update.points, view, "update limit")
        selector = next(iter(vars(operation).values()))
        self.check_filter(getattr(selector, "filter", None), limits.unindexed_filtering_update)

    def check_new_index(self) -> None:
        most = self._limits.max_payload_index_count
        if most is not None and len(self._schemas) >= most:
            _refuse(
                f"Collection already has the maximum number of payload indices ({most}).",
                "Please delete an existing index before creating a new one.",
                joined=" ",
            )

    def _check_points(self, points: Sequence[Any] | EncodedPoints, view: View, name: str) -> None:
        _check_at_most(len(points), self._limits.upsert_max_batchsize, name)
        self._check_growth(view)
        if isinstance(points, EncodedPoints):
            for column in points.columns:
                self._check_longest(column)
            return
        for point in points:
            named = point.vector if isinstance(point.vector, dict) else {"": point.vector}
            for field, value in named.items():
                self._check_vector(field, value)

    def _check_batch(self, batch: models.Batch, view: View) -> None:
        _check_at_most(len(batch.ids), self._limits.upsert_max_batchsize, "upsert limit")
        self._check_growth(view)
        columns = batch.vectors if isinstance(batch.vectors, dict) else {"": batch.vectors}
        limited = {*(self._limits.sparse_config or {}), *(self._limits.multivector_config or {})}
        for field in limited & columns.keys():
            for value in columns[field]:
                self._check_vector(field, value)

    def _check_longest(self, column: FieldColumn) -> None:
        name = column.field.name
        if column.sparse is not None:
            self._check_sparse(name, max(map(n_entries, column.sparse), default=0))
        else:
            self._check_multi(name, 1 if column.counts is None else int(column.counts.max(initial=0)))

    def _check_vector(self, name: str, value: Any) -> None:
        if isinstance(value, models.SparseVector):
            self._check_sparse(name, len(value.indices))
        elif hasattr(value, "__len__") and len(value):
            self._check_multi(name, len(value) if hasattr(value[0], "__len__") else 1)

    def _check_sparse(self, name: str, given: int) -> None:
        limits = (self._limits.sparse_config or {}).get(name)
        if limits is not None and limits.max_length is not None and given > limits.max_length:
            raise BadRequest(
                f"Sparse vector '{name}' has a limit of {limits.max_length} indices, but {given} were provided!"
            )

    def _check_multi(self, name: str, given: int) -> None:
        limits = (self._limits.multivector_config or {}).get(name)
        if limits is not None and limits.max_vectors is not None and given > limits.max_vectors:
            raise BadRequest(
                f"Multivector '{name}' has a limit of {limits.max_vectors} vectors, but {given} were provided!"
            )

    def _check_growth(self, view: View) -> None:
        limits = self._limits
        most = limits.max_collection_vector_size_bytes
        size = sum(view.count(field.slot) * field.row_bytes for field in view.fields.values() if field.kind == "dense")
        if most is not None and size >= most:
            raise BadRequest(f"Max vector storage size limit of {_megabytes(most)}MB reached!")
        if limits.max_points_count is not None and view.n_alive >= limits.max_points_count:
            raise BadRequest(f"Max points count limit of {limits.max_points_count} reached!")


def _megabytes(size: int) -> str:
    """Bytes in MB, as Rust prints a single precision number."""
    return np.format_float_positional(np.float32(size) / np.float32(1024 * 1024), trim="-")


def resident_memory_percent() -> int | None:
    """How much of the machine's memory this process holds; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return 100 * pages // os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, IndexError):
        return None


def _check_at_most(value: float, limit: float | None, name: str) -> None:
    if limit is not None and value > limit:
        _refuse(f'Limit exceeded {value} > {limit} for "{name}"', f'Reduce the "{name}" parameter to or below {limit}.')


def _refuse(what: str, remedy: str, joined: str | None = None) -> NoReturn:
    glue = joined if joined is not None else " " if what.endswith("!") else ". "
    raise BadRequest(f"{what}{glue}Help: {remedy}")


def _compares_vectors(query: Any) -> bool:
    kinds = (models.FusionQuery, models.RrfQuery, models.OrderByQuery, models.FormulaQuery, models.SampleQuery)
    return query is not None and not isinstance(query, (*kinds, models.TextQuery))


def _conditions(filter: models.Filter) -> Iterator[Any]:
    """All conditions of a filter, those of filters within it too."""
    groups: list[Any] = [filter.must, filter.should, filter.must_not]
    if filter.min_should is not None:
        groups.append(filter.min_should.conditions)
    for group in groups:
        listed: list[Any] = as_list(group)
        for condition in listed:
            if isinstance(condition, models.Filter):
                yield from _conditions(condition)
            elif isinstance(condition, models.NestedCondition):
                yield from _conditions(condition.nested.filter)
            else:
                yield condition


def _condition_size(condition: Any) -> int:
    match getattr(condition, "match", None):
        case models.MatchAny(any=values):
            return len(values)
        case models.MatchExcept(except_=values):
            return len(values)
    return len(getattr(condition, "has_id", None) or ())
