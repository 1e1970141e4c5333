"""The part of the client about points: writing them, and reading by id, page, count and facet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidb import models
from minidb.client.arguments import (
    check_many,
    listed,
    request_of,
    selection,
    selector,
    upsert_operation,
)
from minidb.client.base import Base
from minidb.client.border import public
from minidb.client.upload import upload_collection, upload_points
from minidb.models.base import parse
from minidb.models.results import with_lists

if TYPE_CHECKING:
    from minidb.client import types


@public
class PointMethods(Base):
    """Part of `QdrantClient`."""

    # Writing points

    def upsert(
        self,
        collection_name: str,
        points: models.Batch | Sequence[models.PointStruct],
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        update_mode: types.UpdateMode | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Insert points or replace them whole.

        Args:
            points: `PointStruct`s, or a `Batch` of columns, whose vectors may be arrays `(n, d)`.
            update_filter: an existing point is replaced only if it satisfies this.
            update_mode: upsert (default), insert_only or update_only.

        Example:
            >>> point = models.PointStruct(id=3, vector=[0.6, 0.8], payload={"color": "red"})
            >>> client.upsert("docs", [point]).status.value
            'completed'
            >>> client.count("docs").count
            3
        """
        return self._update(collection_name, upsert_operation(points, update_filter, update_mode), timeout)

    def update_vectors(
        self,
        collection_name: str,
        points: Sequence[models.PointVectors],
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Replace the given named vectors of existing points, keep their others and their payload.

        Args:
            points: `PointVectors`.
            update_filter: only points that satisfy this are changed.
        """
        request = request_of(models.UpdateVectors, points=listed(points, "points"), update_filter=update_filter)
        return self._update(collection_name, models.UpdateVectorsOperation(update_vectors=request), timeout)

    def delete_vectors(
        self,
        collection_name: str,
        vectors: Sequence[str],
        points: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove the named vectors of the selected points.

        Args:
            vectors: their names; "" is the unnamed one.
            points: ids, or a `Filter` that selects them.
        """
        request = request_of(models.DeleteVectors, vector=listed(vectors, "vector names"), **selection(points))
        return self._update(collection_name, models.DeleteVectorsOperation(delete_vectors=request))

    def delete(
        self,
        collection_name: str,
        points_selector: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Delete points; ids that are not there are ignored.

        Args:
            points_selector: ids, or a `Filter` that selects them.

        Example:
            >>> red = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
            >>> client.delete("docs", models.Filter(must=[red])).status.value
            'completed'
            >>> client.count("docs").count
            1
        """
        return self._update(collection_name, models.DeleteOperation(delete=selector(points_selector)))

    def set_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: types.PointsSelector,
        key: str | None = None,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Merge keys into the payload of points.

        Args:
            payload: its keys replace those of the points, the others stay; None as a value removes a key.
            points: ids, or a `Filter` that selects them.
            key: a path: the keys go below it.

        Example:
            >>> client.set_payload("docs", {"year": 2026}, points=[1]).status.value
            'completed'
            >>> client.retrieve("docs", [1])[0].payload
            {'color': 'red', 'year': 2026}
        """
        request = request_of(models.SetPayload, payload=payload, key=key, **selection(points))
        return self._update(collection_name, models.SetPayloadOperation(set_payload=request))

    def overwrite_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Replace the payload of points whole.

        Args:
            points: ids, or a `Filter` that selects them.
        """
        request = request_of(models.SetPayload, payload=payload, **selection(points))
        return self._update(collection_name, models.OverwritePayloadOperation(overwrite_payload=request))

    def delete_payload(
        self,
        collection_name: str,
        keys: Sequence[str],
        points: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove payload paths of points.

        Args:
            keys: paths: "color", "author.name".
            points: ids, or a `Filter` that selects them.
        """
        request = request_of(models.DeletePayload, keys=listed(keys, "keys"), **selection(points))
        return self._update(collection_name, models.DeletePayloadOperation(delete_payload=request))

    def clear_payload(
        self,
        collection_name: str,
        points_selector: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove all payload of points.

        Args:
            points_selector: ids, or a `Filter` that selects them.
        """
        return self._update(collection_name, models.ClearPayloadOperation(clear_payload=selector(points_selector)))

    def batch_update_points(
        self,
        collection_name: str,
        update_operations: Sequence[models.UpdateOperation],
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> list[models.UpdateResult]:
        """Run operations in order. All are checked first; should one still fail, those before it stay.

        Args:
            update_operations: `UpsertOperation`, `DeleteOperation`, `SetPayloadOperation`, …
        """
        operations = parse(list[models.UpdateOperation], listed(update_operations, "operations"))
        return self._database.update(collection_name, operations, self._context(timeout))

    def upload_points(
        self,
        collection_name: str,
        points: Iterable[models.PointStruct],
        batch_size: int = 64,
        parallel: int = 1,
        method: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        update_mode: types.UpdateMode | None = None,
        *,
        show_progress: bool = False,
    ) -> None:
        """Upsert any number of points, read lazily from an iterable.

        Args:
            batch_size: points of one commit.
            parallel: no effect, as that of `method` and `max_retries`: nothing goes over a network.
            update_filter: as for `upsert`, as is `update_mode`.
            show_progress: draws a bar on stderr.
        """
        check_many(points, "points")
        upload_points(self, collection_name, points, batch_size, update_filter, update_mode, show_progress)

    def upload_collection(
        self,
        collection_name: str,
        vectors: types.Vectors,
        payload: Iterable[dict[str, Any]] | Mapping[str, Iterable[Any]] | None = None,
        ids: Iterable[types.PointId] | None = None,
        batch_size: int = 64,
        parallel: int = 1,
        method: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        update_mode: types.UpdateMode | None = None,
        *,
        show_progress: bool = False,
    ) -> None:
        """Upsert columns. Arrays go in without a Python object per point.

        Args:
            vectors: an array `(n, d)`, a dict of such by name, or an iterable of vectors.
            payload: one for each point; or columns by key, in which None is no value (minidb's own).
            ids: one for each point; random UUIDs by default.
            batch_size: points of one commit; of arrays, at least 8 MB.
            parallel: no effect, as that of `method` and `max_retries`: nothing goes over a network.
            update_filter: as for `upsert`, as is `update_mode`.
            show_progress: draws a bar on stderr.

        Example:
            >>> client.upload_collection("docs", numpy.eye(2), payload=[{"color": "red"}, {}], ids=[7, 8])
            >>> client.count("docs").count
            4
        """
        upload_collection(
            self, collection_name, vectors, payload, ids, batch_size, update_filter, update_mode, show_progress
        )

    # Reading points

    def retrieve(
        self,
        collection_name: str,
        ids: types.PointIds,
        with_payload: types.WithPayload = True,
        with_vectors: types.WithVectors = False,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> list[models.Record]:
        """Points by id, in the order asked for; missing ones are left out, repeated ones come once.

        Args:
            with_payload: whether, or which paths of it.
            with_vectors: whether, or the names of those wanted.

        Example:
            >>> [point.payload for point in client.retrieve("docs", [2, 99])]
            [{'color': 'blue'}]
        """
        request = request_of(
            models.PointRequest, ids=listed(ids, "ids"), with_payload=with_payload, with_vector=with_vectors
        )
        return with_lists(
            self._database.retrieve(collection_name, request.ids, request.with_payload, request.with_vector, timeout)
        )

    def scroll(
        self,
        collection_name: str,
        scroll_filter: models.Filter | None = None,
        limit: int = 10,
        order_by: types.OrderBy | None = None,
        offset: types.PointId | None = None,
        with_payload: types.WithPayload = True,
        with_vectors: types.WithVectors = False,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> tuple[list[models.Record], int | str | None]:
        """A page of points in the order of their ids, and the id the next page begins with.

        Args:
            limit: of the page.
            order_by: a payload path with an index, to order by that; there is no next page then.
            offset: the id this page begins with.
            with_payload: whether, or which paths of it.
            with_vectors: whether, or the names of those wanted.

        Returns:
            The points, and the next page's `offset`, None at the end.

        Example:
            >>> points, offset = client.scroll("docs", limit=1)
            >>> [point.id for point in points], offset
            ([1], 2)
            >>> [point.id for point in client.scroll("docs", offset=offset)[0]]
            [2]
        """
        request = request_of(
            models.ScrollRequest,
            filter=scroll_filter,
            limit=limit,
            order_by=order_by,
            offset=offset,
            with_payload=with_payload,
            with_vector=with_vectors,
        )
        points, next_offset = self._database.scroll(collection_name, request, timeout)
        return with_lists(points), next_offset

    def count(
        self,
        collection_name: str,
        count_filter: models.Filter | None = None,
        exact: bool = True,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.CountResult:
        """How many points satisfy the filter.

        Args:
            count_filter: all points by default.
            exact: no effect on the count, which is always exact; strict mode may refuse it.

        Example:
            >>> red = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
            >>> client.count("docs", models.Filter(must=[red])).count
            1
        """
        request = request_of(models.CountRequest, filter=count_filter, exact=exact)
        return models.CountResult(self._database.count(collection_name, request, timeout))

    def facet(
        self,
        collection_name: str,
        key: str,
        facet_filter: models.Filter | None = None,
        limit: int = 10,
        exact: bool = False,
        consistency: object = None,
        timeout: int | None = None,
        shard_key_selector: object = None,
    ) -> models.FacetResponse:
        """The most frequent values at a payload path; equal counts by value.

        Args:
            key: the path; it needs an index.
            facet_filter: of the points that are counted.
            limit: number of values.
            exact: no effect: counts are always exact.

        Example:
            >>> [(hit.value, hit.count) for hit in client.facet("docs", "color").hits]
            [('blue', 1), ('red', 1)]
        """
        request = request_of(models.FacetRequest, key=key, filter=facet_filter, limit=limit, exact=exact)
        return self._database.facet(collection_name, request, timeout)

    # Within

    def _update(
        self, collection_name: str, operation: models.UpdateOperation, timeout: float | None = None
    ) -> models.UpdateResult:
        return self._database.update(collection_name, [operation], self._context(timeout))[0]
