"""What `get_collection` says of a collection: the truth about size, indexing and settings."""

from __future__ import annotations

from datetime import datetime

from minidb import models
from minidb.collection.facets import schema_info
from minidb.collection.indexer import needs_work
from minidb.collection.reads import PointReader
from minidb.models import CollectionStatus, OptimizersStatusOneOf, OptimizersStatusOneOf1


def collection_info(reader: PointReader, busy: bool) -> models.CollectionInfo:
    """Yellow while the indexer has work; `indexed_vectors_count` counts vectors in graphs and inverted indexes."""
    collection, view = reader.collection, reader.view
    stored = collection.config
    indexes = collection.indexes_for(view)
    indexed = 0
    for field in view.fields.values():
        graph = indexes.graphs.get(field.slot)
        if graph is not None:
            indexed += int(view.has(field.slot)[: graph.n_rows].sum())
    error = collection.index_error
    status = CollectionStatus.YELLOW if busy or needs_work(collection) else CollectionStatus.GREEN
    return models.CollectionInfo(
        status=status,
        optimizer_status=OptimizersStatusOneOf.OK if error is None else OptimizersStatusOneOf1(error=error),
        indexed_vectors_count=indexed,
        points_count=view.n_alive,
        segments_count=1,
        config=_shown(stored.config),
        payload_schema=schema_info(reader, stored.payload_schema),
        update_queue=models.UpdateQueueInfo(length=0),
        created_at=datetime.fromisoformat(stored.created_at) if stored.created_at else None,
    )


def _shown(config: models.CollectionConfig) -> models.CollectionConfig:
    """The config with an object of no vectors where there are no dense ones, as Qdrant writes it."""
    if config.params.vectors is not None:
        return config
    return config.model_copy(update={"params": config.params.model_copy(update={"vectors": {}})})
