"""The files of a store's spaces: row files and derived files, the log that brings row bytes back, and what is removed.

Files are removed when no commit that may come back after a power cut names them and no reader still does: a removal
waits until the commit that stopped naming the space is on the disk (`on_disk`), and for the oldest reader.
"""

from __future__ import annotations

import threading
from pathlib import Path

from minidb.storage.interface import ReadTransaction, WriteTransaction
from minidb.storage.open_files import OpenFiles
from minidb.storage.records import Head
from minidb.storage.rows import MappedRowFile
from minidb.storage.spaces import being_filled
from minidb.system import files
from minidb.system.files import File

FOLDERS = ("rows", "derived")
_HOLD = "filling.lock"
"""In the folder of a space somebody fills, and locked by them."""
_ALL = (b"", b"\xff" * 8)


class SpaceFiles:
    """Used by `LmdbStore`, which says when."""

    def __init__(self, root: Path, *, durable: bool, writable: bool) -> None:
        self._root = root
        self._durable, self._writable = durable, writable
        self._row_files: dict[tuple[int, str], MappedRowFile] = {}
        self._lock = threading.Lock()
        self._dropped: list[tuple[int, int]] = []  # (space, first commit that no longer names it)
        self._held: dict[int, File] = {}

    def row_file(self, space: int, name: str, width: int) -> MappedRowFile:
        key = (space, name)
        file = self._row_files.get(key)
        if file is None or file.width != width:  # of a write that failed; its space's number was given away again
            with self._lock:
                file = self._row_files.get(key)
                if file is None or file.width != width:
                    path, wal_key = self._root / "rows" / str(space) / name, space.to_bytes(4, "big") + name.encode()
                    file = self._row_files[key] = MappedRowFile(
                        path, self._root, wal_key, width, durable=self._durable, writable=self._writable
                    )
        return file

    def close(self) -> None:
        with self._lock:
            row_files, self._row_files = list(self._row_files.values()), {}
            for space in list(self._held):
                self.let_go(space)
        _let_go(row_files)

    # What is being filled

    def hold(self, space: int) -> None:
        """Raises OSError. A space that is held already, by a transaction that failed, stays held."""
        if space not in self._held:
            path = self._hold_path(space)
            files.make_folders(path.parent)
            file = File(path, write=True, create=True)
            file.lock_if_free()
            self._held[space] = file

    def let_go(self, space: int) -> None:
        file = self._held.pop(space, None)
        if file is not None:
            file.close()
            files.remove(self._hold_path(space))

    def check(self, space: int) -> None:
        """See `Store.check_space`."""
        with self._lock:
            row_files = [file for (its_space, _), file in self._row_files.items() if its_space == space]
        for file in row_files:
            file.check_place()

    def is_held(self, space: int) -> bool:
        """By this process or another one; asked within a write transaction only, as they are taken within one."""
        path = self._hold_path(space)
        if space in self._held:
            return True
        if not files.exists(path):
            return False
        with File(path, write=True) as file:
            return not file.lock_if_free()

    def _hold_path(self, space: int) -> Path:
        return self._root / "rows" / str(space) / _HOLD

    # What is removed

    @property
    def n_dropped(self) -> int:
        return len(self._dropped)

    def drop(self, space: int, txn_id: int) -> None:
        """From commit `txn_id` on nothing names the space."""
        self._dropped.append((space, txn_id))

    def is_any_ripe(self, oldest_reader: int | None) -> bool:
        """Whether there are dropped spaces that no reader can name."""
        return any(oldest_reader is None or oldest_reader >= txn_id for _, txn_id in self._dropped)

    def remove_dropped(self, oldest_reader: int | None) -> None:
        """Delete the files of dropped spaces that no reader, in any process, can still name."""
        waiting = [each for each in self._dropped if oldest_reader is not None and oldest_reader < each[1]]
        ripe = [each for each in self._dropped if each not in waiting]
        self._dropped = waiting + [each for each in ripe if not self.discard(each[0])]

    def discard(self, space: int) -> bool:
        """Delete the files of a space. False where some have to stay for now: mapped elsewhere, on Windows."""
        with self._lock:
            row_files = [self._row_files.pop(key) for key in list(self._row_files) if key[0] == space]
        _let_go(row_files)
        gone = [files.remove_tree(self._root / folder / str(space)) for folder in FOLDERS]
        return all(gone)

    def orphans(self, txn: ReadTransaction) -> list[int]:
        """Spaces with folders that no collection has and nobody fills: of a process that was killed, or closed while
        others read."""
        live = {Head.unpack(head).space for _, head in txn.scan("meta", b"head", b"heae")} | being_filled(txn)
        found = {name for folder in FOLDERS for name in files.names(self._root / folder)}
        return sorted({int(name) for name in found if name.isdigit()} - live)

    # The log of row bytes

    def empty_wal(self, txn: WriteTransaction) -> None:
        """Sync every file the log has bytes of, whoever wrote them: then those may go.

        What it has of files that somebody removed stays, to be written again when the store is opened.
        """
        keys = [key for key, _ in txn.scan("wal", *_ALL)]
        synced = set[bytes]()
        for head in sorted({key[:-8] for key in keys}):
            path = self._path(head)
            if files.exists(path):
                with File(path, write=True) as file:
                    file.sync()
                files.sync_entries(path, self._root)
                synced.add(head)
        if len(synced) == len({key[:-8] for key in keys}):
            txn.delete_range("wal", *_ALL)
            return
        for key in keys:
            if key[:-8] in synced:
                txn.delete("wal", key)

    def replay_wal(self, txn: ReadTransaction) -> None:
        """Bring back row bytes a power cut may have taken: everything in the log is written again."""
        opened: tuple[bytes, File] | None = None
        for key, data in txn.scan("wal", *_ALL):
            head, offset = key[:-8], int.from_bytes(key[-8:], "big")
            if opened is None or opened[0] != head:
                path = self._path(head)
                files.make_folders(path.parent)
                opened = (head, File(path, write=True, create=True))
            opened[1].write_at(offset, data)

    def has_logged_bytes(self, txn: ReadTransaction) -> bool:
        """Whether the files have what the log has."""
        for key, data in txn.scan("wal", *_ALL):
            path, offset = self._path(key[:-8]), int.from_bytes(key[-8:], "big")
            if not files.exists(path):
                return False
            with File(path) as file:
                if file.read_at(len(data), offset) != data:
                    return False
        return True

    def _path(self, head: bytes) -> Path:
        return self._root / "rows" / str(int.from_bytes(head[:4], "big")) / head[4:].decode()


def _let_go(row_files: list[MappedRowFile]) -> None:
    for file in row_files:
        OpenFiles.of_process().forget(file)
        file.close()


def holds_files(root: Path) -> list[str]:
    """Folders of a store that have anything in them, beside its data file."""
    return [name for name in (*FOLDERS, "snapshots") if files.names(root / name)]
