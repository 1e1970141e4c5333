"""What `get_collection` says of a collection: the truth about size, indexing and settings."""

from __future__ import annotations

from datetime import datetime

from minidb import models
from minidb.collection.config import StoredConfig, dense_params
from minidb.collection.facets import schema_info
from minidb.collection.index_plan import needs_work
from minidb.collection.reads import PointReader
from minidb.models import CollectionStatus, OptimizersStatusOneOf, OptimizersStatusOneOf1


def collection_info(reader: PointReader, busy: bool) -> models.CollectionInfo:
    """Yellow while the indexer has work; `indexed_vectors_count` counts vectors in graphs and centroid indexes."""
    collection, view = reader.collection, reader.view
    stored = collection.config
    indexes = collection.indexes_for(view)
    indexed = 0
    for field in view.fields.values():
        index = indexes.graphs.get(field.slot) or indexes.centroids.get(field.slot)
        if index is not None:
            indexed += int(view.has(field.slot)[: index.n_rows].sum())
    error = collection.index_error
    status = CollectionStatus.YELLOW if busy or needs_work(collection) else CollectionStatus.GREEN
    return models.CollectionInfo(
        status=status,
        optimizer_status=OptimizersStatusOneOf.OK if error is None else OptimizersStatusOneOf1(error=error),
        warnings=_warnings(stored) or None,
        indexed_vectors_count=indexed,
        points_count=view.n_alive,
        segments_count=1,
        config=_shown(stored.config),
        payload_schema=schema_info(reader, stored.payload_schema),
        update_queue=models.UpdateQueueInfo(length=0),
        created_at=datetime.fromisoformat(stored.created_at) if stored.created_at else None,
    )


def _warnings(config: StoredConfig) -> list[models.CollectionWarning]:
    """Settings that contradict each other, in Qdrant's words."""
    warnings = []
    for name, params in dense_params(config.config.params).items():
        if not config.hnsw(name).inline_storage:
            continue
        if params.multivector_config is not None:
            why = "is not compatible with multivectors"
        elif params.quantization_config is None and config.config.quantization_config is None:
            why = "requires quantization to be enabled"
        else:
            continue
        option = f"The `hnsw_config.inline_storage` option for vector '{name}'"
        warnings.append(models.CollectionWarning(message=f"{option} {why}. This option will be ignored."))
    return warnings


def _shown(config: models.CollectionConfig) -> models.CollectionConfig:
    """A copy, which is the caller's to change, with an object of no vectors where there are no dense ones, as Qdrant
    writes it.
    """
    shown = config.model_copy(deep=True)
    if shown.params.vectors is None:
        shown.params.vectors = {}
    return shown
