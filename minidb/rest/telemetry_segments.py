"""The level of detail that tells of segments: a collection is one, which grows and is indexed at once.

Searches of an index are not counted by kind; their numbers are zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidb import models
from minidb.collection.config import dense_params
from minidb.collection.declared import schema_type
from minidb.collection.memory import SizeStats
from minidb.database import Database
from minidb.models.base import Model
from minidb.models.vector_params import Memory

Name = Callable[[str], str]
Shown = Callable[[int], int]
_SEARCHES = (
    "unfiltered_plain", "unfiltered_hnsw", "unfiltered_sparse", "filtered_plain", "filtered_small_cardinality",
    "filtered_large_cardinality", "filtered_exact", "filtered_sparse", "unfiltered_exact",
)  # fmt: skip
_INDEXES = {
    "keyword": ["mutable_map"], "integer": ["mutable_map", "mutable_numeric"], "float": ["mutable_numeric"],
    "bool": ["mmap_bool"], "uuid": ["mutable_map"], "datetime": ["mutable_numeric"], "geo": ["mutable_geo"],
    "text": ["mutable_full_text"],
}  # fmt: skip
"""Which of Qdrant's kinds of index serve a schema."""


def segment(
    database: Database, real_name: str, info: models.CollectionInfo, sizes: SizeStats, name: Name, shown: Shown
) -> Any:
    """The one segment of a collection. `name` tells a name a user chose, `shown` a number."""
    config = info.config
    memory = database.memory(real_name).total
    n_values = database.index_values(real_name)
    schema = {path: {**_json(index), "points": shown(index.points)} for path, index in info.payload_schema.items()}
    return {
        "info": {
            "uuid": str(sizes.segment_id),
            "segment_type": "indexed" if info.indexed_vectors_count else "plain",
            "num_vectors": shown(sum(sizes.n_vectors.values())),
            "num_points": shown(sizes.n_points),
            "num_deferred_points": None,
            "num_deleted_deferred_points": None,
            "num_indexed_vectors": shown(sum(sizes.n_indexed.values())),
            "num_deleted_vectors": shown(sizes.n_deleted * len(sizes.n_vectors)),
            "vectors_size_bytes": shown(sizes.vectors_bytes),
            "payloads_size_bytes": shown(sizes.payloads_bytes),
            "ram_usage_bytes": shown(memory.ram_bytes),
            "disk_usage_bytes": shown(memory.disk_bytes),
            "is_appendable": True,
            "index_schema": {name(path): index for path, index in schema.items()},
            "vector_data": {
                name(vector): {
                    "num_vectors": shown(count),
                    "num_indexed_vectors": shown(sizes.n_indexed[vector]),
                    "num_deleted_vectors": shown(sizes.n_deleted),
                }
                for vector, count in sizes.n_vectors.items()
            },
        },
        "config": _config(config, info, name),
        "vector_index_searches": [
            {"index_name": name(vector), **{kind: {"count": 0} for kind in _SEARCHES}} for vector in sizes.n_vectors
        ],
        "payload_field_indices": [
            each
            for path, index in info.payload_schema.items()
            for each in _payload_indexes(name(path), index, shown(n_values.get(path, 0)), shown)
        ],
    }


def _config(config: models.CollectionConfig, info: models.CollectionInfo, name: Name) -> Any:
    told: dict[str, Any] = {
        "vector_data": {
            name(vector): _dense(config, params, is_indexed=bool(info.indexed_vectors_count))
            for vector, params in dense_params(config.params).items()
        },
        "payload_storage_type": {"type": "mmap" if config.params.on_disk_payload else "in_ram_mmap"},
    }
    if config.params.sparse_vectors:
        told["sparse_vector_data"] = {name(v): _sparse(params) for v, params in config.params.sparse_vectors.items()}
    return told


def _dense(config: models.CollectionConfig, params: models.VectorParams, *, is_indexed: bool) -> Any:
    own = {} if params.hnsw_config is None else _json(params.hnsw_config)
    hnsw = {"type": "hnsw", "options": {**_json(config.hnsw_config), **own}}
    is_cold = params.memory == Memory.COLD if params.memory is not None else params.on_disk
    quantization = params.quantization_config or config.quantization_config
    told: dict[str, Any] = {
        "size": params.size,
        "distance": params.distance,
        "storage_type": "ChunkedMmap" if is_cold else "InRamChunkedMmap",
        "index": hnsw if is_indexed else {"type": "plain", "options": {}},
        "quantization_config": None if quantization is None else _json(quantization),
    }
    if params.multivector_config is not None:
        told["multivector_config"] = _json(params.multivector_config)
    if params.datatype is not None:
        told["datatype"] = params.datatype
    return told


def _sparse(params: models.SparseVectorParams) -> Any:
    index = {} if params.index is None else _json(params.index)
    settings = {key: index[key] for key in ("full_scan_threshold", "datatype", "memory") if index.get(key) is not None}
    told: dict[str, Any] = {"index": {"index_type": "MutableRam", **settings}, "storage_type": "mmap"}
    if params.modifier is not None:
        told["modifier"] = params.modifier
    return told


def _json(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_none=True)


def _payload_indexes(path: str, index: models.PayloadIndexInfo, n_values: int, shown: Shown) -> list[Any]:
    told = []
    for kind in _INDEXES[schema_type(index.data_type)]:
        each: dict[str, Any] = {"field_name": path, "index_type": kind}
        each |= {"points_values_count": n_values, "points_count": shown(index.points)}
        if kind == "mutable_numeric":
            each["histogram_bucket_size"] = 0
        told.append(each)
    return told
