"""The one engine behind every door: opens a store, finds collections by name, and runs requests on them.

A request comes in as models, gets its inference objects resolved, and goes to a collection's write or read path. Doors
only translate their callers' form into these methods. `opening` has the store, `configuration` the settings of
collections; here are points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.collection import operations
from minidb.collection.collection import Collection, Snapshot
from minidb.collection.draft import Draft
from minidb.collection.fields import VectorField
from minidb.collection.reads import PointReader
from minidb.collection.request_cost import read_cost
from minidb.collection.strict_mode import StrictMode, check_queries, check_read, check_updates
from minidb.configuration import Configuration
from minidb.errors import MinidbError, NotFound
from minidb.inference import InferenceContext, contains
from minidb.query.references import Lookup
from minidb.query.run import explained_query, run_arrays, run_queries
from minidb.storage.interface import WriteTransaction
from minidb.storage.records import PointId
from minidb.trace import Step

if TYPE_CHECKING:
    from minidb.collection.changes import LogPage
    from minidb.collection.eras import Position
    from minidb.collection.export import PointArrays
    from minidb.collection.verify import VerifyReport
    from minidb.maintenance import CompactReport
    from minidb.query.matrix import Matrix
    from minidb.query.projection import PointMap
    from minidb.snapshots import Snapshots

_QUOTAS = b"quotas"
T = TypeVar("T")


class Database(Configuration):
    """A store at a path, or in memory. Thread-safe; `close` is idempotent, and done for one that nobody holds.

    Args:
        read_only: writes are refused and nothing is written, also where another client of this process may write.
    """

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

    def vector_fields(self, name: str) -> dict[str, VectorField]:
        """What the points of a collection are encoded for as they are read; none where there is no such collection."""
        try:
            with self.snapshot(name) as snapshot:
                return snapshot.view.fields
        except NotFound:
            return {}

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
            self._on_snapshot(name, lambda snapshot: self._check_queries(snapshot, requests, context))
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

    def export_arrays(
        self, name: str, using: str | None, keys: Sequence[str], filter: models.Filter | None, timeout: float | None
    ) -> PointArrays:
        """Points as arrays, all of one state."""
        from minidb.collection.export import point_arrays

        with self.snapshot(name) as snapshot:
            check_read(
                snapshot.collection, timeout, lambda: read_cost(filter), lambda strict: strict.check_read_filter(filter)
            )
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            return point_arrays(reader, using, keys, filter)

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

            check_queries(snapshot, [request], timeout, check, self._lookup(snapshot))
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

    def changes(
        self,
        name: str,
        since: tuple[str, Position] | None,
        limit: int,
        without: Sequence[tuple[str, int, int]],
        timeout: float | None = None,
    ) -> LogPage:
        """A page of what has changed in a collection.

        Args:
            since: a log's name, and a position in it.
            limit: most points and deletions.
            without: operations whose writes and deletions are left out: the log's name when they were written, the
                first, and the last.

        Raises:
            Forbidden: nothing is known of deletions, and the store may not be written.
        """
        from minidb.collection.changes import log_page
        from minidb.identity import known_log, name_log

        while True:
            with self.snapshot(name) as snapshot:
                check_read(snapshot.collection, timeout, lambda: 1, lambda strict: strict.check_limit(limit))
                log = known_log(snapshot.txn, snapshot.collection)
                if log is not None:
                    reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
                    return log_page(reader, log, since, limit, log.shared(without))
            self.remember(name, name_log)  # not while there is a snapshot: a writer in memory waits for its end

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
        from minidb.identity import identity

        self.check_writable()
        return identity(self._store)

    def is_same_store(self, other: Database) -> bool:
        """Whether both have one store open, and not two of one identity, as copies of a whole disk are."""
        return self._store is other._store

    def renew_identity(self) -> None:
        """Be a store of its own, whatever it is a copy of."""
        from minidb.identity import renew_identity

        self.check_writable()
        renew_identity(self._store)

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

        timeout = None if context is None else context.timeout
        check_queries(snapshot, requests, timeout, check, self._lookup(snapshot))

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


class _NewerCommit(Exception):
    """A collection named in a query has published a commit newer than the query's snapshot: begin again."""


class _ConfigChanged(Exception):
    """The vectors, or the collection, are others than when a write was prepared: prepare it again."""
