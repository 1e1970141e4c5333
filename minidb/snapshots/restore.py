"""Collections out of a snapshot: points go to new spaces in steps, and one commit puts them in the place of the old.

Everything of a file is checked before that commit; what a refused file has filled is gone again. Writers wait for one
step at most, and readers see what was there until the whole of it is replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minidb.catalog import Catalog
from minidb.collection.chunks import Chunk, ChunkWriter, Filled
from minidb.collection.collection import config_key, erase, head_key
from minidb.collection.config import StoredConfig
from minidb.collection.view import filled_view
from minidb.errors import BadInput, MinidbError
from minidb.snapshots import archive
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import Head
from minidb.storage.spaces import Filling, clean, filling, pause
from minidb.system import files

if TYPE_CHECKING:
    from minidb.database import Database


def restore(database: Database, store: Store, path: Path, name: str | None) -> None:
    """Replace collections by those of a file.

    Args:
        name: the one to replace, or to make, by the collection of that name in the file or the only one it holds. None:
            all the file holds, and its aliases.

    Raises:
        BadInput: the file is damaged, is none of minidb's, or holds no such collection.
    """
    try:
        with ExitStack() as stack:
            incoming = _Restore(store, stack, name, files.size(path))
            incoming.read(stack.enter_context(closing(archive.read(path))))  # an error holds this frame
            database.change_catalog(lambda txn, catalog: incoming.switch(database, txn, catalog))
    except OSError as error:
        raise files.failure(error, f"could not restore from {path}") from error
    finally:
        with suppress(MinidbError):  # what is left is deleted when the store is opened again
            clean(store)


@dataclass
class _Incoming:
    """A collection whose points are being read."""

    name: str
    config: StoredConfig
    head: Head
    space: Filling
    writer: ChunkWriter
    filled: Filled = field(default_factory=Filled)
    ids: set[int | str] = field(default_factory=set)


class _Restore:
    def __init__(self, store: Store, spaces: ExitStack, name: str | None, n_bytes: int) -> None:
        self._store, self._spaces, self._name, self._n_bytes = store, spaces, name, n_bytes
        self._incoming: list[_Incoming] = []
        self._aliases: dict[str, str] = {}

    def read(self, frames: Iterator[list[Any]]) -> None:
        """Fill a space for each collection that is wanted."""
        names, aliases = archive.checked_store(next(frames, []))
        targets, found = self._targets(names), list[str]()
        wanted: _Incoming | None = None
        for frame in frames:
            if frame[0] == "collection":
                name, config, seq, version = archive.checked_collection(frame)
                found.append(name)
                wanted = self._begun(targets[name], config, seq, version) if name in targets else None
            elif frame[0] == "points" and found:
                if wanted is not None:
                    self._write(wanted, frame)
            else:
                raise archive.damaged("a part is of no known kind")
        if found != names:
            raise archive.damaged("its collections are not those it names")
        if self._name is None:
            self._aliases = aliases

    def _targets(self, names: list[str]) -> dict[str, str]:
        """Which of the file's collections are restored, and the names they get."""
        if self._name is None:
            return {name: name for name in names}
        source = names[0] if len(names) == 1 else self._name
        if source not in names:
            raise BadInput(f"the snapshot holds no collection `{self._name}`")
        return {source: self._name}

    def _begun(self, name: str, config: StoredConfig, seq: int, version: int) -> _Incoming:
        space = self._spaces.enter_context(filling(self._store))
        writer = ChunkWriter(self._store, space.space)
        writer.reserve(config.fields().values(), self._n_bytes)
        self._incoming.append(_Incoming(name, config, Head(space.space, seq, 0, version), space, writer))
        return self._incoming[-1]

    def _write(self, incoming: _Incoming, frame: list[Any]) -> None:
        vectors = list(incoming.config.fields().values())
        whole = archive.checked_chunk(frame, vectors, incoming.config.next_slot, incoming.head.seq, incoming.ids)
        for chunk in whole.steps():

            def step(txn: WriteTransaction, chunk: Chunk = chunk) -> Filled:
                incoming.space.check(txn)
                return incoming.writer.put(txn, vectors, incoming.filled, chunk)

            incoming.filled = self._store.write(step)
            pause()

    def switch(self, database: Database, txn: WriteTransaction, catalog: Catalog) -> None:
        """Put what was read in the place of what is there."""
        for each in self._incoming:
            number, old = catalog.replace(each.name)
            if old is not None:
                erase(self._store, txn, old)
            head, filled = each.head, each.filled
            head.n_rows, head.n_tokens = filled.n_rows, filled.n_tokens
            txn.put("meta", config_key(number), each.config.pack())
            txn.put("meta", head_key(number), head.pack())
            each.space.name(txn)
            view = filled_view(each.config.fields(), head, each.writer.columns, np.ones(filled.n_rows, bool))
            database.begin_collection(txn, number, each.name, each.config, view)
        for alias, target in self._aliases.items():
            catalog.set_alias(alias, target)
