"""The next generation: living points are copied to a new space without gaps, and one commit switches over."""

from __future__ import annotations

import numpy as np

from minidb.collection.collection import Collection
from minidb.collection.config import StoredConfig
from minidb.collection.fields import OFFSET_BYTES, decode_offsets, encode_offsets
from minidb.collection.reads import PointReader
from minidb.collection.view import View
from minidb.storage.checksum import seal_rows
from minidb.storage.interface import RowFile, Store, WriteTransaction
from minidb.storage.records import Head, id_key, new_space, row_key, row_value, space_range, sparse_key, unpack_record

_COPY_ROWS = 16384


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
        space = new_space(txn)
        n_tokens = _copy(store, collection, txn, view, space)
        collection.switch_space(txn, Head(space, view.seq, view.n_alive, view.config_version, n_tokens))
        for table in ("ids", "records", "sparse", "oplog", "checkpoints"):
            txn.delete_range(table, *space_range(view.space))
        txn.delete_range("wal", *space_range(view.space))
        txn.on_commit(lambda: store.drop_space(view.space))

    store.write(work)


def _copy(store: Store, collection: Collection, txn: WriteTransaction, view: View, space: int) -> dict[int, int]:
    reader = PointReader(collection, view, txn)
    n_tokens: dict[int, int] = {}
    for start in range(0, view.n_alive, _COPY_ROWS):
        rows = view.rows[start : start + _COPY_ROWS]
        data = [txn.get("records", row_key(view.space, row)) or b"" for row in rows.tolist()]
        ids = [unpack_record(record).id for record in data]
        txn.put_many("records", [(row_key(space, start + at), record) for at, record in enumerate(data)])
        txn.put_many("ids", [(id_key(space, point_id), row_value(start + at)) for at, point_id in enumerate(ids)])
        for field in view.fields.values():
            has = view.has(field.slot)[rows]
            if field.kind == "sparse":
                for at in np.flatnonzero(has).tolist():
                    packed = txn.get("sparse", sparse_key(view.space, field.slot, int(rows[at])))
                    if packed is not None:
                        txn.put("sparse", sparse_key(space, field.slot, start + at), packed)
                continue
            width = field.row_bytes if field.kind == "dense" else OFFSET_BYTES
            target: RowFile = store.row_file(space, field.rows_file, width)
            copied = np.zeros((len(rows), target.stride), np.uint8)
            old = reader.raw(field.rows_file, width, rows[has], field.slot)
            if field.kind == "multi":
                old_starts, counts = decode_offsets(old)
                end = n_tokens.get(field.slot, 0)
                old = seal_rows(encode_offsets(end + np.cumsum(counts) - counts, counts))
                tokens = store.row_file(view.space, field.tokens_file, field.row_bytes)
                total = int(counts.sum())
                token_rows = (np.arange(total) + np.repeat(old_starts - (np.cumsum(counts) - counts), counts)).astype(
                    np.uint32
                )
                tokens.verify(token_rows, view.n_tokens.get(field.slot, 0), None)
                raw = tokens.raw(view.n_tokens.get(field.slot, 0)).take(token_rows, axis=0)
                store.row_file(space, field.tokens_file, field.row_bytes).append(txn, end, raw)
                n_tokens[field.slot] = end + total
            copied[has] = old
            target.append(txn, start, copied)
    return n_tokens
