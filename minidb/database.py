"""The one engine behind every door: opens a store, finds collections by name, and runs requests on them.

A request comes in as models, gets its inference objects resolved, and goes to a collection's write or read path. Doors
only translate their callers' form into these methods.
"""

from __future__ import annotations

import atexit
import threading
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.catalog import Catalog, Directory
from minidb.collection import operations
from minidb.collection.collection import Collection, Snapshot, Taking, config_key, erase, head_key
from minidb.collection.config import (
    StoredConfig,
    new_config,
    updated_config,
    with_payload_index,
    with_vector,
    without_vector,
)
from minidb.collection.declared import index_key, parse_schema
from minidb.collection.draft import Draft
from minidb.collection.fields import VectorField
from minidb.collection.indexer import Indexer, checkpoint
from minidb.collection.reads import PointReader
from minidb.collection.request_cost import read_cost
from minidb.collection.strict_mode import StrictMode, check_new_index, check_queries, check_read, check_updates
from minidb.collection.view import View, empty_view
from minidb.errors import BadRequest, Forbidden, MinidbError, NotFound, StoreClosed
from minidb.inference import Inference, InferenceContext, InferenceSettings, contains
from minidb.query.references import Lookup
from minidb.query.run import explained_query, run_arrays, run_queries
from minidb.storage.interface import Durability, ReadTransaction, Store, WriteTransaction
from minidb.storage.lru_table import LruTable
from minidb.storage.memory_store import MemoryStore
from minidb.storage.records import Head, PointId, check_format, mark_format, new_space
from minidb.storage.spaces import has_erased
from minidb.system import threads
from minidb.system.threads import uninterrupted
from minidb.trace import Step

if TYPE_CHECKING:
    from minidb.collection.memory import SizeStats
    from minidb.collection.verify import VerifyReport
    from minidb.maintenance import CompactReport
    from minidb.models.service import CollectionMemoryReport
    from minidb.query.matrix import Matrix
    from minidb.query.projection import PointMap
    from minidb.snapshots import Snapshots

MEMORY = ":memory:"
_QUOTAS = b"quotas"
T = TypeVar("T")


