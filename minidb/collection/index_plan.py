"""Which derived data of a collection is to be made, by what there is of it and what its settings ask for. Called by
`indexer`, which makes it, and by what tells of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minidb.collection.collection import Collection
from minidb.collection.config import StoredConfig
from minidb.collection.fields import VectorField
from minidb.collection.index_rows import metric_of
from minidb.collection.indexes import Indexes
from minidb.collection.view import View
from minidb.index.dense.codes import quantized_as
from minidb.index.dense.graph import Graph
from minidb.models import Distance

if TYPE_CHECKING:
    from minidb.index.centroids import CentroidIndex

GRAPH_BYTES = 10_000 * 384 * 4
"""Vectors below this many bytes are scanned as fast as walked, but for a small `hnsw_ef`; about Qdrant's threshold."""
_TAIL_ROWS, _TAIL_SHARE, _REBUILD_SHARE, _DEAD_SHARE = 2_000, 0.05, 0.5, 0.3
_LEAST_MULTIVECTORS, _TAIL_MULTIVECTORS = 2_000, 256
"""Fewer are compared one by one in the time of a choice and of the few hundred chosen; so many beside what an index
finds take half of that. Taking one into an index takes as long as comparing it 30 times.
"""
_CENTROID_GROWTH = 2
"""A field grown by so much gets new centroids: what was written since may lie elsewhere."""
_CHECK_STEP = 0.05
_LEAST_CHECK_ROWS = 1000
_LACKING_SHARE = 0.1
"""Rows a sketch or an inverted index may lack before they are taken in, which the next search would wait for."""
CLOSING_ROWS = 10_000
"""So many rows are taken into a sketch of 384 dimensions in 30 ms, into an inverted index in 100: closing may wait."""


def worth_vacuuming(view: View, config: StoredConfig) -> bool:
    """Whether enough rows are dead: `deleted_threshold` of at least `vacuum_min_vector_number` rows."""
    settings = config.config.optimizer_config
    least = 1000 if settings.vacuum_min_vector_number is None else settings.vacuum_min_vector_number
    share = 0.2 if settings.deleted_threshold is None else settings.deleted_threshold
    return view.n_rows >= least and view.n_rows - view.n_alive > share * view.n_rows


def wants_index(view: View, field: VectorField, config: StoredConfig) -> bool:
    """Whether a dense field should have a graph, multivectors a centroid index: when there are many of them."""
    if field.kind == "sparse" or field.distance == Distance.MANHATTAN or config.hnsw(field.name).m == 0:
        return False
    asked = config.asked.get("indexing_threshold")
    if asked == 0:  # Qdrant: indexing switched off
        return False
    count = view.count(field.slot)
    if field.kind == "multi":
        if metric_of(field) != "dot" or count < _LEAST_MULTIVECTORS:
            return False
        count = view.n_tokens.get(field.slot, 0)
    bytes_needed = GRAPH_BYTES if asked is None else asked * 1024
    return count * field.size * 4 >= bytes_needed


def graph_plan(has: NDArray[np.bool_], graph: Graph | None, field: VectorField) -> str:
    """ "build", "extend" or "nothing"."""
    if graph is None or quantized_as(graph.kind) != field.quantized:
        return "build"
    live_inside = int(np.count_nonzero(has[: graph.n_rows]))
    tail = int(np.count_nonzero(has[graph.n_rows :]))
    if graph.count - live_inside > _DEAD_SHARE * graph.count or tail > _REBUILD_SHARE * graph.count:
        return "build"
    return "extend" if tail > max(_TAIL_ROWS, _TAIL_SHARE * graph.count) else "nothing"


def centroid_plan(view: View, field: VectorField, index: CentroidIndex | None) -> str:
    """ "build", "extend" or "nothing"."""
    if index is None or view.count(field.slot) >= _CENTROID_GROWTH * index.n_trained:
        return "build"
    has = view.has(field.slot)
    live_inside = int(np.count_nonzero(has[: index.n_rows]))
    if index.count - live_inside > _DEAD_SHARE * index.count:
        return "build"
    return "extend" if np.count_nonzero(has[index.n_rows :]) >= _TAIL_MULTIVECTORS else "nothing"


def _plan(view: View, field: VectorField, indexes: Indexes) -> str:
    if field.kind == "multi":
        return centroid_plan(view, field, indexes.centroids.get(field.slot))
    return graph_plan(view.has(field.slot), indexes.graphs.get(field.slot), field)


def needs_work(collection: Collection) -> bool:
    """Whether the indexer would do anything."""
    view = collection.published[0]
    if worth_vacuuming(view, collection.config) and not collection.store.read_only:
        return True
    indexes = collection.indexes_for(view)
    for field in view.fields.values():
        if not wants_index(view, field, collection.config):
            continue
        if _plan(view, field, indexes) != "nothing":
            return True
    many = max(CLOSING_ROWS, int(_LACKING_SHARE * view.n_rows))
    return any(indexes.lacks(view, field, 0.0) > many for field in view.fields.values())


def check_step(collection: Collection, view: View) -> int:
    """After how many more rows to look at a collection again."""
    step = max(int(view.n_rows * _CHECK_STEP), _LEAST_CHECK_ROWS)
    return min(step, _TAIL_MULTIVECTORS) if collection.indexes_for(view).centroids else step
