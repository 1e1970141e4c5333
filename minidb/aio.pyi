# Written by `python tests/async_stub.py`; do not edit.
# ruff: noqa
from __future__ import annotations
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from typing_extensions import Unpack
from minidb.address import ConnectionOptions, address_of, database_at, is_address
from minidb.client.border import public
from minidb.client.collections import CollectionMethods
from minidb.client.points import PointMethods
from minidb.client.search import SearchMethods
from minidb.client.service import ServiceMethods
from minidb.database import Database
from minidb.errors import BadRequest, choice, hinted
from minidb.inference import ImageRules, settings_of
from minidb.inference.secret import Secret
from minidb.models.keys import is_key_name
from minidb.opening import MEMORY
from minidb.storage.interface import Durability
from __future__ import annotations
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from minidb import models
from minidb.client.arguments import listed, plain_dict, request_of
from minidb.client.base import Base
from minidb.client.border import public
from minidb.models.base import parse
from __future__ import annotations
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from minidb import models
from minidb.client.arguments import check_many, listed, request_of, selection, selector, upsert_operation
from minidb.client.base import Base
from minidb.client.border import public
from minidb.client.upload import upload_collection, upload_points
from minidb.models.base import parse
from minidb.models.results import with_lists
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
from __future__ import annotations
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn
from typing_extensions import Self
from minidb import models
from minidb.client.base import Base
from minidb.client.border import public
from minidb.errors import BadRequest, StandaloneMode
from minidb.inference.settings import LOCAL_BATCH_SIZE
from minidb.models.base import parse
from minidb.client import types
from minidb.client import types
from minidb.client import types
from minidb.collection.export import PointArrays
from minidb.client import types
from minidb.client.sync import SyncReport
from minidb.collection.verify import VerifyReport
from minidb.maintenance import CompactReport
from minidb.migration import CollectionReport
from minidb.models.service import (
    ClusterStatusOneOf,
    CollectionClusterInfo,
    OptimizationsResponse,
    ShardKeysResponse,
    SnapshotDescription,
    VersionInfo,
)
from minidb.client.service import AnyClient

