"""Collections and what they are set to: making, changing, deleting and describing them, their indexes and aliases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from minidb import models
from minidb.catalog import Catalog
from minidb.collection.collection import Collection, config_key, erase, head_key
from minidb.collection.config import (
    StoredConfig,
    new_config,
    updated_config,
    with_payload_index,
    with_vector,
    without_vector,
)
from minidb.collection.declared import index_key, parse_schema, spelled
from minidb.collection.reads import PointReader
from minidb.collection.strict_mode import check_new_index
from minidb.collection.view import View, empty_view
from minidb.opening import OpenStore
from minidb.storage.interface import WriteTransaction
from minidb.storage.records import Head, new_space

if TYPE_CHECKING:
    from minidb.collection.memory import SizeStats
    from minidb.models.service import CollectionMemoryReport


class Configuration(OpenStore):
    """The part of `Database` that answers which collections there are, and what they are set to."""

    def create_collection(self, name: str, request: models.CreateCollection) -> bool:
        config = new_config(request).pack()

        def work(txn: WriteTransaction, catalog: Catalog) -> None:
            number, head = catalog.add(name), Head(new_space(txn))
            txn.put("meta", config_key(number), config)
            txn.put("meta", head_key(number), head.pack())
            stored = StoredConfig.unpack(config)  # the request's objects may yet be changed
            self.begin_collection(txn, number, name, stored, empty_view(stored.fields(), head.space, 0))

        self.change_catalog(work)
        return True

    def begin_collection(self, txn: WriteTransaction, number: int, name: str, config: StoredConfig, view: View) -> None:
        """Know a collection that `txn` has stored, once it is committed."""
        collection = Collection(self._store, number, name)
        collection.begin(txn, config, view)

        def publish() -> None:
            self._directory.keep(collection)

        txn.on_commit(publish)

    def delete_collection(self, name: str) -> bool:
        """Whether it was there."""

        def work(txn: WriteTransaction, catalog: Catalog) -> bool:
            number = catalog.remove(name)
            if number is not None and not erase(self._store, txn, number):
                txn.on_commit(self._indexer.tidy)
            return number is not None

        return self.change_catalog(work)

    def update_collection(self, name: str, request: models.UpdateCollection) -> bool:
        self._change_config(name, lambda config: updated_config(config, request))
        return True

    def create_vector_name(self, name: str, vector: str, request: models.VectorNameConfig) -> models.UpdateResult:
        return self._change_config(name, lambda config: with_vector(config, vector, request))

    def delete_vector_name(self, name: str, vector: str) -> models.UpdateResult:
        return self._change_config(name, lambda config: without_vector(config, vector))

    def create_payload_index(self, name: str, path: str, field_schema: object) -> models.UpdateResult:
        """Declare and build an index; the same again is no change, another schema replaces it."""
        from minidb.filter.evaluate import Evaluation

        path, schema = spelled(path), parse_schema(path, field_schema)
        with self.snapshot(name) as snapshot:
            check_new_index(snapshot.collection.config, path)
        result = self._change_config(name, lambda config: with_payload_index(config, path, schema))
        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            Evaluation(reader, snapshot.collection.answers, snapshot.view.space).index(index_key(path, schema))
        return result

    def delete_payload_index(self, name: str, path: str) -> models.UpdateResult:
        """Forget a declared index; one that is not there is no error. Raises `FormatError` for what is no path."""
        path = spelled(path)
        return self._change_config(name, lambda config: with_payload_index(config, path, None))

    def collection_exists(self, name: str) -> bool:
        with self._read() as txn:
            return self._directory.catalog(txn).has(name)

    def collection_names(self) -> list[str]:
        with self._read() as txn:
            return sorted(self._directory.catalog(txn).collections)

    def info(self, name: str) -> models.CollectionInfo:
        from minidb.collection.info import collection_info

        with self.snapshot(name) as snapshot:
            collection = snapshot.collection
            if collection.index_error is None:  # who waits for green neither searches nor writes
                self._indexer.welcome(collection)
            busy = self._indexer.is_busy_with(collection)
            return collection_info(PointReader(collection, snapshot.view, snapshot.txn), busy)

    def memory(self, name: str) -> CollectionMemoryReport:
        """What a collection takes of disk and memory."""
        from minidb.collection.memory import memory_report

        with self.snapshot(name) as snapshot:
            return memory_report(PointReader(snapshot.collection, snapshot.view, snapshot.txn))

    def size_stats(self, name: str, *, with_bytes: bool) -> SizeStats:
        """The numbers of a collection that telemetry tells."""
        from minidb.collection.memory import size_stats

        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            return size_stats(reader, with_bytes=with_bytes)

    def index_values(self, name: str) -> dict[str, int]:
        """How many values each declared payload index has."""
        from minidb.collection.facets import n_values

        with self.snapshot(name) as snapshot:
            reader = PointReader(snapshot.collection, snapshot.view, snapshot.txn)
            schemas = snapshot.collection.config.payload_schema.items()
            return {path: n_values(reader, path, schema) for path, schema in schemas}

    def wait_until_indexed(self, name: str, timeout: float | None = None) -> bool:
        """Until the collection is green: nothing left for the background indexer. False when the time was too short."""
        with self.snapshot(name) as snapshot:
            collection = snapshot.collection
        self._indexer.enqueue(collection)
        return self._indexer.wait(collection, timeout)

    # Aliases

    def change_aliases(self, actions: Sequence[models.AliasOperations]) -> bool:
        """All of the actions, in order, or none."""

        def work(txn: WriteTransaction, catalog: Catalog) -> None:
            for action in actions:
                catalog.change_alias(action)

        self.change_catalog(work)
        return True

    def aliases(self, name: str | None = None) -> list[models.AliasDescription]:
        """Aliases of one collection, or all, by name."""
        with self._read() as txn:
            catalog = self._directory.catalog(txn)
            if name is not None and name not in catalog.collections:
                raise catalog.missing(name, catalog.collections)
            return [
                models.AliasDescription(alias_name=alias, collection_name=target)
                for alias, target in sorted(catalog.aliases.items())
                if name is None or target == name
            ]

    def _change_config(self, name: str, change: Callable[[StoredConfig], StoredConfig]) -> models.UpdateResult:
        def work(txn: WriteTransaction) -> int:
            collection = self._directory.find(name, txn)
            stored = collection.staged_config(txn)
            config = change(stored)
            if config == stored:  # no change, but an operation with a number
                return collection.write(txn, lambda draft: None)[1]
            number = collection.replace_config(txn, config)
            txn.on_commit(lambda: self._indexer.welcome(collection))  # other settings may ask for another graph
            return number

        return models.UpdateResult(operation_id=self._write(work), status=models.UpdateStatus.COMPLETED)
