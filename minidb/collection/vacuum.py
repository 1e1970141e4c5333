"""The next generation: living points are copied to a new space without gaps, and one commit switches over."""

from __future__ import annotations

from minidb.collection.collection import Collection, erase_space
from minidb.collection.config import StoredConfig
from minidb.collection.reads import PointReader
from minidb.collection.view import View
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import Head, new_space


def worth_vacuuming(view: View, config: StoredConfig) -> bool:
    """Whether enough rows are dead: `deleted_threshold` of at least `vacuum_min_vector_number` rows."""
    settings = config.config.optimizer_config
    least = 1000 if settings.vacuum_min_vector_number is None else settings.vacuum_min_vector_number
    share = 0.2 if settings.deleted_threshold is None else settings.deleted_threshold
    return view.n_rows >= least and view.n_rows - view.n_alive > share * view.n_rows


def vacuum(store: Store, collection: Collection) -> None:
    """Write and switch to the next generation. Readers keep the one they have; writers wait for the copy."""

    def work(txn: WriteTransaction) -> None:
        view = collection.staged_view(txn)
        if not worth_vacuuming(view, collection.staged_config(txn)):
            return
        from minidb.collection.chunks import ChunkWriter, read_chunks

        writer = ChunkWriter(store, txn, new_space(txn), view.fields.values())
        for chunk in read_chunks(PointReader(collection, view, txn)):
            writer.put(chunk)
        head = Head(writer.space, view.seq, writer.n_rows, view.config_version, writer.n_tokens)
        collection.switch_space(txn, head)
        erase_space(store, txn, view.space)

    store.write(work)
