"""Making snapshots of a database, keeping them in its folder, restoring from them.

A snapshot shows one commit; writers go on meanwhile. A restore is one write transaction: readers see the collection as
it was until the whole of it is replaced. Snapshots outlive the collection they were made of.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import minidb
from minidb.catalog import Catalog
from minidb.collection.chunks import ChunkWriter, read_chunks
from minidb.collection.collection import config_key, erase, head_key
from minidb.collection.config import StoredConfig
from minidb.collection.reads import PointReader
from minidb.errors import BadInput, Forbidden, MinidbError, NotFound
from minidb.models.service import SnapshotDescription, SnapshotRecover
from minidb.snapshots import archive
from minidb.storage.interface import Store, WriteTransaction
from minidb.storage.records import Head, new_space

if TYPE_CHECKING:
    from minidb.database import Database

_DOWNLOAD_SECONDS = 60.0
"""How long a download may stand still."""


class Snapshots:
    """The snapshots of one database. A name of None stands for the whole store."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Forget the snapshots of a store in memory."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def create(self, name: str | None = None) -> SnapshotDescription:
        """A snapshot of a collection, or of all of them with their aliases. Raises `NotFound`, `CorruptionError`."""
        with self._database.reading(name) as (catalog, readers):
            folder = self._folder(None if name is None else next(iter(readers)))
            folder.mkdir(parents=True, exist_ok=True)
            made = datetime.now(timezone.utc)
            path = folder / f"{'full-' if name is None else ''}{made:%Y-%m-%d-%H-%M-%S-%f}.snapshot"
            aliases = {alias: target for alias, target in catalog.aliases.items() if name is None}
            checksum = archive.write(path, _frames(readers, aliases, made))
        path.with_suffix(".sha256").write_text(checksum)
        return _description(path)

    def descriptions(self, name: str | None = None) -> list[SnapshotDescription]:
        """The snapshots there are, the oldest first. Raises `NotFound` for a collection that is not there."""
        return [_description(path) for path in self._paths(name)]

    def path(self, name: str | None, snapshot: str) -> Path:
        """The file of a snapshot. Raises `NotFound`."""
        for path in self._paths(name):
            if path.name == snapshot:
                return path
        raise NotFound(f"Snapshot {snapshot} not found")

    def delete(self, name: str | None, snapshot: str) -> bool:
        """Delete a snapshot's file. Raises `NotFound`."""
        path = self.path(name, snapshot)
        path.with_suffix(".sha256").unlink(missing_ok=True)
        path.unlink()
        return True

    @contextmanager
    def scratch_file(self) -> Iterator[Path]:
        """A file for a snapshot that comes from elsewhere; it is gone after the block."""
        self._root().mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._root(), suffix=".incoming", delete=False) as file:
            path = Path(file.name)
        try:
            yield path
        finally:
            path.unlink()

    def recover(self, name: str | None, request: SnapshotRecover, *, trusted: bool = True) -> bool:
        """Restore from where a request says; see `restore`.

        Args:
            trusted: whether the caller may name files and addresses; others only name snapshots of this store.

        Raises:
            BadInput: there is nothing, or nothing that can be read.
            Forbidden: a caller who is not trusted names something else.
        """
        parsed = urlsplit(request.location)
        path = Path(unquote(parsed.path)) if parsed.scheme == "file" else None
        if not trusted and (path is None or not path.resolve().is_relative_to(self._root().resolve())):
            raise Forbidden("over the network only snapshots of this store can be named: upload the file instead")
        if path is not None:
            if not path.is_file():
                raise BadInput(f"Snapshot file {path} does not exist")
            return self.restore(name, path, request.checksum)
        if parsed.scheme not in ("http", "https"):
            raise BadInput(f"Invalid snapshot location {request.location}, expected a file:, http: or https: URL")
        with self.scratch_file() as scratch:
            _download(request.location, request.api_key, scratch)
            return self.restore(name, scratch, request.checksum)

    def restore(self, name: str | None, path: Path, checksum: str | None = None) -> bool:
        """Replace a collection, made if it is not there, by what a file holds; or all collections the file holds.

        Collections the file does not hold stay as they are; aliases stay, those of a whole store's snapshot are set.

        Args:
            checksum: SHA-256 the file must have, in hexadecimal.

        Raises:
            BadInput: the file is damaged, is none of minidb's, or holds no such collection. Nothing is changed then.
        """
        if checksum is not None and (found := archive.sha256(path)) != checksum.strip().lower():
            raise BadInput(f"Snapshot checksum mismatch: expected {checksum}, got {found}")

        def change(txn: WriteTransaction, catalog: Catalog) -> None:
            _Restore(self._store, txn, catalog, name).run(path)

        self._database.change_catalog(change)
        return True

    def _root(self) -> Path:
        if self._store.path is not None:
            return self._store.path / "snapshots"
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="minidb-snapshots-")
        return Path(self._temporary.name)

    def _folder(self, name: str | None) -> Path:
        """Folders have no text of users in their names, so that any name is a safe one."""
        return self._root() / ("store" if name is None else hashlib.blake2b(name.encode(), digest_size=16).hexdigest())

    def _paths(self, name: str | None) -> list[Path]:
        real = None if name is None else self._database.real_name(name)
        return sorted(self._folder(real).glob("*.snapshot"))