class AsyncQdrantClient(AnyClient):
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
        read_only: bool = False,
        inference_url: str | None = None,
        inference_token: str | None = None,
        embedding_cache_bytes: int | None = None,
        image_rules: ImageRules | None = None,
        **connection: Unpack[ConnectionOptions],
    ) -> None: ...
    async def close(self, grpc_grace: float | None = None, **kwargs: Any) -> None: ...
    async def get_embedding_size(self, model_name: str) -> int: ...
    async def create_collection(
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
    ) -> bool: ...
    async def recreate_collection(
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
    ) -> bool: ...
    async def update_collection(
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
    ) -> bool: ...
    async def delete_collection(self, collection_name: str, timeout: int | None = None) -> bool: ...
    async def collection_exists(self, collection_name: str) -> bool: ...
    async def get_collections(self) -> models.CollectionsResponse: ...
    async def get_collection(self, collection_name: str) -> models.CollectionInfo: ...
    async def create_vector_name(
        self,
        collection_name: str,
        vector_name: str,
        vector_name_config: models.VectorNameConfig,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def delete_vector_name(
        self,
        collection_name: str,
        vector_name: str,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def wait_until_indexed(self, collection_name: str, timeout: float | None = None) -> bool: ...
    async def create_payload_index(
        self,
        collection_name: str,
        field_name: str,
        field_schema: types.FieldSchema | None = None,
        field_type: types.FieldType | None = None,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def delete_payload_index(
        self,
        collection_name: str,
        field_name: str,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def update_collection_aliases(
        self, change_aliases_operations: Sequence[models.AliasOperations], timeout: int | None = None
    ) -> bool: ...
    async def get_collection_aliases(self, collection_name: str) -> models.CollectionsAliasesResponse: ...
    async def get_aliases(self) -> models.CollectionsAliasesResponse: ...
    async def upsert(
        self,
        collection_name: str,
        points: models.Batch | Sequence[models.PointStruct],
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        update_mode: types.UpdateMode | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def update_vectors(
        self,
        collection_name: str,
        points: Sequence[models.PointVectors],
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        update_filter: models.Filter | None = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def delete_vectors(
        self,
        collection_name: str,
        vectors: Sequence[str],
        points: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def delete(
        self,
        collection_name: str,
        points_selector: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def set_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: types.PointsSelector,
        key: str | None = None,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def overwrite_payload(
        self,
        collection_name: str,
        payload: dict[str, Any],
        points: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def delete_payload(
        self,
        collection_name: str,
        keys: Sequence[str],
        points: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def clear_payload(
        self,
        collection_name: str,
        points_selector: types.PointsSelector,
        wait: bool = True,
        ordering: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult: ...
    async def batch_update_points(
        self,
        collection_name: str,
        update_operations: Sequence[models.UpdateOperation],
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> list[models.UpdateResult]: ...
    async def upload_points(
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
    ) -> None: ...
    async def upload_collection(
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
    ) -> None: ...
    async def retrieve(
        self,
        collection_name: str,
        ids: types.PointIds,
        with_payload: types.WithPayload = True,
        with_vectors: types.WithVectors = False,
        consistency: object = None,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> list[models.Record]: ...
    async def scroll(
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
    ) -> tuple[list[models.Record], int | str | None]: ...
    async def count(
        self,
        collection_name: str,
        count_filter: models.Filter | None = None,
        exact: bool = True,
        shard_key_selector: object = None,
        timeout: int | None = None,
    ) -> models.CountResult: ...
    async def facet(
        self,
        collection_name: str,
        key: str,
        facet_filter: models.Filter | None = None,
        limit: int = 10,
        exact: bool = False,
        consistency: object = None,
        timeout: int | None = None,
        shard_key_selector: object = None,
    ) -> models.FacetResponse: ...
    async def query_points(
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
    ) -> models.QueryResponse: ...
    async def explain(
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
    ) -> Step: ...
    async def query_batch_points(
        self,
        collection_name: str,
        requests: Sequence[models.QueryRequest],
        consistency: object = None,
        timeout: int | None = None,
    ) -> list[models.QueryResponse]: ...
    async def query_arrays(
        self,
        collection_name: str,
        queries: types.Array | types.SparseMatrix | Sequence[types.Query],
        using: str | None = None,
        limit: int = 10,
        query_filter: models.Filter | None = None,
        search_params: models.SearchParams | None = None,
        timeout: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.float32]]: ...
    async def export_arrays(
        self,
        collection_name: str,
        using: str | None = None,
        payload: Sequence[str] = (),
        query_filter: models.Filter | None = None,
        timeout: int | None = None,
    ) -> PointArrays: ...
    async def query_points_groups(
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
    ) -> models.GroupsResult: ...
    async def search_matrix_pairs(
        self,
        collection_name: str,
        query_filter: models.Filter | None = None,
        limit: int = 3,
        sample: int = 10,
        using: str | None = None,
        consistency: object = None,
        timeout: int | None = None,
        shard_key_selector: object = None,
    ) -> models.SearchMatrixPairsResponse: ...
    async def search_matrix_offsets(
        self,
        collection_name: str,
        query_filter: models.Filter | None = None,
        limit: int = 3,
        sample: int = 10,
        using: str | None = None,
        consistency: object = None,
        timeout: int | None = None,
        shard_key_selector: object = None,
    ) -> models.SearchMatrixOffsetsResponse: ...
    async def info(self) -> VersionInfo: ...
    async def create_snapshot(self, collection_name: str, wait: bool = True) -> SnapshotDescription: ...
    async def list_snapshots(self, collection_name: str) -> list[SnapshotDescription]: ...
    async def delete_snapshot(self, collection_name: str, snapshot_name: str, wait: bool = True) -> bool: ...
    async def recover_snapshot(
        self,
        collection_name: str,
        location: str,
        api_key: str | None = None,
        checksum: str | None = None,
        priority: types.SnapshotPriority | None = None,
        wait: bool = True,
    ) -> bool: ...
    async def create_full_snapshot(self, wait: bool = True) -> SnapshotDescription: ...
    async def list_full_snapshots(self) -> list[SnapshotDescription]: ...
    async def delete_full_snapshot(self, snapshot_name: str, wait: bool = True) -> bool: ...
    async def recover_full_snapshot(self, location: str, checksum: str | None = None) -> bool: ...
    async def verify(self) -> VerifyReport: ...
    async def compact(self) -> CompactReport: ...
    async def cluster_status(self) -> ClusterStatusOneOf: ...
    async def collection_cluster_info(self, collection_name: str) -> CollectionClusterInfo: ...
    async def list_shard_keys(self, collection_name: str, **kwargs: Any) -> ShardKeysResponse: ...
    async def get_optimizations(
        self,
        collection_name: str,
        completed_limit: int | None = None,
        with_: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> OptimizationsResponse: ...
    async def cluster_collection_update(
        self, collection_name: str, cluster_operation: Any, timeout: int | None = None
    ) -> bool: ...
    async def cluster_telemetry(
        self, details_level: int | None = None, timeout: int | None = None, **kwargs: Any
    ) -> Any: ...
    async def recover_current_peer(self) -> bool: ...
    async def remove_peer(
        self, peer_id: int, force: bool | None = None, timeout: int | None = None, **kwargs: Any
    ) -> bool: ...
    async def create_shard_key(
        self,
        collection_name: str,
        shard_key: models.ShardKey,
        shards_number: int | None = None,
        replication_factor: int | None = None,
        placement: list[int] | None = None,
        **kwargs: Any,
    ) -> bool: ...
    async def delete_shard_key(self, collection_name: str, shard_key: models.ShardKey, **kwargs: Any) -> bool: ...
    async def create_shard_snapshot(self, collection_name: str, shard_id: int, wait: bool = True) -> Any: ...
    async def list_shard_snapshots(self, collection_name: str, shard_id: int) -> list[SnapshotDescription]: ...
    async def delete_shard_snapshot(
        self, collection_name: str, shard_id: int, snapshot_name: str, wait: bool = True
    ) -> bool: ...
    async def recover_shard_snapshot(
        self,
        collection_name: str,
        shard_id: int,
        location: str,
        api_key: str | None = None,
        checksum: str | None = None,
        priority: types.SnapshotPriority | None = None,
        wait: bool = True,
    ) -> bool: ...
    async def migrate(
        self,
        dest_client: Any,
        collection_names: Sequence[str] | None = None,
        batch_size: int = 100,
        recreate_on_collision: bool = False,
        *,
        resume: bool = False,
        scroll_filter: models.Filter | None = None,
        parallel: int = 1,
        points_per_second: float | None = None,
    ) -> list[CollectionReport]: ...
    async def push(
        self,
        target: Any,
        collection_names: Sequence[str] | None = None,
        *,
        newest_by: str | None = None,
        mirror: bool = False,
        batch_size: int = 256,
        name: str | None = None,
    ) -> SyncReport: ...
    async def pull(
        self,
        source: Any,
        collection_names: Sequence[str] | None = None,
        *,
        newest_by: str | None = None,
        mirror: bool = False,
        batch_size: int = 256,
        name: str | None = None,
    ) -> SyncReport: ...
    async def __aenter__(self) -> AsyncQdrantClient: ...
    async def __aexit__(self, kind: Any, error: Any, tb: Any) -> None: ...

def public_methods() -> dict[str, Any]: ...
