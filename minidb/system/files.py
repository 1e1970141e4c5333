"""Files: opened, written at positions, mapped, synced, replaced and removed, on Linux, macOS and Windows.

Everything here is made of the calls of `system`, in whose place tests put another one. Errors are `OSError`s; `failure`
makes minidb's of them.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from minidb.errors import InsufficientStorage, MinidbError, ServiceError
from minidb.system.calls import System, c_pread
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) if hasattr(errno, "EDQUOT") else (errno.ENOSPC, errno.EFBIG)
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
_BLOCK_BYTES = 1 << 20
_LEFTOVER_SECONDS = 3600.0

system = System()
"""What everything here is made of."""


class File:
    """An open file, closed with its last reference: who still works with it when others let go of it keeps it."""

    __slots__ = ("__weakref__", "_descriptor", "path")

    def __init__(self, path: Path, *, write: bool = False, create: bool = False) -> None:
        """Raises OSError. Where descriptors are short, what nobody works with is given back first."""
        self._descriptor: int | None = None
        self.path = path
        # A descriptor is a number, which nobody closes: an interrupt must not come before it is here.
        uninterrupted(partial(self._take, write, create))

    def _take(self, write: bool, create: bool) -> None:
        try:
            self._descriptor = system.open(self.path, write=write, create=create)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTORS or not relieve():
                raise
            self._descriptor = system.open(self.path, write=write, create=create)

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            system.close(descriptor)

    @property
    def descriptor(self) -> int:
        """For LMDB to write to. Raises `ValueError` once it is closed."""
        return self._open

    @property
    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError(f"{self.path} has been closed")
        return self._descriptor

    def size(self) -> int:
        return system.size(self._open)

    def is_in_place(self) -> bool:
        """Whether it is still what its path names."""
        return system.is_at(self._open, self.path)

    def resize(self, n_bytes: int) -> None:
        system.resize(self._open, n_bytes)

    def sync(self) -> None:
        system.sync(self._open)

    def read_at(self, n_bytes: int, offset: int) -> bytes:
        """So many bytes, or fewer where the file ends."""
        pieces = []
        while n_bytes and (piece := system.read_at(self._open, min(n_bytes, _BLOCK_BYTES), offset)):
            pieces.append(piece)
            offset += len(piece)
            n_bytes -= len(piece)
        return b"".join(pieces)

    def read_into(self, rows: NDArray[np.uint8], offsets: Sequence[int]) -> None:
        """See `System.read_into`."""
        system.read_into(self._open, rows, offsets)

    def write_at(self, offset: int, data: memoryview | bytes) -> None:
        """Write all of `data`."""
        rest = memoryview(data)
        while rest:
            written = system.write_at(self._open, rest, offset)
            offset += written
            rest = rest[written:]

    def mapped(self, n_bytes: int) -> mmap.mmap:
        """The first bytes, read-only; they have to be there."""
        try:
            return system.map(self._open, n_bytes)
        except OSError as error:
            if error.errno not in _NO_DESCRIPTORS or not relieve():
                raise
            return system.map(self._open, n_bytes)

    def lock_if_free(self) -> bool:
        """Whether no other holder has the file locked; then it is, until it is closed."""
        return system.lock_if_free(self._open)

    def lock_first_byte(self) -> bool:
        return system.lock_first_byte(self._open)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Held by one process at a time."""
        system.lock(self._open)
        try:
            yield
        finally:
            system.unlock(self._open)


