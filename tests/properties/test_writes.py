"""Random sequences of writes leave exactly the points that the model of spec §5.2, and qdrant-client's local mode,
say.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from oracles import local
from oracles.cases import cases
from oracles.compare import assert_points, everything
from oracles.model import CollectionModel, MissingPoint, canonical, id_order
from oracles.schema import Field, Schema, arguments, name_config
from oracles.stores import StoreHandle
from qdrant_client import models as m
from write_operations import EXTRA, SCHEMA, UNNAMED, filters, ids, operations

from minidb.errors import NotFound

NAME = "points"
INDEXES = [("n", "integer"), ("n", "keyword"), ("arr", "keyword"), ("tag", "keyword"), ("o.x", "float")]
INT8 = m.ScalarQuantization(scalar=m.ScalarQuantizationConfig(type=m.ScalarType.INT8))
SETTINGS: list[dict[str, Any]] = [
    {"quantization_config": INT8},
    {"quantization_config": m.Disabled.DISABLED},
    {"hnsw_config": m.HnswConfigDiff(m=4, ef_construct=10)},
    {"optimizers_config": m.OptimizersConfigDiff(indexing_threshold=1, deleted_threshold=0.1)},
]


class Writes(RuleBasedStateMachine):
    """minidb, the model and local mode get the same operations; after each step all points are compared."""

    kind: str
    schema: Schema

    def __init__(self) -> None:
        super().__init__()
        self.store = StoreHandle(self.kind)
        self.store.client.create_collection(NAME, **arguments(self.schema))
        self.model = CollectionModel(self.schema)
        self.local = local.new_local(NAME, self.schema)
        self.page = 3

    @property
    def client(self) -> Any:
        return self.store.client

    @property
    def fields(self) -> Schema:
        return tuple(self.model.fields.values())

    @initialize(page=st.integers(1, 20))
    def choose_page(self, page: int) -> None:
        self.page = page

    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        operation = data.draw(operations(self.fields))
        number = self.model.next_operation
        try:
            self.model.apply(operation)
        except MissingPoint as missing:
            with pytest.raises(NotFound, match=f"No point with id {canonical(missing.args[0])} found"):
                local.call(self.client, NAME, operation)
        else:
            self._apply_to_local([operation])
            result = local.call(self.client, NAME, operation)
            assert (result.operation_id, result.status) == (number, "completed")

    @rule(data=st.data())
    def write_batch(self, data: st.DataObject) -> None:
        batch = data.draw(st.lists(operations(self.fields), min_size=1, max_size=4))
        numbers: list[int] = []
        try:
            for operation in batch:
                number = self.model.next_operation
                self.model.apply(operation)
                numbers.append(number)
        except MissingPoint:
            with pytest.raises(NotFound):
                self.client.batch_update_points(NAME, batch)
        else:
            assert [r.operation_id for r in self.client.batch_update_points(NAME, batch)] == numbers
        self._apply_to_local(batch[: len(numbers)])

    @precondition(lambda self: self.schema is SCHEMA)
    @rule(field=st.sampled_from(EXTRA))
    def add_or_remove_a_vector(self, field: Field) -> None:
        if field.name in self.model.fields:
            self.client.delete_vector_name(NAME, field.name)
            self.local.delete_vector_name(NAME, field.name)
            self.model.delete_vector(field.name)
        else:
            self.client.create_vector_name(NAME, field.name, name_config(field))
            self.local.create_vector_name(NAME, field.name, name_config(field))
            self.model.create_vector(field)

    @precondition(lambda self: self.kind == "durable")
    @rule()
    def reopen(self) -> None:
        self.store.reopen()

    @precondition(lambda self: self.kind == "durable")
    @rule()
    def compact(self) -> None:
        self.client.compact()

    @rule(index=st.sampled_from(INDEXES))
    def declare_or_drop_an_index(self, index: tuple[str, str]) -> None:
        key, kind = index
        if key in self.client.get_collection(NAME).payload_schema:
            result = self.client.delete_payload_index(NAME, key)
        else:
            result = self.client.create_payload_index(NAME, key, kind)
        assert result.operation_id == self.model.next_operation
        self.model.next_operation += 1

    @rule(changes=st.sampled_from(SETTINGS))
    def change_settings(self, changes: dict[str, Any]) -> None:
        self.client.update_collection(NAME, **changes)
        self.model.next_operation += 1

    @rule(data=st.data(), undone=st.booleans())
    def restore_a_snapshot(self, data: st.DataObject, undone: bool) -> None:
        """What was written since the snapshot was made is gone, the numbers of the operations with it."""
        snapshot = self.client.create_snapshot(NAME).name
        if undone:
            with suppress(NotFound):
                self.client.batch_update_points(NAME, [data.draw(operations(self.fields))])
        self.client.recover_snapshot(NAME, self.client._database.snapshots.path(NAME, snapshot).as_uri())
        self.client.delete_snapshot(NAME, snapshot)

    @rule(filter=filters)
    def count_and_scroll_by_filter(self, filter: m.Filter) -> None:
        wanted = self.model.ids(filter)
        assert self.client.count(NAME, filter).count == len(wanted)
        records, _ = self.client.scroll(NAME, filter, limit=100, with_vectors=True)
        assert_points(records, self.model, wanted)

    @rule(wanted=st.lists(ids, max_size=6))
    def retrieve(self, wanted: list[Any]) -> None:
        found = [point_id for point_id in dict.fromkeys(map(canonical, wanted)) if point_id in self.model.points]
        assert_points(self.client.retrieve(NAME, wanted, with_vectors=True), self.model, found)

    @rule(offset=ids)
    def scroll_from_an_id(self, offset: Any) -> None:
        following = [i for i in self.model.ids() if id_order(i) >= id_order(canonical(offset))]
        records, next_page = self.client.scroll(NAME, offset=offset, limit=2, with_vectors=True)
        assert_points(records, self.model, following[:2])
        assert next_page == (following[2] if len(following) > 2 else None)

    @invariant()
    def all_points_are_the_models(self) -> None:
        assert self.client.count(NAME).count == len(self.model.points)
        assert_points(everything(self.client, NAME, self.page), self.model, self.model.ids())

    @invariant()
    def all_points_are_local_modes(self) -> None:
        assert_points(everything(self.local, NAME), self.model, self.model.ids())

    @invariant()
    def versions_are_the_last_changes(self) -> None:
        for field in self.fields:
            if field.kind != "sparse":
                hits = self.client.query_points(NAME, [1.0] * field.size, using=field.name, limit=100).points
                having = {i: p.version for i, p in self.model.points.items() if field.name in p.vectors}
                assert {hit.id: hit.version for hit in hits} == having

    def _apply_to_local(self, batch: list[Any]) -> None:
        """Operations that name no missing point: of the others local mode writes a part, and minidb nothing."""
        for operation in batch:
            local.call(self.local, NAME, _without_duplicates(operation))

    def teardown(self) -> None:
        self.store.close()
        self.local.close()


def _without_duplicates(operation: Any) -> Any:
    """FAULTS["local writes duplicates of one request in turn"]: upserts get each id once, its last."""
    if not isinstance(operation, m.UpsertOperation):
        return operation
    request = operation.upsert.model_copy()
    if isinstance(request, m.PointsList):
        request.points = list({canonical(point.id): point for point in request.points}.values())
    else:
        batch = request.batch
        last = sorted({canonical(point_id): at for at, point_id in enumerate(batch.ids)}.values())
        vectors, payloads = batch.vectors, batch.payloads
        request.batch = m.Batch(
            ids=[batch.ids[at] for at in last],
            vectors={name: [column[at] for at in last] for name, column in vectors.items()}
            if isinstance(vectors, dict)
            else [vectors[at] for at in last],
            payloads=[payloads[at] for at in last] if payloads is not None else None,
        )
    return m.UpsertOperation(upsert=request)


class NamedInMemory(Writes):
    kind, schema = "memory", SCHEMA


class NamedDurable(Writes):
    kind, schema = "durable", SCHEMA


class UnnamedInMemory(Writes):
    kind, schema = "memory", UNNAMED


class UnnamedDurable(Writes):
    kind, schema = "durable", UNNAMED


TestNamedInMemory = NamedInMemory.TestCase
TestNamedDurable = NamedDurable.TestCase
TestUnnamedInMemory = UnnamedInMemory.TestCase
TestUnnamedDurable = UnnamedDurable.TestCase
TestNamedInMemory.settings = cases(60, stateful_step_count=20)
TestNamedDurable.settings = cases(60, stateful_step_count=20)
TestUnnamedInMemory.settings = cases(20, stateful_step_count=15)
TestUnnamedDurable.settings = cases(20, stateful_step_count=15)
