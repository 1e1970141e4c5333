"""The vectors of a collection, and the same said to minidb, qdrant-client and qdrant-edge; the stored form of a
vector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray
from qdrant_client import models as m

EPSILON = float(np.finfo(np.float32).eps)
Sparse = tuple[tuple[int, ...], NDArray[np.float32]]
Stored = NDArray[np.float32] | Sparse
"""A dense vector `(d,)`, a multivector `(t, d)`, or indices (ascending) and values."""


@dataclass(frozen=True)
class Field:
    """One named vector of a collection."""

    name: str
    kind: str = "dense"  # dense, multi, sparse
    size: int = 0
    distance: str = "Dot"
    datatype: str | None = None
    idf: bool = False

    @property
    def ascending(self) -> bool:
        """Whether smaller scores are nearer."""
        return self.kind != "sparse" and self.distance in ("Euclid", "Manhattan")

    def stored(self, vector: Any) -> Stored:
        """What is kept of a vector (spec §4.3): normalised for Cosine, rounded to the datatype; sparse sorted by
        index.
        """
        if self.kind == "sparse":
            order = np.argsort(vector.indices, kind="stable")
            values = np.array(vector.values, np.float32)[order]
            if self.datatype == "float16":
                values = values.astype(np.float16).astype(np.float32)
            return tuple(int(vector.indices[at]) for at in order), values
        array = np.array(vector, np.float32)
        if self.kind == "multi" and array.ndim == 1:
            array = array.reshape(1, -1)
        if self.distance == "Cosine" and self.datatype != "uint8":
            squares = (array.astype(np.float64) ** 2).sum(axis=-1, keepdims=True)
            array = (array / np.where(squares < EPSILON, 1.0, np.sqrt(squares))).astype(np.float32)
        if self.datatype == "uint8":
            return np.clip(array, 0, 255).astype(np.uint8).astype(np.float32)
        return array.astype(np.float16).astype(np.float32) if self.datatype == "float16" else array


Schema = tuple[Field, ...]


def by_name(schema: Schema) -> dict[str, Field]:
    return {field.name: field for field in schema}


def arguments(schema: Schema) -> dict[str, Any]:
    """The arguments of `create_collection`."""
    dense = {field.name: _params(field) for field in schema if field.kind != "sparse"}
    sparse = {field.name: sparse_params(field) for field in schema if field.kind == "sparse"}
    return {
        "vectors_config": dense[""] if set(dense) == {""} else dense,
        "sparse_vectors_config": sparse or None,
    }


def _params(field: Field) -> m.VectorParams:
    multi = m.MultiVectorConfig(comparator=m.MultiVectorComparator.MAX_SIM) if field.kind == "multi" else None
    return m.VectorParams(
        size=field.size,
        distance=m.Distance(field.distance),
        multivector_config=multi,
        datatype=m.Datatype(field.datatype) if field.datatype else None,
    )


def sparse_params(field: Field) -> m.SparseVectorParams:
    index = m.SparseIndexParams(datatype=m.Datatype(field.datatype)) if field.datatype else None
    return m.SparseVectorParams(index=index, modifier=m.Modifier.IDF if field.idf else None)


def name_config(field: Field) -> m.VectorNameConfig:
    """The body of `create_vector_name`."""
    if field.kind == "sparse":
        return m.SparseVectorNameConfig(sparse=m.SparseVectorConfig(modifier=m.Modifier.IDF if field.idf else None))
    return m.DenseVectorNameConfig(dense=m.DenseVectorConfig(size=field.size, distance=m.Distance(field.distance)))


def edge_config(schema: Schema) -> edge.EdgeConfig:
    datatypes = {"float32": "Float32", "float16": "Float16", "uint8": "Uint8"}

    def datatype(field: Field) -> Any:
        return getattr(edge.VectorStorageDatatype, datatypes[field.datatype]) if field.datatype else None

    dense = {
        field.name: edge.EdgeVectorParams(
            size=field.size,
            distance=getattr(edge.Distance, field.distance),
            datatype=datatype(field),
            multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim)
            if field.kind == "multi"
            else None,
        )
        for field in schema
        if field.kind != "sparse"
    }
    sparse = {
        field.name: edge.EdgeSparseVectorParams(
            modifier=edge.Modifier.Idf if field.idf else None, datatype=datatype(field)
        )
        for field in schema
        if field.kind == "sparse"
    }
    return edge.EdgeConfig(vectors=dense or None, sparse_vectors=sparse or None, wal_enabled=False)


def named(struct: Any) -> Mapping[str, Any]:
    """A point's vectors by name, also of a bare one."""
    return struct if isinstance(struct, dict) else {"": struct}
