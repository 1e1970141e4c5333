"""Strategies for everything that can be done to the points of a collection, as operations of a batch update."""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from oracles.schema import Field, Schema
from qdrant_client import models as m

SCHEMA: Schema = (
    Field("cos", size=3, distance="Cosine"),
    Field("l2", size=2, distance="Euclid"),
    Field("tokens", kind="multi", size=2, distance="Dot"),
    Field("words", kind="sparse"),
)
UNNAMED: Schema = (Field("", size=3, distance="Dot"),)
EXTRA = (Field("more", size=2, distance="Manhattan"), Field("terms", kind="sparse", idf=True))
"""Vectors that come and go."""

UUIDS = [uuid.UUID(int=1), uuid.UUID("f47ac10b-58cc-4372-a567-0e02b2c3d479"), uuid.UUID(int=2**128 - 1)]
INTS = [0, 1, 2, 7, 2**32, 2**63, 2**64 - 1]


def spellings(value: uuid.UUID) -> list[Any]:
    """Every form in which Qdrant takes this UUID (spec §5.1)."""
    text = str(value)
    return [text, text.upper(), value.hex, f"urn:uuid:{text}", f"{{{text}}}", value]


ids = st.sampled_from(INTS) | st.sampled_from([spelling for value in UUIDS for spelling in spellings(value)])
numbers = st.sampled_from([-2.0, -1.0, -0.25, 0.0, 0.1, 0.5, 1.0, 3.0, 1e-3])


def vectors(field: Field) -> st.SearchStrategy[Any]:
    dense = st.lists(numbers, min_size=field.size, max_size=field.size)
    if field.kind == "dense":
        return dense
    if field.kind == "multi":
        return st.lists(dense, min_size=1, max_size=3)
    weights = st.dictionaries(st.sampled_from([0, 1, 5, 9, 2**32 - 1]), numbers, max_size=4)
    return weights.map(lambda w: m.SparseVector(indices=list(w), values=list(w.values())))


def structs(fields: Schema, at_least: int = 0) -> st.SearchStrategy[Any]:
    """A point's vectors; named ones may be missing."""
    if [field.name for field in fields] == [""]:
        return vectors(fields[0])
    chosen = st.lists(st.sampled_from(fields), min_size=at_least, unique_by=lambda field: field.name)
    return chosen.flatmap(lambda kept: st.fixed_dictionaries({field.name: vectors(field) for field in kept}))


def _says_something(struct: Any) -> bool:
    """An update of a point by nothing but empty sparse vectors is refused, as none at all."""
    return not isinstance(struct, dict) or any(getattr(vector, "indices", True) for vector in struct.values())


scalars = st.sampled_from([None, True, 0, 1, -5, 2**53 + 1, 1.5, "", "x", "Ünïcode", "a"])
objects = st.dictionaries(st.sampled_from(["x", "y"]), scalars, max_size=2)
payload_values = scalars | objects | st.lists(scalars | objects, max_size=3)
payloads = st.dictionaries(st.sampled_from(["n", "tag", "o", "arr", "a b"]), payload_values, max_size=3)
key_paths = st.sampled_from(["o", "o.x", "o.new.deep", "arr[]", "arr[0]", "arr[9]", "n.y", "arr[].x", '"a b"'])
deleted_paths = key_paths | st.sampled_from(["n", "tag", "arr[].y", "none", "none.x"])

conditions = st.one_of(
    st.sampled_from([0, 1, "x", "a"]).map(lambda v: m.FieldCondition(key="n", match=m.MatchValue(value=v))),
    st.sampled_from(["x", ""]).map(lambda v: m.FieldCondition(key="arr", match=m.MatchAny(any=[v]))),
    st.just(m.FieldCondition(key="n", range=m.Range(gte=0))),
    st.just(m.IsEmptyCondition(is_empty=m.PayloadField(key="tag"))),
    st.just(m.IsNullCondition(is_null=m.PayloadField(key="o.x"))),
    st.lists(ids, max_size=4).map(lambda some: m.HasIdCondition(has_id=[_plain(point_id) for point_id in some])),
)


