"""The part of the client about searching."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidb import models
from minidb.client.arguments import each_query, listed, matrix_request, query_request
from minidb.client.base import Base
from minidb.client.border import public
from minidb.models.base import parse
from minidb.models.results import with_lists
from minidb.trace import Step

if TYPE_CHECKING:
    from minidb.client import types
    from minidb.collection.export import PointArrays


@public
class SearchMethods(Base):
    """Part of `QdrantClient`."""

    def query_points(
        self,
        collection_name: str,
        query: types.Query | None = None,
        using: str | None = None,
        prefetch: types.Prefetch | None = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: types.WithPayload = True,
        with_vectors: types.WithVectors = False,
        score_threshold: float | None = None,
        lookup_from: models.LookupLocation | None = None,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.QueryResponse:
        """Search.

        Args:
            query: a vector (list, array, `SparseVector`, multivector), a point's id, an inference object, or a query
                object.
            using: name of the vector to search; the unnamed one by default.
            prefetch: queries whose results this query rescores or fuses.
            search_params: `exact`, `hnsw_ef`, `indexed_only`.
            score_threshold: only better scores than this.

        Returns:
            Hits, best first; equal scores in the order of ids.

        Example:
            >>> [(hit.id, hit.score) for hit in client.query_points("docs", [0.0, 1.0]).points]
            [(2, 1.0), (1, 0.0)]
            >>> red = models.FieldCondition(key="color", match=models.MatchValue(value="red"))
            >>> client.query_points("docs", [0.0, 1.0], query_filter=models.Filter(must=[red]), limit=1).points[0].id
            1
        """
        request = query_request(
            query, using, prefetch, query_filter, search_params, limit, offset, with_payload, with_vectors,
            score_threshold, lookup_from,
        )  # fmt: skip
        (response,) = self._database.query(collection_name, [request], self._context(timeout))
        with_lists(response.points)
        return response

    def explain(
        self,
        collection_name: str,
        query: types.Query | None = None,
        using: str | None = None,
        prefetch: types.Prefetch | None = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: types.WithPayload = True,
        with_vectors: types.WithVectors = False,
        score_threshold: float | None = None,
        lookup_from: models.LookupLocation | None = None,
    ) -> Step:
        """minidb's own: run a search and tell how it was answered; arguments as for `query_points`.

        Returns:
            A tree of steps, readable when printed: how each filter clause was answered and by how many rows, whether
            vectors were scanned or walked to by the graph, how many candidates there were, microseconds per step.
        """
        request = query_request(
            query, using, prefetch, query_filter, search_params, limit, offset, with_payload, with_vectors,
            score_threshold, lookup_from,
        )  # fmt: skip
        return self._database.explain(collection_name, request, self._context(None))

    def query_batch_points(
        self,
        collection_name: str,
        requests: Sequence[models.QueryRequest],
        consistency: object = None,
        timeout: int | None = None,
    ) -> list[models.QueryResponse]:
        """Several searches of one state of the collection; inference and filters they share are done once.

        Args:
            requests: `QueryRequest`s, whose fields are the arguments of `query_points`.

        Returns:
            A response for each, in their order.
        """
        batch = parse(models.QueryRequestBatch, {"searches": listed(requests, "requests")})
        responses = self._database.query(collection_name, batch.searches, self._context(timeout))
        for response in responses:
            with_lists(response.points)
        return responses

    def query_arrays(
        self,
        collection_name: str,
        queries: types.Array | types.SparseMatrix | Sequence[types.Query],
        using: str | None = None,
        limit: int = 10,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        timeout: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """minidb's own: many searches of one state of the collection, told as arrays.

        Args:
            queries: an array `(q, d)`, or for a sparse vector a scipy CSR matrix of q rows, or a sequence of anything
                `query_points` takes.

        Returns:
            Ids and scores, both `(q, limit)`, those of `query_batch_points`. Ids are uint64, or objects in a collection
            that has UUIDs. Where there are fewer hits, scores are NaN and ids 2**64 - 1, or None.
        """
        requests = [
            query_request(query, using, None, query_filter, search_params, limit, None, False, False, None, None)
            for query in each_query(queries)
        ]
        return self._database.query_arrays(collection_name, requests, self._context(timeout))

    def export_arrays(
        self,
        collection_name: str,
        using: str | None = None,
        payload: Sequence[str] = (),
        query_filter: models.Filter | None = None,
        timeout: int | None = None,
    ) -> PointArrays:
        """minidb's own: one vector of every point, and columns of payload, as arrays of one state of the collection.

        Args:
            using: name of the vector; the unnamed one by default. Points without it are left out.
            payload: keys wanted, of the payload's first level.
            query_filter: only points that satisfy it.

        Returns:
            `ids`, `vectors` and `payload`, in the order of ids; `upload_collection` takes them back.
        """
        keys = listed(payload, "keys")
        filter = None if query_filter is None else parse(models.Filter, query_filter)
        return self._database.export_arrays(collection_name, using, keys, filter, timeout)

    def query_points_groups(
        self,
        collection_name: str,
        group_by: str,
        query: types.Query | None = None,
        using: str | None = None,
        prefetch: types.Prefetch | None = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        group_size: int = 3,
        with_payload: types.WithPayload = True,
        with_vectors: types.WithVectors = False,
        score_threshold: float | None = None,
        with_lookup: types.WithLookup | None = None,
        lookup_from: models.LookupLocation | None = None,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.GroupsResult:
        """Search, and group the hits by the payload value at `group_by`: strings and integers make groups.

        Args:
            limit: number of groups.
            group_size: most hits in one group.
            with_lookup: a collection (or `WithLookup`) whose points with the groups' values for ids come along.

        Returns:
            The group with the best hit first; other arguments and the order of hits as for `query_points`.

        Example:
            >>> groups = client.query_points_groups("docs", "color", [0.0, 1.0], group_size=1).groups
            >>> [(group.id, group.hits[0].id) for group in groups]
            [('blue', 2), ('red', 1)]
        """
        request = parse(
            models.QueryGroupsRequest,
            {
                "group_by": group_by,
                "query": query,
                "using": using,
                "prefetch": prefetch,
                "filter": query_filter,
                "params": search_params,
                "limit": limit,
                "group_size": group_size,
                "with_payload": with_payload,
                "with_vector": with_vectors,
                "score_threshold": score_threshold,
                "with_lookup": with_lookup,
                "lookup_from": lookup_from,
            },
        )
        found = self._database.query_groups(collection_name, request, self._context(timeout))
        for group in found.groups:
            with_lists(group.hits)
            if group.lookup is not None:
                with_lists([group.lookup])
        return found

    def search_matrix_pairs(
        self,
        collection_name: str,
        query_filter: models.Filter | None = None,
        limit: int = 3,
        sample: int = 10,
        using: str | None = None,
        consistency: object = None,
        timeout: int | None = None,
        shard_key_selector: object = None,
    ) -> models.SearchMatrixPairsResponse:
        """For each of some random points its nearest among them.

        Args:
            query_filter: of the points to draw from.
            limit: number of nearest ones.
            sample: number of random points.
            using: name of the vector to compare; the unnamed one by default.

        Returns:
            Pairs of ids, with their scores.
        """
        request = matrix_request(query_filter, limit, sample, using)
        return self._database.search_matrix(collection_name, request, timeout).as_pairs()

    def search_matrix_offsets(
        self,
        collection_name: str,
        query_filter: models.Filter | None = None,
        limit: int = 3,
        sample: int = 10,
        using: str | None = None,
        consistency: object = None,
        timeout: int | None = None,
        shard_key_selector: object = None,
    ) -> models.SearchMatrixOffsetsResponse:
        """`search_matrix_pairs` as a sparse matrix in coordinate form: rows and columns are positions in `ids`."""
        request = matrix_request(query_filter, limit, sample, using)
        return self._database.search_matrix(collection_name, request, timeout).as_offsets()