class Writer:
    """Writes to a file one piece behind the other, from its start."""

    def __init__(self, file: File) -> None:
        self._file = file
        self.position = 0

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data).cast("B")
        self._file.write_at(self.position, view)
        self.position += len(view)
        return len(view)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One process at a time is in here, where the system locks folders; it keeps none from using the folder."""
    if not system.opens_folders():
        yield
        return
    with File(folder) as file:
        with suppress(OSError):  # some file systems lock none
            system.lock(file.descriptor)
        yield


# What may be given back when descriptors are short

_relievers: WeakSet[Any] = WeakSet()


def relieves(holder: Any) -> None:
    """`holder.relieve()` is asked when descriptors are short; True when it has given back any."""
    _relievers.add(holder)


def relieve() -> bool:
    relieved = [holder.relieve() for holder in list(_relievers)]
    return any(relieved)


# Files as a whole


def exists(path: Path) -> bool:
    try:
        system.status(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def may_read(path: Path) -> bool:
    """Whether there is a file for this user to read; False, too, where it may not even be looked for."""
    return os.access(path, os.R_OK)


def is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(system.status(path).st_mode)
    except (OSError, ValueError):  # ValueError: a name no file can have
        return False


def size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return system.status(path).st_size
    except FileNotFoundError:
        return 0


def names(folder: Path) -> list[str]:
    """What a folder holds; nothing where it is not there."""
    try:
        return sorted(system.names(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def reads_in_place() -> bool:
    """Whether `File.read_into` costs little more than a copy of what is mapped."""
    return c_pread() is not None


def read(path: Path) -> bytes:
    with File(path) as file:
        return file.read_at(file.size(), 0)


def mapped(path: Path) -> mmap.mmap | bytes:
    """A whole file, read-only."""
    with File(path) as file:
        n_bytes = file.size()
        return file.mapped(n_bytes) if n_bytes else b""


def make_folders(path: Path, *, durable: bool = False) -> None:
    """A folder and those it lies in; `durable`: and their entries."""
    missing: list[Path] = []
    while not exists(path):
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # somebody else's
            system.make_folder(folder)
        if durable:
            system.sync_folder(folder.parent)


def sync_entries(path: Path, root: Path) -> None:
    """Bring the entry of a file, and those of its folders up to `root`, to disk."""
    while path != root:
        path = path.parent
        system.sync_folder(path)


@contextmanager
def writing(path: Path, *, durable: bool = True) -> Iterator[Writer]:
    """A file written anew from its start; `durable`: synced at the end."""
    with File(path, write=True, create=True) as file:
        file.resize(0)
        yield Writer(file)
        if durable:
            file.sync()


@contextmanager
def written(path: Path, *, durable: bool = True) -> Iterator[Writer]:
    """A file that is there whole after the block, or not at all; `durable`: synced, with its entry."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with writing(temporary, durable=durable) as file:
            yield file
        system.replace(temporary, path)
        if durable:
            system.sync_folder(path.parent)
    except BaseException:
        remove(temporary)
        raise


def remove(path: Path) -> bool:
    """Remove a file. False where the system does not let it go (Windows, while somebody has it open or mapped)."""
    try:
        system.remove(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove what a process left that was killed while it wrote: of files nobody names, those last written an hour ago
    or earlier. A file under way, in any process, is written all the time. What the clock has to come yet was written
    before it was put back.
    """
    now = time.time()
    for path in paths:
        with suppress(OSError):
            if abs(now - system.status(path).st_mtime) > _LEFTOVER_SECONDS:
                remove(path)


def remove_tree(folder: Path) -> bool:
    """Remove a folder and all that is in it. False where something had to stay."""
    is_gone = True
    for name in names(folder):
        path = folder / name
        is_gone &= remove_tree(path) if path.is_dir() and not path.is_symlink() else remove(path)
    try:
        system.remove_folder(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return is_gone


def disk_bytes(path: Path) -> int:
    """What a file, or a folder with all that is in it, takes on the disk: of a sparse file what is there."""
    try:
        status = system.status(path)
    except FileNotFoundError:
        return 0
    if stat.S_ISDIR(status.st_mode):
        return sum(disk_bytes(path / name) for name in names(path))
    return status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size


def free_bytes(path: Path) -> int:
    return system.free_bytes(path)


def resident_bytes(path: Path) -> int:
    """How much of a file the system has in memory, by anybody's doing; 0 for one that is not there."""
    try:
        buffer = mapped(path)
    except OSError:  # gone
        return 0
    return system.resident_bytes(buffer) if isinstance(buffer, mmap.mmap) else 0


def forget_pages(buffer: object) -> None:
    """Give back the memory a pass over a whole map took; the system's cache still has the pages."""
    if isinstance(buffer, mmap.mmap) and hasattr(buffer, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
        buffer.madvise(mmap.MADV_DONTNEED)


def is_full(error: OSError) -> bool:
    return error.errno in _FULL


def full_reason(text: str) -> str | None:
    """With which words a text, which is all that LMDB gives of an error, ends that means there is no room."""
    return next((reason for number in _FULL if text.endswith(reason := os.strerror(number))), None)


def failure(error: OSError, doing: str) -> MinidbError:
    """The error a caller gets for a system call that failed: 507 where there is no room, 500 otherwise.

    Args:
        doing: "could not …".
    """
    if isinstance(error, MinidbError):
        return error
    reason = error.strerror or str(error)
    if error.filename is not None and str(error.filename) not in doing:
        reason = f"{reason}: {error.filename}"
    return (InsufficientStorage if is_full(error) else ServiceError)(f"{doing}: {reason}")