def _plain(point_id: Any) -> Any:
    return point_id if isinstance(point_id, int) else str(uuid.UUID(str(point_id)))


filters = st.one_of(
    conditions.map(lambda c: m.Filter(must=[c])),
    conditions.map(lambda c: m.Filter(must_not=[c])),
    st.lists(conditions, min_size=1, max_size=2).map(lambda c: m.Filter(should=c)),
)
some_ids = st.lists(ids, min_size=1, max_size=4)
selectors = some_ids.map(lambda some: m.PointIdsList(points=some)) | filters.map(lambda f: m.FilterSelector(filter=f))
selections = some_ids.map(lambda some: {"points": some}) | filters.map(lambda f: {"filter": f})


def points(fields: Schema) -> st.SearchStrategy[list[m.PointStruct]]:
    point = st.builds(m.PointStruct, id=ids, vector=structs(fields), payload=st.none() | payloads)
    return st.lists(point, min_size=1, max_size=5)


@st.composite
def batches(draw: st.DrawFn, fields: Schema) -> m.Batch:
    """Columns: every point has every vector of the batch."""
    batch_ids = draw(st.lists(ids, min_size=1, max_size=5))
    n = len(batch_ids)

    def column(field: Field) -> list[Any]:
        return draw(st.lists(vectors(field), min_size=n, max_size=n))

    if [field.name for field in fields] == [""]:
        columns: Any = column(fields[0])
    else:
        kept = draw(st.lists(st.sampled_from(fields), min_size=1, unique_by=lambda field: field.name))
        columns = {field.name: column(field) for field in kept}
    given = draw(st.none() | st.lists(payloads, min_size=n, max_size=n))
    return m.Batch(ids=batch_ids, vectors=columns, payloads=given)


@lru_cache(maxsize=16)
def operations(fields: Schema) -> st.SearchStrategy[Any]:
    """One operation on points."""
    conditional = {"update_filter": st.none() | filters, "update_mode": st.none() | st.sampled_from(m.UpdateMode)}
    upserts = st.builds(m.PointsList, points=points(fields), **conditional) | st.builds(
        m.PointsBatch, batch=batches(fields), **conditional
    )
    given = structs(fields, 1).filter(_says_something)
    changes = st.lists(st.builds(m.PointVectors, id=ids, vector=given), min_size=1, max_size=4)
    names = st.lists(st.sampled_from([field.name for field in fields]), min_size=1, max_size=2)
    keys = st.lists(deleted_paths, min_size=1, max_size=2)
    plain_upserts = st.builds(m.PointsList, points=points(fields))
    return st.one_of(
        plain_upserts.map(lambda r: m.UpsertOperation(upsert=r)),
        upserts.map(lambda r: m.UpsertOperation(upsert=r)),
        selectors.map(lambda s: m.DeleteOperation(delete=s)),
        st.builds(lambda p, s, k: m.SetPayload(payload=p, key=k, **s), payloads, selections, st.none() | key_paths).map(
            lambda r: m.SetPayloadOperation(set_payload=r)
        ),
        st.builds(lambda p, s: m.SetPayload(payload=p, **s), payloads, selections).map(
            lambda r: m.OverwritePayloadOperation(overwrite_payload=r)
        ),
        st.builds(lambda k, s: m.DeletePayload(keys=k, **s), keys, selections).map(
            lambda r: m.DeletePayloadOperation(delete_payload=r)
        ),
        selectors.map(lambda s: m.ClearPayloadOperation(clear_payload=s)),
        st.builds(m.UpdateVectors, points=changes, update_filter=st.none() | filters).map(
            lambda r: m.UpdateVectorsOperation(update_vectors=r)
        ),
        st.builds(lambda n, s: m.DeleteVectors(vector=n, **s), names, selections).map(
            lambda r: m.DeleteVectorsOperation(delete_vectors=r)
        ),
    )
