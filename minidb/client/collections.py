"""The part of the client about collections: making, changing and describing them, payload indexes, aliases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minidb import models
from minidb.client.arguments import listed, plain_dict, request_of
from minidb.client.base import Base
from minidb.client.border import public
from minidb.models.base import parse

if TYPE_CHECKING:
    from minidb.client import types


@public
class CollectionMethods(Base):
    """Part of `QdrantClient`."""

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
        """Create a collection.

        Args:
            vectors_config: size and distance of the one vector a point has, or of each by name.
            sparse_vectors_config: the names of sparse vectors; `modifier="idf"` for BM25.
            on_disk_payload: kept and shown; payload is always on the disk, and in memory as the system sees fit.
            hnsw_config: links of a point in the graph (`m`) and candidates when it is built (`ef_construct`).
            quantization_config: `scalar` keeps an int8 copy of vectors, which is searched first.
            strict_mode_config: limits on requests; see `StrictModeConfig`.
            metadata: anything that has a JSON form; `get_collection` gives it back.

        Raises:
            AlreadyExists: there is one of that name.
            ValidationError: a name or setting that is out of range.

        Example:
            >>> client.create_collection("books", models.VectorParams(size=2, distance=models.Distance.COSINE))
            True
            >>> client.create_collection(
            ...     "films",
            ...     {"title": models.VectorParams(size=2, distance=models.Distance.COSINE)},
            ...     sparse_vectors_config={"words": models.SparseVectorParams(modifier="idf")},
            ... )
            True
        """
        request = request_of(
            models.CreateCollection,
            vectors=plain_dict(vectors_config),
            sparse_vectors=plain_dict(sparse_vectors_config),
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
        """Change the settings given, keep the others.

        Args:
            vectors_config: by name; "" is the unnamed vector.
            metadata: is merged into what there is; None as a value removes a key.
        """
        request = request_of(
            models.UpdateCollection,
            optimizers_config=optimizers_config,
            params=collection_params,
            vectors=plain_dict(vectors_config),
            hnsw_config=hnsw_config,
            quantization_config=quantization_config,
            sparse_vectors=plain_dict(sparse_vectors_config),
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
        """Add a named vector to a live collection; points get it by `update_vectors` or `upsert`.

        Args:
            vector_name_config: `DenseVectorNameConfig` or `SparseVectorNameConfig`.
        """
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
        field_schema: types.FieldSchema | None = None,
        field_type: types.FieldType | None = None,
        wait: bool = True,
        ordering: object = None,
        timeout: int | None = None,
    ) -> models.UpdateResult:
        """Index a payload field.

        Filters give the same points without; a text index also decides how text conditions cut and compare words.

        Args:
            field_name: a path: "color", "author.name", "tags[]".
            field_schema: keyword, integer, float, bool, datetime, uuid, geo or text, or their params.
            field_type: an older name for `field_schema`.

        Example:
            >>> client.create_payload_index("docs", "author.name", "keyword").status.value
            'completed'
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

    # Aliases

    def update_collection_aliases(
        self, change_aliases_operations: Sequence[models.AliasOperations], timeout: int | None = None
    ) -> bool:
        """Create, delete and rename aliases: all of them, or none when one fails.

        Args:
            change_aliases_operations: `CreateAliasOperation`, `DeleteAliasOperation`, `RenameAliasOperation`.
        """
        return self._database.change_aliases(
            parse(list[models.AliasOperations], listed(change_aliases_operations, "operations"))
        )

    def get_collection_aliases(self, collection_name: str) -> models.CollectionsAliasesResponse:
        """The aliases of one collection."""
        return models.CollectionsAliasesResponse(aliases=self._database.aliases(collection_name))

    def get_aliases(self) -> models.CollectionsAliasesResponse:
        """All aliases."""
        return models.CollectionsAliasesResponse(aliases=self._database.aliases())
