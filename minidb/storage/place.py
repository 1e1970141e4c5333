"""Where LMDB's files of an open store are: a store that was moved or removed is not written to."""

from __future__ import annotations

from pathlib import Path

from minidb.errors import ServiceError
from minidb.system import files


class Place:
    """Remembers the files at a path, and says whether they are still those.

    The lock file is one of them: without it another process makes one, and both write at once.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        names = ("data.mdb",) if read_only else ("data.mdb", "lock.mdb")
        self._files = [path / name for name in names]
        self._own: list[tuple[int, int] | None] = []

    def remember(self) -> None:
        """The files that are there now are the store's."""
        self._own = self._there()

    def is_ours(self) -> bool:
        """Whether what is there now are the store's own files."""
        return self._there() == self._own

    def check(self) -> None:
        """Raises `ServiceError` where the store is not at its path any more: rows would be written beside it, or into
        another one that has taken the place. Only while no file is put in the place of this one.
        """
        if not self.is_ours():
            raise ServiceError(
                f"{self._path} was moved or removed while it was open: nothing was written; close it, and open it "
                "again where it is now"
            )

    def _there(self) -> list[tuple[int, int] | None]:
        return [_number(file) for file in self._files]


def _number(path: Path) -> tuple[int, int] | None:
    """What tells a file from any other; None for none."""
    try:
        status = files.system.status(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise files.failure(error, f"could not look at {path}") from error
    return status.st_dev, status.st_ino
