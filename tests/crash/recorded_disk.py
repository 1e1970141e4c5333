"""A disk that remembers what was asked of it and in which order, and what a power cut may leave of that.

POSIX promises little: of what was written and not synced any part may be there, in any order, torn at any sector; an
entry of a folder that was not synced may be missing or still be there; only what came before a sync is certain. LMDB's
own calls are not seen, so its file is compared before and after each commit: pages, a sync, then the meta page.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from minidb.storage import lmdb_environment
from minidb.storage.interface import Durability
from minidb.system import files
from minidb.system.calls import System

_PAGE = 4096
Event = tuple[Any, ...]


class RecordedDisk(System):
    """The real disk, with every change below `root` written down. Files and folders are numbered, like inodes."""

    def __init__(self, root: Path, durability: Durability, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.events: list[Event] = []
        self._root, self._durability = root, durability
        self._numbers: dict[Path, int] = {root.parent: 0}
        self._n_numbers = 1
        self._opened: dict[int, int] = {}
        self._lock = threading.RLock()
        self._lmdb = b""
        monkeypatch.setattr(files, "system", self)
        monkeypatch.setattr(lmdb_environment, "commit", self._commit)
        monkeypatch.setattr(lmdb_environment, "sync_commits", self._sync_commits)

    def acknowledged(self, what: Any) -> None:
        self.events.append(("acknowledged", what))

    def turn(self) -> tuple[dict[Path, int], int]:
        """Which file has which number, for another process that goes on."""
        return self._numbers, self._n_numbers

    def take_turn(self, names: tuple[dict[Path, int], int]) -> None:
        """Go on where another process, which has `names` of its `RecordedDisk`, ended."""
        self._numbers, self._n_numbers = names
        self._lmdb = (self._root / "data.mdb").read_bytes()

    def _new(self, path: Path) -> int:
        number = self._numbers[path] = self._n_numbers
        self._n_numbers += 1
        self.events.append(("link", self._numbers[path.parent], path.name, number))
        return number

    def _is_ours(self, path: Path) -> bool:
        return path == self._root or self._root in path.parents

    # What minidb does

    def open(self, path: Path, *, write: bool, create: bool) -> int:
        with self._lock:
            descriptor = super().open(path, write=write, create=create)
            if write and self._is_ours(path):
                self._opened[descriptor] = self._numbers.get(path) or self._new(path)
            return descriptor

    def close(self, descriptor: int) -> None:
        with self._lock:
            self._opened.pop(descriptor, None)
            super().close(descriptor)

    def write_at(self, descriptor: int, data: memoryview, offset: int) -> int:
        with self._lock:
            n = super().write_at(descriptor, data, offset)
            if descriptor in self._opened:
                self.events.append(("write", self._opened[descriptor], offset, bytes(data[:n])))
            return n

    def resize(self, descriptor: int, n_bytes: int) -> None:
        with self._lock:
            super().resize(descriptor, n_bytes)
            if descriptor in self._opened:
                self.events.append(("resize", self._opened[descriptor], n_bytes))

    def sync(self, descriptor: int) -> None:
        with self._lock:
            super().sync(descriptor)
            if descriptor not in self._opened:
                return
            number = self._opened[descriptor]
            copy = self._root / "data.mdb.compact"  # which LMDB has written
            if self._numbers.get(copy) == number:
                self.events.append(("write", number, 0, copy.read_bytes()))
            self.events.append(("sync", number))

    def sync_folder(self, path: Path) -> None:
        with self._lock:
            super().sync_folder(path)
            if path in self._numbers:
                self.events.append(("sync", self._numbers[path]))

    def make_folder(self, path: Path) -> None:
        with self._lock:
            super().make_folder(path)
            if self._is_ours(path):
                self._new(path)

    def replace(self, source: Path, target: Path) -> None:
        with self._lock:
            super().replace(source, target)
            if source not in self._numbers:
                return
            number = self._numbers[target] = self._numbers.pop(source)
            folders = self._numbers[source.parent], self._numbers[target.parent]
            self.events.append(("move", folders[0], source.name, folders[1], target.name, number))
            if target.name == "data.mdb":
                self._lmdb = target.read_bytes()

    def remove(self, path: Path) -> None:
        with self._lock:
            super().remove(path)
            self._unlinked(path)

    def remove_folder(self, path: Path) -> None:
        with self._lock:
            super().remove_folder(path)
            self._unlinked(path)

    def _unlinked(self, path: Path) -> None:
        if self._numbers.pop(path, None) is not None:
            self.events.append(("unlink", self._numbers[path.parent], path.name))

    # What LMDB does

    def _commit(self, environment: Any, txn: Any) -> None:
        txn.commit()
        if Path(environment.path()) != self._root:
            return
        with self._lock:
            number, pages = self._changed_pages()
            for at, page in pages:
                if at >= 2:
                    self.events.append(("write", number, at * _PAGE, page))
            if self._durability != "off":
                self.events.append(("sync", number))
            for at, page in pages:
                if at < 2:
                    self.events.append(("write", number, at * _PAGE, page))
            if self._durability == "full":
                self.events.append(("sync", number))

    def _sync_commits(self, environment: Any) -> None:
        environment.sync(True)
        if Path(environment.path()) != self._root:
            return
        with self._lock:
            number, pages = self._changed_pages()
            self.events.extend(("write", number, at * _PAGE, page) for at, page in pages)
            self.events.append(("sync", number))

    def _changed_pages(self) -> tuple[int, list[tuple[int, bytes]]]:
        path = self._root / "data.mdb"
        number = self._numbers.get(path) or self._new(path)
        before, now = self._lmdb, path.read_bytes()
        self._lmdb = now
        starts = range(0, len(now), _PAGE)
        changed = [start for start in starts if now[start : start + _PAGE] != before[start : start + _PAGE]]
        return number, [(start // _PAGE, now[start : start + _PAGE]) for start in changed]


@dataclass
class _File:
    content: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)


class Image:
    """What may be found after a power cut behind the first `n` events."""

    def __init__(self, events: list[Event], rng: random.Random) -> None:
        self._rng = rng
        self._contents: dict[int, _File] = {}
        self._entries: dict[int, dict[str, int]] = {0: {}}
        self._pending_entries: dict[int, list[Event]] = {}
        self._sector = rng.choice([512, _PAGE])
        self._share = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for event in events:
            self._see(event)

    def _see(self, event: Event) -> None:
        match event:
            case ("write" | "resize", number, *_):
                self._contents.setdefault(number, _File()).pending.append(event)
            case ("link" | "unlink" | "move", folder, *_):
                self._pending_entries.setdefault(folder, []).append(event)
            case ("sync", number):
                file = self._contents.get(number)
                if file is not None:
                    for pending in file.pending:
                        _apply(file.content, pending)
                    file.pending.clear()
                for pending in self._pending_entries.pop(number, []):
                    self._enter(pending)

    def _enter(self, event: Event) -> None:
        match event:
            case ("link", folder, name, number):
                self._entries.setdefault(folder, {})[name] = number
            case ("unlink", folder, name):
                self._entries.setdefault(folder, {}).pop(name, None)
            case ("move", old, old_name, folder, name, number):
                self._entries.setdefault(old, {}).pop(old_name, None)
                self._entries.setdefault(folder, {})[name] = number

    def write_to(self, path: Path) -> None:
        """Make the folder, with some of what was under way."""
        for pending in self._pending_entries.values():
            for event in pending:
                if self._rng.random() < self._share:
                    self._enter(event)
        for file in self._contents.values():
            for event in file.pending:
                self._tear(file.content, event)
        path.mkdir()
        self._write_folder(path, 0)

    def _tear(self, content: bytearray, event: Event) -> None:
        if event[0] == "resize":
            if self._rng.random() < self._share:
                _apply(content, event)
            return
        _, number, offset, data = event
        at = 0
        while at < len(data):
            n = self._sector - (offset + at) % self._sector
            if self._rng.random() < self._share:
                _apply(content, ("write", number, offset + at, data[at : at + n]))
            at += n

    def _write_folder(self, path: Path, number: int) -> None:
        for name, child in self._entries.get(number, {}).items():
            file = self._contents.get(child)
            if file is not None:
                (path / name).write_bytes(file.content)
            elif "." in name or name == "data.mdb":
                (path / name).write_bytes(b"")
            else:
                (path / name).mkdir()
                self._write_folder(path / name, child)


def _apply(content: bytearray, event: Event) -> None:
    if event[0] == "resize":
        n = event[2]
        content[:] = content[:n].ljust(n, b"\0")
        return
    _, _, offset, data = event
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data
