"""What the rooms above may ask of a store: ordered tables with transactions, and files of fixed-width rows.

Two implementations stand behind it, `lmdb_store` (durable) and `memory_store` (the `:memory:` twin). Nothing above this
room knows which one it talks to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from minidb.errors import CorruptionError

Durability = Literal["full", "normal", "off"]
Table = Literal["meta", "ids", "records", "sparse", "oplog", "wal", "checkpoints", "embeddings"]
TABLES: tuple[Table, ...] = ("meta", "ids", "records", "sparse", "oplog", "wal", "checkpoints", "embeddings")
SPACE_TABLES: tuple[Table, ...] = ("ids", "records", "sparse", "oplog", "checkpoints", "wal")
"""Those whose keys begin with the number of a space."""

T = TypeVar("T")


class ReadTransaction(Protocol):
    """A consistent snapshot of all tables. Keys sort as bytes; values are copies, never buffers of the store."""

    is_write: bool
    """True for a transaction whose content may never be committed."""

    @property
    def txn_id(self) -> int:
        """Number of the commit this snapshot shows; equal numbers mean equal content."""

    def get(self, table: Table, key: bytes) -> bytes | None: ...

    def get_many(self, table: Table, keys: Iterable[bytes]) -> list[bytes | None]:
        """The values of several keys, in their order."""

    def scan(self, table: Table, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with `start <= key < stop`, ascending."""


class NoTransaction:
    """Stands in where rows are read long after the snapshot: no table has anything."""

    is_write = False
    txn_id = -1

    def get(self, table: Table, key: bytes) -> bytes | None:
        return None

    def get_many(self, table: Table, keys: Iterable[bytes]) -> list[bytes | None]:
        return [None for _ in keys]

    def scan(self, table: Table, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(())


class WriteTransaction(ReadTransaction, Protocol):
    """The one writer. Everything put here becomes visible together, or not at all."""

    staged: dict[Any, Any]
    """State the rooms above prepare inside the transaction and publish once it is committed."""

    def put(self, table: Table, key: bytes, value: bytes) -> None: ...

    def put_many(self, table: Table, items: list[tuple[bytes, bytes]]) -> None: ...

    def delete(self, table: Table, key: bytes) -> bool: ...

    def delete_range(self, table: Table, start: bytes, stop: bytes, most: int | None = None) -> int:
        """Delete the first `most` entries (None: all) with `start <= key < stop`; how many there were to delete."""

    def savepoint(self) -> AbstractContextManager[None]:
        """What is done inside is undone, `staged` included, when the block raises."""

    def on_commit(self, publish: Callable[[], None]) -> None:
        """Run `publish` right after the commit, before any other writer starts."""


class RowFile(Protocol):
    """Append-only file of rows of one width; every row ends in the CRC-32 of its bytes."""

    name: str
    width: int
    """Bytes of a row's content."""
    stride: int
    """Bytes from one row to the next: content, padding to 4, checksum."""

    def append(self, txn: WriteTransaction, start: int, rows: NDArray[np.uint8]) -> None:
        """Write sealed rows, `(n, stride) uint8`, at row number `start`, which lies at or beyond the committed end."""

    def reserve(self, n_rows: int) -> None:
        """Have room for so many rows, where making it later would copy those there are."""

    def raw(self, n_rows: int) -> NDArray[np.uint8]:
        """The first `n_rows` rows as a read-only `(n_rows, stride)` array over the file; nothing is copied.

        Rows nobody wrote, and rows of a file that was cut short, read as zeros, which no checksum matches.
        """

    def copied(
        self, rows: NDArray[np.uint32], n_rows: int, target: NDArray[np.uint8] | None = None, *, sparing: bool = False
    ) -> NDArray[np.uint8]:
        """Some of the first `n_rows` rows, checked: `(len(rows), stride)`, in `target` where it is given.

        Args:
            sparing: whether memory is worth more than time.
        """

    def verify(self, rows: NDArray[np.uint32], n_rows: int) -> None:
        """Check these rows, each once per process. Raises `CorruptRow` for the first bad one."""

    def verify_all(self, n_rows: int, present: NDArray[np.bool_] | None) -> None:
        """Check every row, once per process.

        `present`, `(n_rows,)`, says which were ever written and still count; None means all.
        """

    def release(self) -> None:
        """After a pass over all rows: let the memory go that only this pass needed."""


class Store(Protocol):
    """One database: its tables, its row files, its folder of derived files."""

    @property
    def read_only(self) -> bool:
        """Whether `write` refuses, and nothing else is written either."""

    @property
    def opening(self) -> bytes:
        """16 random bytes, others each time the store is opened."""

    def check_writable(self) -> None:
        """Raises what `write` would, if it refuses whatever is asked."""

    @property
    def path(self) -> Path | None:
        """None for the in-memory twin, which keeps no derived files."""

    def read(self) -> AbstractContextManager[ReadTransaction]: ...

    def write(self, work: Callable[[WriteTransaction], T]) -> T:
        """Run `work` in the write transaction and commit; concurrent callers share one commit.

        `work` may be run again (when the map had to grow), so it changes nothing but the transaction, `staged` and rows
        beyond the committed end.
        """

    def row_file(self, space: int, name: str, width: int) -> RowFile: ...

    def drop_space(self, space: int) -> None:
        """Forget the row files and derived files of a space no commit names any more."""

    def hold_space(self, space: int) -> None:
        """Show other processes that a space is being filled, until `let_go_of_space` or the end of this process."""

    def let_go_of_space(self, space: int) -> None: ...

    def check_space(self, space: int) -> None:
        """Raises `ServiceError` where files that were filled here have been moved or removed since."""

    def discard_space(self, space: int) -> None:
        """Let go of a space no collection was ever given, and delete its files at once."""

    def compact(self) -> None:
        """Give back the room of what was deleted. Raises `ServiceError` where another process has the store open."""

    def sync_rows(self) -> None:
        """Bring row files to disk and empty the `wal` table; also done when the table has grown and at `close`."""

    def close(self) -> None: ...


class CorruptRow(CorruptionError):
    """A row whose bytes do not match its checksum; the collection adds the point's id."""

    def __init__(self, file: str, row: int) -> None:
        super().__init__(f"{file}: row {row} does not match its checksum")
        self.file = file
        self.row = row
