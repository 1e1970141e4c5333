"""The client door: `QdrantClient`, with the method names, arguments and results of qdrant-client's.

It turns arguments into request models and calls the `Database`; no logic lives here. Arguments that steer a cluster
(`consistency`, `ordering`, `shard_key_selector`) are accepted and have no effect on one machine; `wait=False` too
waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from minidb import models
from minidb.address import SCHEMES, address_of, database_at
from minidb.database import MEMORY, Database
from minidb.errors import BadRequest
from minidb.inference import ImageRules, InferenceContext, get_embedding_size, settings_of
from minidb.models.base import parse
from minidb.service_client import ServiceClient
from minidb.storage.interface import Durability
from minidb.trace import Step
from minidb.upload import upload_collection, upload_points

PointsSelector = Any
"""Ids, a `Filter`, a `PointIdsList` or a `FilterSelector`."""


class QdrantClient(ServiceClient):
    """A vector database in this process.

    Args:
        location: a directory, created when it is not there, ":memory:" (the default) for a store that ends with the
            client, or a URL.
        url: the address of a server, as qdrant-client takes it. minidb connects to nothing: all clients of an address
            share a store in memory, inside `minidb.intercept` that of the block, else one that stays as long as the
            process. Its options are those of the client that came first.
        port: part of the address.
        grpc_port: no effect, as that of `prefer_grpc`, `force_disable_check_same_thread`, `grpc_options`,
            `auth_token_provider`, `check_compatibility` and `pool_size`.
        https: part of the address.
        api_key: accepted and kept nowhere; with one, an address without a scheme is of https.
        prefix: part of the address.
        timeout: seconds the inference of one call may take; None for no limit.
        host: the address by host name.
        path: the directory, by qdrant-client's name for it.
        cloud_inference: False (default): local models and providers are asked from here. True: the inference service at
            `inference_url`, which speaks Qdrant's protocol, makes all vectors but those of built-in models; with an
            address and no `inference_url`, whoever answers for the address does, which is here.
        local_inference_batch_size: inputs a local model (fastembed) gets at once; 8 by default.
        headers: sent along with every call; provider keys among them (`openai-api-key`, …) reach only their provider.
        durability: "full" (default): every acknowledged write survives a power cut. "normal": the store is never
            corrupt, but the last write may be lost to a power cut. "off": for tests; survives a crash of the process,
            not of the machine.
        inference_url: the address of an inference service.
        inference_token: sent to it with every request.
        embedding_cache_bytes: size of a cache of embeddings in the store, where equal inputs are found again after a
            restart, too; it holds neither inputs nor keys. None (default) for no cache.
        image_rules: limits for images decoded here, for local models; see `minidb.inference.ImageRules`.

    Raises:
        BadRequest: (a ValueError) arguments that contradict each other, or an address that is none.

    Any number of threads may share a client, any number of processes may open one path.
    """

    def __init__(
        self,
        location: str | Path | None = None,
        url: str | None = None,
        port: int | None = 6333,
        grpc_port: int = 6334,
        prefer_grpc: bool = False,
        https: bool | None = None,
        api_key: str | None = None,
        prefix: str | None = None,
        timeout: float | None = None,
        host: str | None = None,
        path: str | Path | None = None,
        force_disable_check_same_thread: bool = False,
        grpc_options: Mapping[str, Any] | None = None,
        auth_token_provider: Callable[[], str] | Callable[[], Awaitable[str]] | None = None,
        cloud_inference: bool = False,
        local_inference_batch_size: int | None = None,
        check_compatibility: bool = True,
        pool_size: int | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        durability: Durability = "full",
        inference_url: str | None = None,
        inference_token: str | None = None,
        embedding_cache_bytes: int | None = None,
        image_rules: ImageRules | None = None,
    ) -> None:
        if sum(given is not None for given in (location, url, host, path)) > 1:
            raise BadRequest("Only one of <location>, <url>, <host> or <path> should be specified.")
        if durability not in ("full", "normal", "off"):
            raise BadRequest(f"durability must be 'full', 'normal' or 'off', got {durability!r}")
        if isinstance(location, str) and location.startswith(SCHEMES):
            location, url = None, location
        has_address = url is not None or host is not None
        inference = settings_of(
            cloud_inference=cloud_inference and not (has_address and inference_url is None),
            inference_url=inference_url,
            inference_token=inference_token,
            local_inference_batch_size=local_inference_batch_size,
            embedding_cache_bytes=embedding_cache_bytes,
            images=image_rules,
        )
        self._owns_database = not has_address
        if has_address:
            self._database = database_at(address_of(url, host, port, https, prefix, api_key), inference)
        else:
            where = next((given for given in (location, path) if given is not None), MEMORY)
            self._database = Database(where, durability, inference=inference)
        self._timeout = timeout
        self._headers = dict(headers or {})

    def __enter__(self) -> QdrantClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._database.location!r})"

    def close(self, grpc_grace: float | None = None) -> None:
        """Let go of the store; further calls raise `StoreClosed`. Safe to call again."""
        if not self._owns_database:  # others go on with the store of the address
            self._database, self._owns_database = Database(MEMORY), True
        self._database.close()

    # Inference

    def get_embedding_size(self, model_name: str) -> int:
        """Dimensions of the vectors of a local model (fastembed, `minidb/hash-N`): what `VectorParams(size=…)` wants.

        Raises `InferenceError`, a ValueError, for models whose vectors are sparse and for unknown ones.
        """
        return get_embedding_size(model_name)

    # Collections

    def create_collection(
        self,
        collection_name: str,
        vectors_config: models.VectorParams | Mapping[str, models.VectorParams] | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams] | None = None,
        shard_number: int | None = None,
        sharding_method: models.ShardingMethod | None = None,
        replication_factor: int | None = None,
        write_consistency_factor: int | None = None,
        on_disk_payload: bool | None = None,
        hnsw_config: models.HnswConfigDiff | None = None,
        optimizers_config: models.OptimizersConfigDiff | None = None,
        wal_config: models.WalConfigDiff | None = None,
        quantization_config: models.QuantizationConfig | None = None,
        timeout: int | None = None,
        strict_mode_config: models.StrictModeConfig | None = None,
        metadata: dict[str, Any] | None = None,
        payload: models.PayloadStorageParams | None = None,
        id_tracker: models.IdTrackerParams | None = None,
    ) -> bool:
        """Create a collection. Raises `AlreadyExists` (409), `ValidationError` (422) for names and settings."""
        request = _request(
            models.CreateCollection,
            vectors=_plain_dict(vectors_config),
            sparse_vectors=_plain_dict(sparse_vectors_config),
            shard_number=shard_number,
            sharding_method=sharding_method,
            replication_factor=replication_factor,
            write_consistency_factor=write_consistency_factor,
            on_disk_payload=on_disk_payload,
            hnsw_config=hnsw_config,
            optimizers_config=optimizers_config,
            wal_config=wal_config,
            quantization_config=quantization_config,
            strict_mode_config=strict_mode_config,
            metadata=metadata,
            payload=payload,
            id_tracker=id_tracker,
        )
        return self._database.create_collection(collection_name, request)

    def recreate_collection(
        self,
        collection_name: str,
        vectors_config: models.VectorParams | Mapping[str, models.VectorParams] | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams] | None = None,
        shard_number: int | None = None,
        sharding_method: models.ShardingMethod | None = None,
        replication_factor: int | None = None,
        write_consistency_factor: int | None = None,
        on_disk_payload: bool | None = None,
        hnsw_config: models.HnswConfigDiff | None = None,
        optimizers_config: models.OptimizersConfigDiff | None = None,
        wal_config: models.WalConfigDiff | None = None,
        quantization_config: models.QuantizationConfig | None = None,
        timeout: int | None = None,
        strict_mode_config: models.StrictModeConfig | None = None,
        metadata: dict[str, Any] | None = None,
        payload: models.PayloadStorageParams | None = None,
        id_tracker: models.IdTrackerParams | None = None,
    ) -> bool:
        """Delete the collection if it is there and create it anew; arguments as for `create_collection`."""
        self.delete_collection(collection_name)
        return self.create_collection(
            collection_name,
            vectors_config,
            sparse_vectors_config,
            shard_number,
            sharding_method,
            replication_factor,
            write_consistency_factor,
            on_disk_payload,
            hnsw_config,
            optimizers_config,
            wal_config,
            quantization_config,
            timeout,
            strict_mode_config,
            metadata,
            payload,
            id_tracker,
        )

    def update_collection(
        self,
        collection_name: str,
        optimizers_config: models.OptimizersConfigDiff | None = None,
        collection_params: models.CollectionParamsDiff | None = None,
        vectors_config: Mapping[str, models.VectorParamsDiff] | None = None,
        hnsw_config: models.HnswConfigDiff | None = None,
        quantization_config: models.QuantizationConfigDiff | None = None,
        timeout: int | None = None,
        sparse_vectors_config: Mapping[str, models.SparseVectorParams] | None = None,
        strict_mode_config: models.StrictModeConfig | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> bool:
        """Change the settings given, keep the others; null in `metadata` removes a key."""
        request = _request(
            models.UpdateCollection,
            optimizers_config=optimizers_config,
            params=collection_params,
            vectors=_plain_dict(vectors_config),
            hnsw_config=hnsw_config,
            quantization_config=quantization_config,
            sparse_vectors=_plain_dict(sparse_vectors_config),
            strict_mode_config=strict_mode_config,
            metadata=metadata,
        )
        return self._database.update_collection(collection_name, request)

    def delete_collection(self, collection_name: str, timeout: int | None = None) -> bool:
        """Delete a collection and its aliases; False when there was none."""
        return self._database.delete_collection(collection_name)

    def collection_exists(self, collection_name: str) -> bool:
        """Whether a collection or alias of that name is there."""
        return self._database.collection_exists(collection_name)

    def get_collections(self) -> models.CollectionsResponse:
        """All collections, by name."""
        names = self._database.collection_names()
        return models.CollectionsResponse(collections=[models.CollectionDescription(name=name) for name in names])

    def get_collection(self, collection_name: str) -> models.CollectionInfo:
        """State, size and settings of a collection."""
        return self._database.info(collection_name)

    def create_vector_name(
        self,
        collection_name: str,
        vector_name: str,
        vector_name_config: models.VectorNameConfig,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Add a named vector to a live collection; points get it by `update_vectors` or `upsert`."""
        config = parse(models.VectorNameConfig, vector_name_config)
        return self._database.create_vector_name(collection_name, vector_name, config)

    def delete_vector_name(
        self,
        collection_name: str,
        vector_name: str,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove a named vector from a collection and all its points."""
        return self._database.delete_vector_name(collection_name, vector_name)

    def wait_until_indexed(self, collection_name: str, timeout: float | None = None) -> bool:
        """minidb's own: wait until background indexing is done; False when `timeout` seconds were not enough."""
        return self._database.wait_until_indexed(collection_name, timeout)

    # Payload indexes

    def create_payload_index(
        self,
        collection_name: str,
        field_name: str,
        field_schema: Any = None,
        field_type: Any = None,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Index a payload field: keyword, integer, float, bool, datetime, uuid, geo or text, or their params.

        Filters give the same points without; a text index also decides how text conditions cut and compare words.
        """
        schema = field_schema if field_schema is not None else field_type
        return self._database.create_payload_index(collection_name, field_name, schema)

    def delete_payload_index(
        self,
        collection_name: str,
        field_name: str,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Drop a payload index."""
        return self._database.delete_payload_index(collection_name, field_name)

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
        """The most frequent values at an indexed payload path, with exact counts; equal counts by value."""
        request = _request(models.FacetRequest, key=key, filter=facet_filter, limit=limit, exact=exact)
        return self._database.facet(collection_name, request, timeout)

    # Aliases

    def update_collection_aliases(
        self, change_aliases_operations: Sequence[models.AliasOperations], timeout: int | None = None
    ) -> bool:
        """Create, delete and rename aliases: all of them, or none when one fails."""
        return self._database.change_aliases(parse(list[models.AliasOperations], list(change_aliases_operations)))

    def get_collection_aliases(self, collection_name: str) -> models.CollectionsAliasesResponse:
        """The aliases of one collection."""
        return models.CollectionsAliasesResponse(aliases=self._database.aliases(collection_name))

    def get_aliases(self) -> models.CollectionsAliasesResponse:
        """All aliases."""
        return models.CollectionsAliasesResponse(aliases=self._database.aliases())

    # Writing points

    def upsert(
        self,
        collection_name: str,
        points: models.Batch | Sequence[models.PointStruct],
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        update_mode: models.UpdateMode | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Insert points or replace them whole.

        Args:
            points: `PointStruct`s, or a `Batch` of columns, whose vectors may be arrays `(n, d)`.
            update_filter: an existing point is replaced only if it satisfies this.
            update_mode: upsert (default), insert_only or update_only.
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
        """Replace the given named vectors of existing points, keep their others and their payload."""
        request = _request(models.UpdateVectors, points=list(points), update_filter=update_filter)
        return self._update(collection_name, models.UpdateVectorsOperation(update_vectors=request), timeout)

    def delete_vectors(
        self,
        collection_name: str,
        vectors: Sequence[str],
        points: PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove the named vectors of the selected points."""
        request = _request(models.DeleteVectors, vector=list(vectors), **_selection(points))
        return self._update(collection_name, models.DeleteVectorsOperation(delete_vectors=request))

    def delete(
        self,
        collection_name: str,
        points_selector: PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Delete points by ids or by filter; ids that are not there are ignored."""
        return self._update(collection_name, models.DeleteOperation(delete=_selector(points_selector)))

    def set_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: PointsSelector,
        key: str | None = None,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Merge keys into the payload of points (null removes one); with `key`, below that path."""
        request = _request(models.SetPayload, payload=payload, key=key, **_selection(points))
        return self._update(collection_name, models.SetPayloadOperation(set_payload=request))

    def overwrite_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Replace the payload of points whole."""
        request = _request(models.SetPayload, payload=payload, **_selection(points))
        return self._update(collection_name, models.OverwritePayloadOperation(overwrite_payload=request))

    def delete_payload(
        self,
        collection_name: str,
        keys: Sequence[str],
        points: PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove payload paths of points."""
        request = _request(models.DeletePayload, keys=list(keys), **_selection(points))
        return self._update(collection_name, models.DeletePayloadOperation(delete_payload=request))

    def clear_payload(
        self,
        collection_name: str,
        points_selector: PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Remove all payload of points."""
        return self._update(collection_name, models.ClearPayloadOperation(clear_payload=_selector(points_selector)))

    def batch_update_points(
        self,
        collection_name: str,
        update_operations: Sequence[models.UpdateOperation],
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> list[models.UpdateResult]:
        """Run operations in order. All are checked first; should one still fail, those before it stay."""
        operations = parse(list[models.UpdateOperation], list(update_operations))
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
        update_mode: models.UpdateMode | None = None,
        *,
        show_progress: bool = False,
    ) -> None:
        """Upsert any number of points, read lazily from an iterable; `show_progress` draws a bar on stderr."""
        upload_points(self, collection_name, points, batch_size, update_filter, update_mode, show_progress)

    def upload_collection(
        self,
        collection_name: str,
        vectors: Any,
        payload: Iterable[dict[str, Any]] | None = None,
        ids: Iterable[Any] | None = None,
        batch_size: int = 64,
        parallel: int = 1,
        method: str | None = None,
        max_retries: int = 3,
        wait: bool = False,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        update_mode: models.UpdateMode | None = None,
        *,
        show_progress: bool = False,
    ) -> None:
        """Upsert columns: `vectors` is an array `(n, d)`, a dict of such by name, or an iterable of vectors.

        Arrays go in without a Python object per point. Without `ids` each point gets a random UUID, as with qdrant-
        client.
        """
        upload_collection(
            self, collection_name, vectors, payload, ids, batch_size, update_filter, update_mode, show_progress
        )

    # Reading points

    def retrieve(
        self,
        collection_name: str,
        ids: Sequence[Any],
        with_payload: Any = True,
        with_vectors: Any = False,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> list[models.Record]:
        """Points by id, in the order asked for; missing ones are left out, repeated ones come once."""
        request = _request(models.PointRequest, ids=list(ids), with_payload=with_payload, with_vector=with_vectors)
        return self._database.retrieve(collection_name, request.ids, request.with_payload, request.with_vector, timeout)

    def scroll(
        self,
        collection_name: str,
        scroll_filter: models.Filter | None = None,
        limit: int = 10,
        order_by: Any = None,
        offset: Any = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> tuple[list[models.Record], Any]:
        """A page of points in the order of their ids, and the id the next page begins with (None at the end)."""
        request = _request(
            models.ScrollRequest,
            filter=scroll_filter,
            limit=limit,
            order_by=order_by,
            offset=offset,
            with_payload=with_payload,
            with_vector=with_vectors,
        )
        return self._database.scroll(collection_name, request, timeout)

    def count(
        self,
        collection_name: str,
        count_filter: models.Filter | None = None,
        exact: bool = True,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.CountResult:
        """How many points satisfy the filter; always exact."""
        request = _request(models.CountRequest, filter=count_filter, exact=exact)
        return models.CountResult(self._database.count(collection_name, request.filter, timeout))

    def query_points(
        self,
        collection_name: str,
        query: Any = None,
        using: str | None = None,
        prefetch: Any = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: Any = True,
        with_vectors: Any = False,
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
        """
        request = _query_request(
            query, using, prefetch, query_filter, search_params, limit, offset, with_payload, with_vectors,
            score_threshold, lookup_from,
        )  # fmt: skip
        return self._database.query(collection_name, [request], self._context(timeout))[0]

    def explain(
        self,
        collection_name: str,
        query: Any = None,
        using: str | None = None,
        prefetch: Any = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        offset: int | None = None,
        with_payload: Any = True,
        with_vectors: Any = False,
        score_threshold: float | None = None,
        lookup_from: models.LookupLocation | None = None,
    ) -> Step:
        """minidb's own: run a search and tell how it was answered.

        Returns:
            A tree of steps, readable when printed: how each filter clause was answered and by how many rows, whether
            vectors were scanned or walked to by the graph, how many candidates there were, microseconds per step.
        """
        request = _query_request(
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
        """Several searches of one state of the collection; inference and filters they share are done once."""
        parsed = parse(list[models.QueryRequest], list(requests), prefix="internal.")
        return self._database.query(collection_name, parsed, self._context(timeout))

    def query_points_groups(
        self,
        collection_name: str,
        group_by: str,
        query: Any = None,
        using: str | None = None,
        prefetch: Any = None,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        limit: int = 10,
        group_size: int = 3,
        with_payload: Any = True,
        with_vectors: Any = False,
        score_threshold: float | None = None,
        with_lookup: Any = None,
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
            prefix="internal.",
        )
        return self._database.query_groups(collection_name, request, self._context(timeout))

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
        """For each of `sample` random points its `limit` nearest among them, as pairs of ids with scores."""
        request = _matrix_request(query_filter, limit, sample, using)
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
        """The same as a sparse matrix in coordinate form."""
        request = _matrix_request(query_filter, limit, sample, using)
        return self._database.search_matrix(collection_name, request, timeout).as_offsets()

    # Within

    def _update(
        self, collection_name: str, operation: models.UpdateOperation, timeout: float | None = None
    ) -> models.UpdateResult:
        return self._database.update(collection_name, [operation], self._context(timeout))[0]

    def _context(self, timeout: float | None) -> InferenceContext | None:
        limit = self._timeout if timeout is None else timeout
        if limit is None and not self._headers:
            return None
        return InferenceContext(limit, self._headers)


def _query_request(
    query: Any,
    using: str | None,
    prefetch: Any,
    filter: Any,
    params: Any,
    limit: int,
    offset: int | None,
    with_payload: Any,
    with_vector: Any,
    score_threshold: float | None,
    lookup_from: Any,
) -> models.QueryRequest:
    fields = {
        "query": query,
        "using": using,
        "prefetch": prefetch,
        "filter": filter,
        "params": params,
        "limit": limit,
        "offset": offset,
        "with_payload": with_payload,
        "with_vector": with_vector,
        "score_threshold": score_threshold,
        "lookup_from": lookup_from,
    }
    return parse(models.QueryRequest, fields, prefix="internal.")


def upsert_operation(points: Any, update_filter: Any, update_mode: Any) -> models.UpsertOperation:
    """An upsert of points or of a columnar batch, as an operation."""
    if isinstance(points, Mapping) or hasattr(points, "vectors"):
        body: Any = models.PointsBatch
        content: dict[str, Any] = {"batch": points}
    else:
        body, content = models.PointsList, {"points": list(points)}
    return models.UpsertOperation(
        upsert=_request(body, **content, update_filter=update_filter, update_mode=update_mode)
    )


def _request(type_: Any, **fields: Any) -> Any:
    return parse(type_, fields)


def _matrix_request(filter: Any, limit: int, sample: int, using: str | None) -> models.SearchMatrixRequest:
    fields = {"filter": filter, "limit": limit, "sample": sample, "using": using}
    return parse(models.SearchMatrixRequest, fields, prefix="internal.")


def _plain_dict(config: Any) -> Any:
    return dict(config) if isinstance(config, Mapping) else config


def _selection(points: PointsSelector) -> dict[str, Any]:
    """A points selector in any of its forms, as the fields `points` and `filter` of a request."""
    if points is None:
        return {}
    if isinstance(points, Mapping) and ("points" in points or "filter" in points):
        return dict(points)
    if hasattr(points, "must_not") or isinstance(points, Mapping):
        return {"filter": points}
    for name in ("points", "filter"):
        if hasattr(points, name):
            return {name: getattr(points, name)}
    if isinstance(points, (int, str)):
        return {"points": [points]}
    return {"points": list(points)}


def _selector(points: PointsSelector) -> Any:
    return parse(models.PointsSelector, _selection(points))
