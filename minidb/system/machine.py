"""The machine and this process in numbers, for telemetry and metrics. What the system does not tell is left out."""

from __future__ import annotations

import os
import platform
import socket
import stat
import sys
from pathlib import Path

from minidb.system import files

PROC, DESCRIPTORS = Path("/proc"), Path("/dev/fd")
_MOST_BYTES = 1 << 24
_KIB = 1024
_CPU_FLAGS = (
    "sse", "sse2", "avx", "avx2", "fma", "f16c", "avx512f", "avx512vl", "avx512_vpopcntdq", "neon", "asimd", "fphp",
)  # fmt: skip


def distribution() -> tuple[str, str]:
    """The name and the version of the operating system."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return platform.system(), platform.release()
    return release["ID"], release.get("VERSION_ID", "")


def cpu_flags() -> str:
    """Which instructions for vectors the processor has, separated by commas."""
    lines = _text(PROC / "cpuinfo").splitlines()
    known = next((line.split() for line in lines if line.startswith(("flags", "Features"))), [])
    return ",".join(flag for flag in _CPU_FLAGS if flag in known)


def is_docker() -> bool:
    return files.exists(Path("/.dockerenv"))


def ram_kib() -> int | None:
    """Memory of the machine."""
    return _status(PROC / "meminfo").get("MemTotal")


def memory_bytes() -> dict[str, int] | None:
    """This process's memory: `resident`, of that `anonymous` (its own, not of files), and all it has `mapped`."""
    status = _status(PROC / "self" / "status")
    names = {"resident": "VmRSS", "anonymous": "RssAnon", "mapped": "VmSize"}
    return {ours: status[name] * _KIB for ours, name in names.items()} if status.keys() >= {*names.values()} else None


def process_numbers() -> dict[str, int]:
    """Threads, maps, descriptors and page faults of this process, under the names of Qdrant's metrics."""
    fields = _text(PROC / "self" / "stat").rpartition(")")[2].split()
    if not fields:
        return {}
    import resource  # not on Windows, which has no /proc either

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    minor, minor_of_children, major, major_of_children = map(int, fields[7:11])
    return {
        "process_threads": int(fields[17]),
        "process_open_mmaps": _text(PROC / "self" / "maps").count("\n"),
        "system_max_mmaps": int(_text(PROC / "sys" / "vm" / "max_map_count") or 0),
        "process_open_fds": len(files.names(PROC / "self" / "fd")),
        "process_max_fds": min((limit for limit in limits if limit != resource.RLIM_INFINITY), default=0),
        "process_minor_page_faults_total": minor + minor_of_children,
        "process_major_page_faults_total": major + major_of_children,
    }


def descriptors() -> list[int]:
    """What this process has open; nothing where the system does not tell."""
    return [int(name) for name in files.names(DESCRIPTORS) if name.isdigit()]


def socket_of(descriptor: int) -> socket.socket | None:
    """The socket behind a descriptor of this process, by another descriptor; None where it is none, or closed.

    No other descriptor is made of a file: with any that a process closes it loses its locks of the file, LMDB's among
    them, and others take the store for one that nobody has open.
    """
    try:
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return None
        other = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=other)
    except OSError:
        os.close(other)
        return None


def _status(path: Path) -> dict[str, int]:
    """The numbers of a file of lines such as `VmRSS:  1234 kB`."""
    pairs = (line.split()[:2] for line in _text(path).splitlines())
    return {pair[0].rstrip(":"): int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _text(path: Path) -> str:
    """A file of the kernel's, which has no size; nothing where there is none."""
    if sys.platform != "linux":
        return ""
    try:
        with files.File(path) as file:
            return file.read_at(_MOST_BYTES, 0).decode(errors="replace")
    except OSError:
        return ""


endianness = sys.byteorder
cores = os.cpu_count
