"""Making snapshots of a database, keeping them in its folder, restoring from them.

A snapshot shows one commit; writers go on meanwhile (a store in memory keeps them waiting, having one state only).
Snapshots outlive the collection they were made of.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
import uuid
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from minidb.collection.chunks import read_chunks
from minidb.collection.collection import config_key
from minidb.collection.reads import PointReader
from minidb.errors import BadInput, BadRequest, CorruptionError, Forbidden, MinidbError, NotFound, ServiceError
from minidb.models.service import SnapshotDescription, SnapshotRecover
from minidb.snapshots import archive
from minidb.snapshots.restore import restore
from minidb.storage.interface import Store
from minidb.system import files
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from minidb.database import Database

_DOWNLOAD_SECONDS = 60.0
"""How long a download may stand still."""
_UNDER_WAY = ".part"


class Snapshots:
    """The snapshots of one database. A name of None stands for the whole store."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = weakref.proxy(database)  # which has these, and is closed when nobody else holds it
        self._store = store
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        self._describing = threading.Lock()  # Windows removes no file that is being read
        if store.path is not None and not store.read_only:
            self._remove_leftovers()

    def close(self) -> None:
        """Forget the snapshots of a store in memory."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def create(self, name: str | None = None) -> SnapshotDescription:
        """A snapshot of a collection, or of all of them with their aliases. Raises `NotFound`, `CorruptionError`."""
        self._database.check_writable()
        return uninterrupted(partial(self._create, name))

    def _create(self, name: str | None) -> SnapshotDescription:
        with self.scratch_file() as scratch:
            with self._database.reading(name) as (catalog, readers):
                folder = self._folder(None if name is None else next(iter(readers)))
                frames = _frames(readers, catalog.aliases if name is None else {})
                try:
                    checksum = archive.write(scratch, frames)
                except OSError as error:  # of reading there are none: those have been translated
                    raise files.failure(error, f"could not write a snapshot to {scratch.parent}") from error
            files.make_folders(folder)
            path = _new_path(folder, "full-" if name is None else "")
            beside = path.with_suffix(".sha256")
            try:
                with files.written(beside) as file:  # first, so that no list has a snapshot without
                    file.write(checksum.encode())
                files.system.replace(scratch, path)
                if self._store.path is not None:
                    files.sync_entries(path, self._store.path)
            except BaseException:
                files.remove(path)
                files.remove(beside)
                raise
            with self._describing:
                return _description(path)

    def descriptions(self, name: str | None = None) -> list[SnapshotDescription]:
        """The snapshots there are, the oldest first. Raises `NotFound` for a collection that is not there."""
        found = []
        for path in self._paths(name):
            with suppress(FileNotFoundError), self._describing:  # deleted meanwhile
                found.append(_description(path))
        return found

    def path(self, name: str | None, snapshot: str) -> Path:
        """The file of a snapshot. Raises `NotFound`."""
        for path in self._paths(name):
            if path.name == snapshot:
                return path
        raise NotFound(f"Snapshot {snapshot} not found")

    def delete(self, name: str | None, snapshot: str) -> bool:
        """Delete a snapshot's file. Raises `NotFound`."""
        self._database.check_writable()
        path = self.path(name, snapshot)
        with self._describing:
            if not files.remove(path):
                raise ServiceError(f"could not remove {path}: somebody has it open")
            files.remove(path.with_suffix(".sha256"))
        return True

    @contextmanager
    def scratch_file(self) -> Iterator[Path]:
        """A file for a snapshot that is being written or received; it is gone after the block.

        Raises `InsufficientStorage`, `ServiceError` where the file system does not do as it is told.
        """
        path = self._root() / f"{uuid.uuid4().hex}{_UNDER_WAY}"
        try:
            files.make_folders(path.parent)
            yield path
        except OSError as error:
            raise files.failure(error, f"could not write a snapshot to {path.parent}") from error
        finally:
            files.remove(path)

    def _remove_leftovers(self) -> None:
        """One that is being restored from stays open, which is as good as being there."""
        root = self._root()
        alone = (path for path in root.glob("*/*.sha256") if not path.with_suffix(".snapshot").exists())
        files.remove_leftovers([*root.glob(f"*{_UNDER_WAY}"), *root.glob("*/*.tmp"), *alone])

    def recover(
        self, name: str | None, request: SnapshotRecover, *, any_file: bool = True, addresses: bool = True
    ) -> bool:
        """Restore from where a request says; see `restore`.

        Args:
            any_file: whether the caller may name files anywhere; others only name snapshots of this store.
            addresses: whether the caller may have this process ask other servers.

        Raises:
            BadRequest: there is nothing, or no way to it.
            BadInput: nothing that can be read.
            Forbidden: the caller may not name it.
        """
        url = urlsplit(request.location)
        if url.scheme == "file":
            path = _file_of(url)
            if not any_file:
                path = self._own(path)
            if not os.path.isfile(path):
                raise BadRequest(f'Snapshot file "{path}" does not exist')
            return self.restore(name, path, request.checksum)
        if url.scheme not in ("http", "https"):
            raise BadRequest(f"URL {request.location} with scheme {url.scheme} is not supported")
        if not addresses:
            raise Forbidden("Snapshot recovery from remote URLs is disabled in the configuration")
        with self.scratch_file() as scratch:
            _download(request.location, request.api_key, scratch)
            return self.restore(name, scratch, request.checksum)

    def _own(self, path: Path) -> Path:
        """The file behind all links, if it lies in the folder of snapshots. Whether another exists is not told."""
        try:
            real, root = path.resolve(), self._root().resolve()
            in_circle = os.path.islink(real)  # which from Python 3.13 on is no error
            if path.suffix == real.suffix == ".snapshot" and real.is_relative_to(root) and not in_circle:
                return real
        except (OSError, ValueError, RuntimeError):  # no name of a file, or links in a circle
            pass
        raise Forbidden("Snapshot file path must be inside the snapshots directory: upload the file instead")

    def restore(self, name: str | None, path: Path, checksum: str | None = None) -> bool:
        """Replace a collection, made if it is not there, by what a file holds; or all collections the file holds.

        Collections the file does not hold stay as they are; aliases stay, those of a whole store's snapshot are set.

        Args:
            checksum: SHA-256 the file must have, in hexadecimal.

        Raises:
            BadInput: the file is damaged, is none of minidb's, or holds no such collection. Nothing is changed then.
        """
        if checksum is not None and (found := archive.sha256(path)) != checksum.lower():
            text = f"Checksum mismatch: expected {checksum}, actual {found}"
            raise BadInput(text).reworded(text)

        self._database.check_writable()
        real = None if name is None else self._database.real_name(name, may_be_new=True)
        uninterrupted(partial(restore, self._database, self._store, path, real))
        return True

    def _root(self) -> Path:
        if self._store.path is not None:
            return self._store.path / "snapshots"
        with self._lock:
            if self._temporary is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="minidb-snapshots-")
            return Path(self._temporary.name)

    def _folder(self, name: str | None) -> Path:
        """Folders have no text of users in their names, so that any name is a safe one."""
        return self._root() / ("store" if name is None else hashlib.blake2b(name.encode(), digest_size=16).hexdigest())

    def _paths(self, name: str | None) -> list[Path]:
        real = None if name is None else self._database.real_name(name)
        return sorted(path for path in self._folder(real).glob("*.snapshot") if not path.is_dir())

    def verify(self) -> tuple[int, list[str]]:
        """Read all snapshots, of collections that are gone, too; how many there are, and what is damaged."""
        if self._store.path is None and self._temporary is None:
            return 0, []
        paths, damage = sorted(path for path in self._root().glob("*/*.snapshot") if not path.is_dir()), []
        for path in paths:
            try:
                with self._describing:
                    checksum = _stored_checksum(path.with_suffix(".sha256"))
                if checksum is not None and archive.sha256(path) != checksum:
                    damage.append(f"{path} does not match its SHA-256")
                    continue
                for _ in archive.read(path):
                    pass
            except MinidbError as error:
                if path.exists():  # else it was deleted meanwhile
                    damage.append(f"{path}: {error}")
        return len(paths), damage


