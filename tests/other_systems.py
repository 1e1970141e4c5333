"""Plays another operating system on this one, as far as Python programs see it. A plugin of pytest's, which loads it
before minidb:

PYTHONPATH=tests MINIDB_SYSTEM=windows python -m pytest -p other_systems tests/storage …
PYTHONPATH=tests MINIDB_SYSTEM=macos python -m pytest -p other_systems tests/storage …

Windows: no positioned reads and writes, no fdatasync, no fork, no flock; nobody opens folders; files that are open or
mapped are neither removed nor replaced. macOS: no fdatasync, F_FULLFSYNC in its place. Both: LMDB's map starts small
and grows.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

N_FULL_SYNCS = [0]
_F_FULLFSYNC = 51
_GONE = ("pread", "pwrite", "fdatasync", "fork", "register_at_fork", "O_DIRECTORY")


def play(system: str) -> None:
    """Behave as `system` ("windows" or "macos") from now on."""
    if system == "windows":
        _take_away_calls()
        _refuse_what_is_in_use()
    elif system == "macos":
        _have_full_syncs()
    else:
        raise ValueError(f"no such system: {system}")
    from minidb.storage import lmdb_environment

    lmdb_environment.sys = SimpleNamespace(platform={"windows": "win32", "macos": "darwin"}[system])  # type: ignore[attr-defined]
    lmdb_environment._FIRST_MAP_BYTES = 1 << 20


def _take_away_calls() -> None:
    for name in _GONE:
        if hasattr(os, name):
            delattr(os, name)
    import fcntl

    real = fcntl.flock
    for module in ("fcntl", "resource"):
        sys.modules[module] = None  # type: ignore[assignment]

    def locking(descriptor: int, mode: int, n_bytes: int) -> None:
        real(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    sys.modules["msvcrt"] = SimpleNamespace(LK_NBLCK=2, locking=locking)  # type: ignore[assignment]


def _refuse_what_is_in_use() -> None:
    os.unlink = os.remove = _refusing(os.unlink)
    os.replace = _refusing(os.replace)
    os.rename = _refusing(os.rename)
    real_open = os.open

    def open(path: Any, *args: Any, **kwargs: Any) -> int:
        if isinstance(path, (str, Path)) and os.path.isdir(path) and "dir_fd" not in kwargs:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real_open(path, *args, **kwargs)

    os.open = open


def _refusing(call: Callable[..., None]) -> Callable[..., None]:
    def refusing(*paths: Any, **kwargs: Any) -> None:
        for path in paths:
            if "minidb" in str(path) or "store" in str(path) or ".mdb" in str(path) or "pytest" in str(path):
                _check_idle(path)
        call(*paths, **kwargs)

    return refusing


def _check_idle(path: Any) -> None:
    real = os.path.realpath(path)
    opened = {os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
    mapped = {line.rstrip("\n").partition("/")[2] for line in _lines("/proc/self/maps")}
    if real in opened or real[1:] in mapped:
        raise PermissionError(errno.EACCES, "The process cannot access the file because it is in use", str(path))


def _lines(path: str) -> list[str]:
    with open(path) as file:
        return file.readlines()


def _have_full_syncs() -> None:
    import fcntl

    del os.fdatasync
    real = fcntl.fcntl

    def with_full_sync(descriptor: Any, command: int, *args: Any) -> Any:
        if command == _F_FULLFSYNC:
            N_FULL_SYNCS[0] += 1
            return os.fsync(descriptor)
        return real(descriptor, command, *args)

    fcntl.F_FULLFSYNC = _F_FULLFSYNC  # type: ignore[attr-defined]
    fcntl.fcntl = with_full_sync  # type: ignore[assignment]


if "MINIDB_SYSTEM" in os.environ:
    play(os.environ["MINIDB_SYSTEM"])
