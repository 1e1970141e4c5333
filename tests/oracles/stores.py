"""Both kinds of store behind one handle that can be closed and opened again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from minidb import QdrantClient

KINDS = ["memory", "durable"]


class StoreHandle:
    """`handle.client` is an open client; `reopen` gives a new one on the same data. A context manager."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._path = tempfile.mkdtemp(prefix="minidb-test-") if kind == "durable" else None
        self.client = self._open()

    def _open(self) -> QdrantClient:
        return QdrantClient(self._path or ":memory:", durability="off")

    def reopen(self) -> None:
        """Close and open; what is in memory would be gone, so that store just stays open."""
        if self.kind == "durable":
            self.client.close()
            self.client = self._open()

    def close(self) -> None:
        self.client.close()
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)

    def __enter__(self) -> StoreHandle:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


@contextmanager
def new_store(kind: str) -> Iterator[QdrantClient]:
    with StoreHandle(kind) as handle:
        yield handle.client