class Database:
    """A store at a path, or in memory. Thread-safe; `close` is idempotent, and done for one that nobody holds.

    Args:
        read_only: writes are refused and nothing is written, also where another client of this process may write.
    """

    _closed = True  # until it has been opened

    def __init__(
        self,
        location: str | Path,
        durability: Durability = "full",
        map_bytes: int | None = None,
        inference: InferenceSettings | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self.location = str(location)
        self.read_only = read_only
        self._lock = threading.Lock()
        self._snapshots: Snapshots | None = None
        uninterrupted(partial(self._open, location, durability, map_bytes, inference))

    def _open(
        self,
        location: str | Path,
        durability: Durability,
        map_bytes: int | None,
        inference: InferenceSettings | None,
    ) -> None:
        self._store = _store_at(location, durability, map_bytes, self.read_only)
        try:
            with self._store.read() as txn:
                is_new, has_leftovers = check_format(txn), not self.read_only and has_erased(txn)
            if is_new and not self.read_only:
                self._store.write(mark_format)
            cache_bytes = None if inference is None or self.read_only else inference.cache_bytes
            cache = None if cache_bytes is None else LruTable(self._store, "embeddings", cache_bytes)
            self._inference = Inference(inference, cache)
        except BaseException:
            self._store.close()
            raise
        self._directory = Directory(self._store)
        self._indexer = Indexer(self._store)
        self._closed = False
        if self._store.path is not None:
            threads.closer.expect()  # not by its own name: a forked child has another
            _open_databases.add(self)
            if has_leftovers:
                self._indexer.tidy()

    def __del__(self) -> None:
        if not self._closed and self._store.path is not None:
            text = f"a client of {self.location} was dropped without close()"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)
            threads.closer.close(self.close)

    def close(self) -> None:
        """Save derived data that is worth it and let go of the store."""
        uninterrupted(self._close)

    def _close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._indexer.stop()
        try:
            for collection in self._directory.opened():
                if collection.published[1] >= 0:
                    with suppress(MinidbError, OSError, MemoryError):  # derived data only: deleted, or the disk is full
                        checkpoint(self._store, collection, closing=True)
        finally:
            self._inference.close()
            if self._snapshots is not None and not self._store.read_only:  # a fork's are its parent's
                self._snapshots.close()
            self._store.close()

    # Collections

    def create_collection(self, name: str, request: models.CreateCollection) -> bool:
        config = new_config(request).pack()

        def work(txn: WriteTransaction, catalog: Catalog) -> None:
            number, head = catalog.add(name), Head(new_space(txn))
            txn.put("meta", config_key(number), config)
            txn.put("meta", head_key(number), head.pack())
            stored = StoredConfig.unpack(config)  # the request's objects may yet be changed
            self.begin_collection(txn, number, name, stored, empty_view(stored.fields(), head.space, 0))

        self.change_catalog(work)
        return True

    def begin_collection(self, txn: WriteTransaction, number: int, name: str, config: StoredConfig, view: View) -> None:
        """Know a collection that `txn` has stored, once it is committed."""
        collection = Collection(self._store, number, name)
        collection.begin(txn, config, view)

        def publish() -> None:
            self._directory.keep(collection)

        txn.on_commit(publish)

    def delete_collection(self, name: str) -> bool:
        """Whether it was there."""

        def work(txn: WriteTransaction, catalog: Catalog) -> bool:
            number = catalog.remove(name)
            if number is not None and not erase(self._store, txn, number):
                txn.on_commit(self._indexer.tidy)
            return number is not None

        return self.change_catalog(work)

    def update_collection(self, name: str, request: models.UpdateCollection) -> bool:
        self._change_config(name, lambda config: updated_config(config, request))
        return True

    def create_vector_name(self, name: str, vector: str, request: models.VectorNameConfig) -> models.UpdateResult:
        return self._change_config(name, lambda config: with_vector(config, vector, request))

    def delete_vector_name(self, name: str, vector: str) -> models.UpdateResult:
        return self._change_config(name, lambda config: without_vector(config, vector))

    def create_payload_index(self, name: str, path: str, field_schema: object) -> models.UpdateResult:
        """Declare and build an index; the same again is no change, another schema replaces it."""
        from minidb.filter.evaluate import Evaluation

        schema = parse_schema(path, field_schema)
        with self.snapshot(name) as snapshot:
            check_new_index(snapshot.collection.config, path)
        result = self._change_config(name, lambda config: with_payload_index(config, path, schema))
        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            Evaluation(reader, snapshot.collection.answers, snapshot.view.space).index(index_key(path, schema))
        return result

    def delete_payload_index(self, name: str, path: str) -> models.UpdateResult:
        """Forget a declared index; one that is not there is no error."""
        return self._change_config(name, lambda config: with_payload_index(config, path, None))

    def facet(self, name: str, request: models.FacetRequest, timeout: float | None = None) -> models.FacetResponse:
        from minidb.collection.facets import facet

        with self.snapshot(name) as snapshot:

            def check(strict: StrictMode) -> None:
                strict.check_limit(10 if request.limit is None else request.limit)
                strict.check_read_filter(request.filter)
                strict.check_exact(request.exact)

            check_read(snapshot.collection, timeout, lambda: read_cost(request.filter), check)
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            return facet(reader, snapshot.collection.config.payload_schema, request)

    def collection_exists(self, name: str) -> bool:
        with self._read() as txn:
            return self._directory.catalog(txn).has(name)

    def collection_names(self) -> list[str]:
        with self._read() as txn:
            return sorted(self._directory.catalog(txn).collections)

    def info(self, name: str) -> models.CollectionInfo:
        from minidb.collection.info import collection_info

        with self.snapshot(name) as snapshot:
            busy = self._indexer.is_busy_with(snapshot.collection)
            return collection_info(PointReader(snapshot.collection, snapshot.view, snapshot.txn), busy)

    def memory(self, name: str) -> CollectionMemoryReport:
        """What a collection takes of disk and memory."""
        from minidb.collection.memory import memory_report

        with self.snapshot(name) as snapshot:
            return memory_report(PointReader(snapshot.collection, snapshot.view, snapshot.txn))

    def size_stats(self, name: str, *, with_bytes: bool) -> SizeStats:
        """The numbers of a collection that telemetry tells."""
        from minidb.collection.memory import size_stats

        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            return size_stats(reader, with_bytes=with_bytes)

    def index_values(self, name: str) -> dict[str, int]:
        """How many values each declared payload index has."""
        from minidb.collection.facets import n_values

        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            schemas = snapshot.collection.config.payload_schema.items()
            return {path: n_values(reader, path, schema) for path, schema in schemas}

    def wait_until_indexed(self, name: str, timeout: float | None = None) -> bool:
        """Until the collection is green: nothing left for the background indexer. False when the time was too short."""
        with self.snapshot(name) as snapshot:
            collection = snapshot.collection
        self._indexer.enqueue(collection)
        return self._indexer.wait(collection, timeout)

    # Aliases

    def change_aliases(self, actions: Sequence[models.AliasOperations]) -> bool:
        """All of the actions, in order, or none."""

        def work(txn: WriteTransaction, catalog: Catalog) -> None:
            for action in actions:
                catalog.change_alias(action)

        self.change_catalog(work)
        return True

    def aliases(self, name: str | None = None) -> list[models.AliasDescription]:
        """Aliases of one collection, or all, by name."""
        with self._read() as txn:
            catalog = self._directory.catalog(txn)
            if name is not None and name not in catalog.collections:
                raise catalog.missing(name, catalog.collections)
            return [
                models.AliasDescription(alias_name=alias, collection_name=target)
                for alias, target in sorted(catalog.aliases.items())
                if name is None or target == name
            ]

    def change_catalog(self, change: Callable[[WriteTransaction, Catalog], T]) -> T:
        """Run `change` in a write transaction, on a catalog that is stored with it."""

        def work(txn: WriteTransaction) -> T:
            catalog = Catalog.read(txn)
            result = change(txn, catalog)
            catalog.write(txn)
            return result

        return self._write(work)

    # Writes

    def update(
        self,
        name: str,
        requests: Sequence[models.UpdateOperation],
        context: InferenceContext | None = None,
        note: Callable[[WriteTransaction, Collection, list[int]], None] | None = None,
    ) -> list[models.UpdateResult]:
        """Run operations in order, each under its own number; when one fails, those before it stay.

        All are checked and all inference is done before the first is written.

        Args:
            note: run in the same transaction with the operations' numbers; part of it whole or not at all.
        """
        fields, asked = self._checked_fields(name, requests, context)
        resolved = self._inference.resolve(list(requests), operation="update", context=context)
        while True:
            steps = [operations.prepare(request, fields, self._select) for request in resolved]
            try:
                numbers, error = self._write(partial(self._apply, name, asked, steps, note))
            except _ConfigChanged:
                fields, asked = self._checked_fields(name, (), None)
                continue
            if error is not None:
                raise error
            return [
                models.UpdateResult(operation_id=number, status=models.UpdateStatus.COMPLETED) for number in numbers
            ]

    def _apply(
        self,
        name: str,
        asked: tuple[int, int],
        steps: list[operations.Step],
        note: Callable[[WriteTransaction, Collection, list[int]], None] | None,
        txn: WriteTransaction,
    ) -> tuple[list[int], MinidbError | None]:
        collection = self._directory.find(name, txn)
        numbers: list[int] = []

        def run(step: operations.Step, draft: Draft) -> MinidbError | None:
            if (collection.number, draft.view.config_version) != asked:
                raise _ConfigChanged
            return step(draft)

        for step in steps:
            error, number = collection.write(txn, partial(run, step))
            numbers.append(number)
            if error is not None:
                return numbers, error
        if note is not None:
            note(txn, collection, numbers)
        txn.on_commit(lambda: self._indexer.notice(collection))
        return numbers, None

    def remember(self, name: str, work: Callable[[WriteTransaction, Collection], T]) -> T:
        """Run `work` in a write transaction: for what is kept of a collection beside its points."""
        return self._write(lambda txn: work(txn, self._directory.find(name, txn)))

    def _select(self, draft: Draft, filter: models.Filter) -> list[tuple[PointId, int]]:
        """Points a write's filter selects, in the order of ids."""
        collection = draft.collection
        published = collection.published[0]
        is_committed = (draft.view.space, draft.view.seq) == (published.space, published.seq)
        answers = collection.answers if is_committed else collection.answers.copied()
        reader = PointReader(collection, draft.view, draft.txn, answers)
        rows = reader.matching(filter)
        assert rows is not None
        rows = rows[draft.view.id_order(rows)]
        return [(reader.record(row).id, row) for row in rows.tolist()]

    # Reads

    def retrieve(
        self,
        name: str,
        ids: Iterable[object],
        with_payload: object,
        with_vectors: object,
        timeout: float | None = None,
    ) -> list[models.Record]:
        """Points by id, in the order asked for, each once; ids that are not there are left out."""
        wanted = dict.fromkeys(models.normalize_id(point_id) for point_id in ids)
        with self.snapshot(name) as snapshot:
            check_read(snapshot.collection, timeout, lambda: len(wanted))
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            rows = [row for row in map(reader.row_of, wanted) if row is not None]
            return reader.records(rows, with_payload, with_vectors)

    def scroll(
        self, name: str, request: models.ScrollRequest, timeout: float | None = None
    ) -> tuple[list[models.Record], PointId | None]:
        offset = models.normalize_id(request.offset) if request.offset is not None else None
        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            limit = 10 if request.limit is None else request.limit

            def check(strict: StrictMode) -> None:
                strict.check_limit(limit)
                strict.check_read_filter(request.filter)

            check_read(snapshot.collection, timeout, lambda: read_cost(request.filter), check)
            if request.order_by is not None:
                from minidb.query.order_by import scroll_ordered

                return scroll_ordered(reader, request), None
            rows, next_offset = reader.scroll(reader.matching(request.filter), offset, limit)
            return reader.records(rows.tolist(), request.with_payload, request.with_vector), next_offset

    def count(self, name: str, request: models.CountRequest, timeout: float | None = None) -> int:
        """How many points satisfy the filter; always exact."""
        with self.snapshot(name) as snapshot:

            def check(strict: StrictMode) -> None:
                strict.check_read_filter(request.filter)
                strict.check_exact(request.exact)

            check_read(snapshot.collection, timeout, lambda: read_cost(request.filter), check)
            rows = PointReader(snapshot.collection, snapshot.view, snapshot.txn).matching(request.filter)
            return snapshot.view.n_alive if rows is None else len(rows)

    def query(
        self, name: str, requests: Sequence[models.QueryRequest], context: InferenceContext | None = None
    ) -> list[models.QueryResponse]:
        """Answer queries on one snapshot, so that a batch sees one state; inference is done once for all of them."""
        return self._queried(name, requests, context, run_queries)

    def query_arrays(
        self, name: str, requests: Sequence[models.QueryRequest], context: InferenceContext | None = None
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """The same as arrays of ids and scores."""
        return self._queried(name, requests, context, run_arrays)

    def _queried(
        self,
        name: str,
        requests: Sequence[models.QueryRequest],
        context: InferenceContext | None,
        run: Callable[[Snapshot, Sequence[models.QueryRequest], Lookup], T],
    ) -> T:
        unchecked = True
        if contains(requests):
            with self.snapshot(name) as snapshot:
                self._check_queries(snapshot, requests, context)
            unchecked = False
            requests = self._inference.resolve(list(requests), operation="search", context=context)

        def answer(snapshot: Snapshot) -> T:
            if unchecked:
                self._check_queries(snapshot, requests, context)
            responses = run(snapshot, requests, self._lookup(snapshot))
            if not snapshot.collection.seen_by_indexer:  # after the answer: the two would wait for each other
                self._indexer.welcome(snapshot.collection)
            return responses

        return self._on_snapshot(name, answer)

    def query_groups(
        self, name: str, request: models.QueryGroupsRequest, context: InferenceContext | None = None
    ) -> models.GroupsResult:
        """Answer a query whose hits are grouped by a payload value."""
        from minidb.query.groups import run_groups

        resolved = self._inference.resolve(request, operation="search", context=context)

        def answer(snapshot: Snapshot) -> models.GroupsResult:
            timeout = None if context is None else context.timeout

            def check(strict: StrictMode) -> None:
                strict.check_grouping(request.group_by)
                strict.check_query(request, group_size=3 if request.group_size is None else request.group_size)

            check_queries(snapshot, [request], timeout, check)
            return run_groups(snapshot, resolved, self._lookup(snapshot))

        return self._on_snapshot(name, answer)

    def search_matrix(self, name: str, request: models.SearchMatrixRequest, timeout: float | None = None) -> Matrix:
        """The distances within a random sample of points."""
        from minidb.query.matrix import run_matrix

        with self.snapshot(name) as snapshot:

            def check(strict: StrictMode) -> None:
                strict.check_limit((request.limit or 3) * (request.sample or 10))
                strict.check_read_filter(request.filter)

            check_read(snapshot.collection, timeout, lambda: read_cost(request.filter), check)
            return run_matrix(snapshot, request)

    def point_map(
        self,
        name: str,
        using: str,
        filter: models.Filter | None,
        color_by: str | None,
        limit: int,
        timeout: float | None = None,
    ) -> PointMap:
        """A sample of points in two dimensions."""
        from minidb.query.projection import run_map

        with self.snapshot(name) as snapshot:
            check_read(
                snapshot.collection, timeout, lambda: read_cost(filter), lambda strict: strict.check_read_filter(filter)
            )
            return run_map(snapshot, using, filter, color_by, limit)

    def explain(self, name: str, request: models.QueryRequest, context: InferenceContext | None = None) -> Step:
        """Run a query and tell how it was answered."""
        resolved = self._inference.resolve(request, operation="search", context=context)

        def answer(snapshot: Snapshot) -> Step:
            self._check_queries(snapshot, [request], context)
            return explained_query(snapshot, resolved, self._lookup(snapshot))

        return self._on_snapshot(name, answer)

    @contextmanager
    def reading(self, name: str | None = None) -> Iterator[tuple[Catalog, dict[str, PointReader]]]:
        """Readers of a collection, or of all, by their real names, and the catalog: all of one commit."""
        while True:
            with self._read() as txn:
                catalog = self._directory.catalog(txn)
                names = sorted(catalog.collections) if name is None else [catalog.aliases.get(name, name)]
                views = [(collection := self._directory.find(each, txn), collection.catch_up(txn)) for each in names]
                if any(view is None for _, view in views):
                    continue
                yield catalog, {c.name: PointReader(c, view, txn) for c, view in views if view is not None}
                return

    def real_name(self, name: str) -> str:
        """The collection a name or alias means. Raises `NotFound`."""
        with self._read() as txn:
            catalog = self._directory.catalog(txn)
            catalog.number_of(name)
            return catalog.aliases.get(name, name)

    def meant_name(self, name: str) -> str:
        """The same for one that may not be there yet."""
        with self._read() as txn:
            return self._directory.catalog(txn).aliases.get(name, name)

    def snapshot(self, name: str) -> AbstractContextManager[Snapshot]:
        """`with database.snapshot(name) as snapshot:` gives a collection's view and read transaction of one commit."""
        return Taking(self._store, lambda txn: self._directory.find(name, txn))

    # The store as a whole

    @property
    def snapshots(self) -> Snapshots:
        """Making snapshots, and restoring from them."""
        if self._snapshots is None:
            from minidb.snapshots import Snapshots  # takes 20 ms to import, and few need it

            with self._lock:
                self._snapshots = self._snapshots or Snapshots(self, self._store)
        return self._snapshots

    def verify(self) -> VerifyReport:
        """Read all there is of the store, page by page and point by point, and tell what is damaged."""
        from minidb.maintenance import verify

        return verify(self, self._store)

    def compact(self) -> CompactReport:
        """Give back the room of what was deleted: rows of every collection, and of `data.mdb`."""
        from minidb.maintenance import compact

        self.check_writable()
        return compact(self, self._store)

    def identity(self) -> str:
        """What tells this store from any other, also from a copy of its files. Raises `Forbidden` when read-only."""
        from minidb.maintenance import identity

        self.check_writable()
        return identity(self._store)

    def quotas(self) -> models.QuotaConfig:
        """Limits on the machine's resources; kept and shown, enforced by nobody here."""
        with self._read() as txn:
            data = txn.get("meta", _QUOTAS)
        return models.QuotaConfig() if data is None else models.QuotaConfig.model_validate_json(data)

    def set_quotas(self, quotas: models.QuotaConfig) -> bool:
        self._write(lambda txn: txn.put("meta", _QUOTAS, quotas.model_dump_json().encode()))
        return True

    # Within

    def _checked_fields(
        self, name: str, requests: Sequence[models.UpdateOperation], context: InferenceContext | None
    ) -> tuple[dict[str, VectorField], tuple[int, int]]:
        """The collection's vectors, its number and its config's version, once strict mode has let the requests pass."""
        with self.snapshot(name) as snapshot:
            check_updates(snapshot, requests, None if context is None else context.timeout)
            view = snapshot.view
            return view.fields, (snapshot.collection.number, view.config_version)

    def _check_queries(
        self, snapshot: Snapshot, requests: Sequence[models.QueryRequest], context: InferenceContext | None
    ) -> None:
        def check(strict: StrictMode) -> None:
            strict.check_batch(len(requests))
            for request in requests:
                strict.check_query(request)

        check_queries(snapshot, requests, None if context is None else context.timeout, check)

    def _on_snapshot(self, name: str, answer: Callable[[Snapshot], T]) -> T:
        """`answer` on a snapshot, and again on a newer one when another collection it looks into has moved on."""
        try:
            with self.snapshot(name) as snapshot:
                return answer(snapshot)
        except _NewerCommit:
            return self._on_snapshot(name, answer)

    def _lookup(self, snapshot: Snapshot) -> Callable[[str], PointReader]:
        """Readers of other collections, of the same commit."""

        def reader_of(name: str) -> PointReader:
            try:
                collection = self._directory.find(name, snapshot.txn)
            except NotFound:
                raise NotFound(f"Collection {name} not found") from None
            view = collection.catch_up(snapshot.txn)
            if view is None:
                raise _NewerCommit
            return PointReader(collection, view, snapshot.txn)

        return reader_of

    def _change_config(self, name: str, change: Callable[[StoredConfig], StoredConfig]) -> models.UpdateResult:
        def work(txn: WriteTransaction) -> int:
            collection = self._directory.find(name, txn)
            stored = collection.staged_config(txn)
            config = change(stored)
            if config == stored:  # no change, but an operation with a number
                return collection.write(txn, lambda draft: None)[1]
            number = collection.replace_config(txn, config)
            txn.on_commit(lambda: self._indexer.welcome(collection))  # other settings may ask for another graph
            return number

        return models.UpdateResult(operation_id=self._write(work), status=models.UpdateStatus.COMPLETED)

    def _read(self) -> AbstractContextManager[ReadTransaction]:
        self._check_open()
        return self._store.read()

    def _write(self, work: Callable[[WriteTransaction], T]) -> T:
        self._check_open()
        self.check_writable()
        return self._store.write(work)

    def check_writable(self) -> None:
        """Raises `Forbidden` for a database that was opened read-only, `BadRequest` for a fork's copy of memory."""
        if self.read_only:
            raise Forbidden(f"{self.location} was opened with read_only=True")
        self._store.check_writable()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosed


class _NewerCommit(Exception):
    """A collection named in a query has published a commit newer than the query's snapshot: begin again."""


class _ConfigChanged(Exception):
    """The vectors, or the collection, are others than when a write was prepared: prepare it again."""


def _store_at(location: str | Path, durability: Durability, map_bytes: int | None, read_only: bool) -> Store:
    if location == MEMORY:
        if read_only:
            raise BadRequest("a store in memory begins empty: read_only=True is for a directory")
        return MemoryStore()
    from minidb.storage.registry import open_store  # lmdb is not needed for :memory:

    return open_store(Path(location), durability, map_bytes, read_only=read_only)


_open_databases: weakref.WeakSet[Database] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """A process that ends without closing: threads must not meet the end of the interpreter, and what is closed in
    order opens faster."""
    threads.closer.finish()
    for database in list(_open_databases):
        with suppress(MinidbError, OSError, MemoryError):
            database.close()
