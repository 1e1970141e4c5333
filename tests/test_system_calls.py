"""Files are the business of `minidb/system`: nobody else asks the operating system about them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import minidb

PACKAGE = Path(minidb.__file__).parent
CALLS = {
    "open", "close", "read", "write", "pread", "pwrite", "unlink", "remove", "replace", "rename", "mkdir", "makedirs",
    "rmdir", "fsync", "fdatasync", "ftruncate", "truncate", "listdir", "scandir", "stat", "fstat", "chmod", "getpid",
    "fork", "register_at_fork", "statvfs", "lseek", "utime",
}  # fmt: skip
METHODS = {"unlink", "mkdir", "rmdir", "rename", "write_bytes", "write_text", "memmap", "symlink_to"}
MODULES = {"fcntl", "msvcrt", "mmap", "shutil", "tempfile", "resource"}
ALLOWED: dict[str, set[str]] = {
    "storage/open_files.py": {"resource"},  # how many there may be
    "storage/rows.py": {"mmap"},  # for a type
    "collection/memory.py": {"mmap"},  # the same
    "rest/encoding.py": {"mmap"},  # bodies of requests are spooled and mapped
    "rest/message.py": {"mmap"},
    "rest/snapshots.py": {"mmap"},
    "server/app.py": {"mmap"},
    "server/body.py": {"mmap", "tempfile"},
    "server/log_lines.py": {"write"},  # to the process's standard error
    "snapshots/snapshots.py": {"tempfile"},  # where a store in memory keeps them
    "inference/weights.py": {"scandir"},  # other people's folders of models
    "text/_generate_data.py": {"write_bytes"},
}
"""Nothing here touches the files of a store."""


def used(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            is_os = isinstance(node.value, ast.Name) and node.value.id == "os"
            if node.attr in (CALLS if is_os else METHODS):
                found.add(node.attr)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_files_are_asked_for_through_the_seam(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    if name.startswith(("system/", "cli/")):  # the command line has its callers' files
        return
    assert used(path) <= ALLOWED.get(name, set())