def _new_path(folder: Path, prefix: str) -> Path:
    """Named by the time; by a later one where a clock that stands still or goes back has named another so."""
    made = datetime.now(timezone.utc)
    while True:
        path = folder / f"{prefix}{made:%Y-%m-%d-%H-%M-%S-%f}.snapshot"
        if not files.exists(path):
            return path
        made += timedelta(microseconds=1)


def _file_of(url: SplitResult) -> Path:
    """The file a `file:` URL names."""
    from urllib.request import url2pathname  # 20 ms, and few need it

    if url.netloc.lower() not in ("", "localhost"):
        raise BadRequest("Invalid snapshot URI, file path must be absolute or on localhost")
    return Path(url2pathname(url.path))


def _download(url: str, api_key: str | None, target: Path) -> None:
    import httpx  # 50 ms, and few need it

    headers = {} if api_key is None else {"api-key": api_key}
    try:
        with (
            httpx.stream("GET", url, headers=headers, timeout=_DOWNLOAD_SECONDS) as response,
            files.writing(target, durable=False) as file,
        ):
            if response.status_code != 200:
                raise BadInput(f"Failed to download the snapshot: status {response.status_code}")
            for block in response.iter_bytes(1 << 20):
                file.write(block)
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise BadInput(f"Failed to download the snapshot: {type(error).__name__}") from None


def _description(path: Path) -> SnapshotDescription:
    status, checksum = path.stat(), path.with_suffix(".sha256")
    return SnapshotDescription(
        name=path.name,
        creation_time=_moment(status.st_mtime),
        size=status.st_size,
        checksum=_stored_checksum(checksum),
    )


def _moment(seconds: float) -> str | None:
    """None for what is beyond the calendar, as clocks and file systems may have it."""
    try:
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return None


def _stored_checksum(file: Path) -> str | None:
    """What lies beside a snapshot, None for nothing. Raises `CorruptionError` for anything but a SHA-256."""
    try:
        text = file.read_bytes().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorruptionError(f"{file} cannot be read: {error.strerror}") from error
    if text and not re.fullmatch("[0-9a-f]{64}", text):
        raise CorruptionError(f"{file} is damaged: it holds no SHA-256 in hexadecimal")
    return text or None


def _frames(readers: dict[str, PointReader], aliases: dict[str, str]) -> Iterator[list[Any]]:
    yield archive.store_frame(readers, aliases)
    for name, reader in readers.items():
        view = reader.view
        # not the collection's own `config`, which may be newer than the transaction by now
        config = reader.txn.get("meta", config_key(reader.collection.number))
        yield ["collection", name, config, view.seq, view.config_version]
        for chunk in read_chunks(reader):
            yield archive.points_frame(chunk)
    yield ["end"]
