"""Copying collections to another client, minidb's or qdrant-client's, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from minidb import models
from minidb.errors import BadRequest, ServiceError

Converter = Callable[[Any], Any]


def migrate(
    source: Any, target: Any, names: Sequence[str] | None, batch_size: int, recreate_on_collision: bool
) -> None:
    """See `QdrantClient.migrate`."""
    if batch_size < 1:
        raise BadRequest(f"batch_size must be greater than 0, got {batch_size}")
    there = {collection.name for collection in target.get_collections().collections}
    here = [collection.name for collection in source.get_collections().collections]
    wanted = here if names is None else list(names)
    missing = sorted(set(wanted) - set(here))
    if missing:
        raise BadRequest(f"Source client does not have collections: {missing}")
    collisions = sorted(there & set(wanted))
    if collisions and not recreate_on_collision:
        raise BadRequest(f"Collections already exist in dest_client: {collisions}")
    convert = _converter(target)
    for name in wanted:
        if name in there:
            target.delete_collection(name)
        _create(source, target, name, convert)
        _copy_points(source, target, name, batch_size, convert)


def _converter(target: Any) -> Converter:
    """Turns minidb's models into the target's of the same name; minidb takes its own."""
    if not type(target).__module__.startswith("qdrant_client"):
        return lambda value: value
    theirs = import_module("qdrant_client.http.models")

    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: convert(entry) for key, entry in value.items()}
        if isinstance(value, models.Model):
            return getattr(theirs, type(value).__name__).model_validate(value.model_dump(exclude_none=True))
        return value

    return convert


def _create(source: Any, target: Any, name: str, convert: Converter) -> None:
    info = source.get_collection(name)
    config, params = info.config, info.config.params

    def diff(kind: type[models.Model], settings: models.Model | None) -> Any:
        return None if settings is None else convert(kind.model_validate(settings.model_dump(exclude_none=True)))

    target.create_collection(
        name,
        vectors_config=convert(params.vectors),
        sparse_vectors_config=convert(params.sparse_vectors),
        shard_number=params.shard_number,
        replication_factor=params.replication_factor,
        write_consistency_factor=params.write_consistency_factor,
        on_disk_payload=params.on_disk_payload,
        hnsw_config=diff(models.HnswConfigDiff, config.hnsw_config),
        optimizers_config=diff(models.OptimizersConfigDiff, config.optimizer_config),
        wal_config=diff(models.WalConfigDiff, config.wal_config),
        quantization_config=convert(config.quantization_config),
        strict_mode_config=diff(models.StrictModeConfig, config.strict_mode_config),
        metadata=config.metadata,
        payload=convert(params.payload),
        id_tracker=convert(params.id_tracker),
    )
    for field, index in info.payload_schema.items():
        schema = str(index.data_type) if index.params is None else convert(index.params)
        target.create_payload_index(name, field_name=field, field_schema=schema)


def _copy_points(source: Any, target: Any, name: str, batch_size: int, convert: Converter) -> None:
    offset: Any = None
    while True:
        records, offset = source.scroll(name, limit=batch_size, offset=offset, with_vectors=True)
        points = [models.PointStruct.model_validate(record) for record in records]
        if points:
            target.upsert(name, [convert(point) for point in points], wait=True)
        if offset is None:
            break
    here, there = source.count(name).count, target.count(name).count
    if here != there:
        raise ServiceError(f"collection `{name}` has {here} points here and {there} at the destination")
