"""The system calls minidb makes about files, as Linux, macOS and Windows have them: one method for each.

Tests put another `System` in the place of `files.system`: one that fails, records what would be on disk after a power
cut, or behaves as another operating system does.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAGE_BYTES = mmap.PAGESIZE


class System:
    """The system calls, as this machine has them."""

    def __init__(self) -> None:
        self._moving = threading.Lock()  # where there is no positioned read and write

    def open(self, path: Path, *, write: bool, create: bool) -> int:
        flags = (os.O_RDWR if write else os.O_RDONLY) | (os.O_CREAT if create else 0)
        return os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o644)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def read_at(self, descriptor: int, n_bytes: int, offset: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(descriptor, n_bytes, offset)
        with self._moving:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, n_bytes)

    def read_into(self, descriptor: int, rows: NDArray[np.uint8], offsets: Sequence[int]) -> None:
        """Fill each of `(n, width)` rows with what is in the file from its offset on, zeros beyond the end.

        Without letting go of the interpreter's lock, for rows that most likely are in the system's cache: other threads
        would take it before each of them.
        """
        pread, address, width = c_pread(), rows.ctypes.data, rows.shape[1]
        for number, offset in enumerate(offsets):
            if pread is None or pread(descriptor, address + number * width, width, offset) != width:
                piece = self.read_at(descriptor, width, offset)  # which has an error's number, too
                rows[number] = 0
                rows[number, : len(piece)] = list(piece)

    def write_at(self, descriptor: int, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(descriptor, data, offset)
        with self._moving:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)

    def size(self, descriptor: int) -> int:
        return os.fstat(descriptor).st_size

    def is_at(self, descriptor: int, path: Path) -> bool:
        """Whether an open file is the one at `path`. Windows lets nobody move or remove what is open."""
        if fcntl is None:
            return True
        try:
            there = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        own = os.fstat(descriptor)
        return (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino)

    def resize(self, descriptor: int, n_bytes: int) -> None:
        os.ftruncate(descriptor, n_bytes)

    def sync(self, descriptor: int) -> None:
        """Content and length are on the disk, not only on their way to it."""
        full = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:  # macOS: fsync leaves the drive's own cache alone
            with suppress(OSError):  # some file systems have none
                fcntl.fcntl(descriptor, full)
                return
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def map(self, descriptor: int, n_bytes: int) -> mmap.mmap:
        if sys.version_info >= (3, 13):  # before, a map keeps a descriptor of its own
            return mmap.mmap(descriptor, n_bytes, access=mmap.ACCESS_READ, trackfd=False)
        return mmap.mmap(descriptor, n_bytes, access=mmap.ACCESS_READ)

    def lock(self, descriptor: int) -> None:
        """Wait until no other process has the file locked; where there is no such lock files are not cut either."""
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)

    def opens_folders(self) -> bool:
        """Not Windows."""
        return hasattr(os, "O_DIRECTORY")

    def lock_if_free(self, descriptor: int) -> bool:
        """Lock a file that is there for that only, without waiting: whether it is ours now, at most for the life of
        this process."""
        if fcntl is None:
            return _lock_byte(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def lock_first_byte(self, descriptor: int) -> bool:
        """POSIX's lock of a part of a file, as LMDB takes it: whether no other process has one. Ends when this process
        closes any descriptor of the file. Windows replaces no file that is open, and needs none.
        """
        if fcntl is None:
            return True
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 0)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def unlock(self, descriptor: int) -> None:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def sync_folder(self, path: Path) -> None:
        """The entries of a folder are on the disk."""
        if not self.opens_folders():  # nor is any of this needed there
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def make_folder(self, path: Path) -> None:
        os.mkdir(path)

    def replace(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        os.unlink(path)

    def remove_folder(self, path: Path) -> None:
        os.rmdir(path)

    def names(self, path: Path) -> list[str]:
        return os.listdir(path)

    def status(self, path: Path) -> os.stat_result:
        return os.stat(path)

    def resident_bytes(self, buffer: mmap.mmap) -> int:
        """How much of a map the system has in memory; 0 where it does not tell."""
        import ctypes  # lazily, like numpy: both take longer to load than the call

        import numpy as np

        mincore = None if sys.platform == "win32" else getattr(ctypes.CDLL(None), "mincore", None)
        pages = np.zeros(-(-len(buffer) // PAGE_BYTES), np.uint8)
        address = np.frombuffer(buffer, np.uint8).ctypes.data
        sizes = ctypes.c_void_p(address), ctypes.c_size_t(len(buffer)), ctypes.c_void_p(pages.ctypes.data)
        if mincore is None or mincore(*sizes) != 0:
            return 0
        return min(int((pages & 1).sum()) * PAGE_BYTES, len(buffer))

    def free_bytes(self, path: Path) -> int:
        import shutil  # lazily: it brings the archive formats along

        return shutil.disk_usage(path).free


def _lock_byte(descriptor: int) -> bool:
    """Windows' lock, of a byte that nobody may read then: for files that are there to be locked only."""
    import msvcrt

    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return False
    return True


@cache
def c_pread() -> Callable[[int, int, int, int], int] | None:
    """C's `pread`, called with the interpreter's lock; None where there is none."""
    import ctypes

    if not hasattr(os, "pread"):
        return None
    library = ctypes.PyDLL(None)
    call: Any = getattr(library, "pread64", None) or library.pread
    call.argtypes = ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64
    call.restype = ctypes.c_ssize_t
    return call  # type: ignore[no-any-return]