def _download(url: str, api_key: str | None, target: Path) -> None:
    import httpx  # 50 ms, and few need it

    headers = {} if api_key is None else {"api-key": api_key}
    try:
        with (
            httpx.stream("GET", url, headers=headers, timeout=_DOWNLOAD_SECONDS) as response,
            open(target, "wb") as file,
        ):
            if response.status_code != 200:
                raise BadInput(f"Failed to download the snapshot: status {response.status_code}")
            for block in response.iter_bytes(1 << 20):
                file.write(block)
    except httpx.HTTPError as error:
        raise BadInput(f"Failed to download the snapshot: {type(error).__name__}") from None


def _description(path: Path) -> SnapshotDescription:
    status, checksum = path.stat(), path.with_suffix(".sha256")
    made = datetime.fromtimestamp(status.st_mtime, timezone.utc)
    return SnapshotDescription(
        name=path.name,
        creation_time=f"{made:%Y-%m-%dT%H:%M:%S}",
        size=status.st_size,
        checksum=checksum.read_text() if checksum.exists() else None,
    )


def _frames(readers: dict[str, PointReader], aliases: dict[str, str], made: datetime) -> Iterator[list[Any]]:
    about = {"format": archive.FORMAT, "minidb": minidb.__version__, "created_at": made.isoformat(), "aliases": aliases}
    yield ["store", about]
    for name, reader in readers.items():
        view = reader.view
        yield ["collection", name, reader.collection.config.pack(), view.seq, view.config_version]
        for chunk in read_chunks(reader):
            yield archive.points_frame(chunk)
    yield ["end", len(readers)]


class _Restore:
    """One pass over a file, inside a write transaction.

    With a name, the collection of that name in the file, or the only one it holds, replaces that collection.
    """

    def __init__(self, store: Store, txn: WriteTransaction, catalog: Catalog, name: str | None) -> None:
        self._store, self._txn, self._catalog = store, txn, catalog
        self._name = None if name is None else catalog.aliases.get(name, name)
        self._n_restored = 0
        self._names: set[str] = set()
        self._begun: tuple[int, Head, ChunkWriter, set[int | str]] | None = None

    def run(self, path: Path) -> None:
        single = self._name is not None and sum(frame[0] == "collection" for frame in archive.read(path)) == 1
        aliases: Any = {}
        for frame in archive.read(path):
            match frame:
                case ["store", {"format": int(number), "aliases": dict(aliases)}]:
                    if number > archive.FORMAT:
                        raise BadInput(f"the snapshot has format {number}, this minidb reads up to {archive.FORMAT}")
                case ["collection", str(name), bytes(config), int(seq), int(version)]:
                    self._finish()
                    if name in self._names:
                        raise archive.damaged(f"collection `{name}` is there twice")
                    self._names.add(name)
                    if self._name is None or single or name == self._name:
                        self._begin(self._name or name, config, seq, version)
                case ["points", *_]:
                    if self._begun is not None:
                        _, _, writer, ids = self._begun
                        writer.put(archive.checked_chunk(frame, writer.fields, ids))
                case ["end", int(number)] if number == len(self._names):
                    self._finish()
                case _:
                    raise archive.damaged("a part is of no known kind")
        if self._name is not None and not self._n_restored:
            raise BadInput(f"the snapshot holds no collection `{self._name}`")
        if self._name is None:
            for alias, target in aliases.items():
                self._catalog.set_alias(alias, target)

    def _begin(self, name: str, packed: bytes, seq: int, version: int) -> None:
        try:
            config = StoredConfig.unpack(packed)
            fields = config.fields()
        except (MinidbError, ValueError, TypeError, KeyError, AttributeError):
            raise archive.damaged(f"the configuration of collection `{name}`") from None
        number, old = self._catalog.replace(name)
        if old is not None:
            erase(self._store, self._txn, old)
        self._txn.put("meta", config_key(number), config.pack())
        writer = ChunkWriter(self._store, self._txn, new_space(self._txn), list(fields.values()))
        self._begun = (number, Head(writer.space, seq, 0, version), writer, set())

    def _finish(self) -> None:
        if self._begun is None:
            return
        number, head, writer, _ = self._begun
        head.n_rows, head.n_tokens = writer.n_rows, writer.n_tokens
        self._txn.put("meta", head_key(number), head.pack())
        self._n_restored += 1
        self._begun = None
