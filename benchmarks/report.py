"""Results for people (a table per comparison) and for machines (one JSON file with machine and versions)."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.results import Row, Table

_PACKAGES = (
    "minidb-vector", "numpy", "scipy", "hnswlib", "simsimd", "lmdb", "qdrant-client", "qdrant-edge-py", "zvec",
    "lancedb", "chromadb", "pymilvus", "milvus-lite", "usearch", "faiss-cpu", "psutil",
)  # fmt: skip
_HEADER = ("contestant", "median", "p95", "p99", "against minidb (spread)", "recall", "target", "", "note")
FORMAT = 2


def text(table: Table) -> str:
    """One table, as wide as it needs."""
    lines = [_HEADER, *(_cells(row, table.unit) for row in table.rows)]
    used = [at for at in range(len(_HEADER)) if at < 2 or any(line[at] for line in lines[1:])]
    widths = {at: max(len(line[at]) for line in lines) for at in used}
    out = [f"\n{table.title}  [{table.unit}]"]
    out += ["  " + "  ".join(_pad(line[at], widths[at], at) for at in used).rstrip() for line in lines]
    for why in dict.fromkeys(table.absent.values()):
        out.append(f"  absent: {', '.join(name for name, other in table.absent.items() if other == why)}: {why}")
    return "\n".join(out)


def summary(tables: Iterable[Table]) -> str:
    """The targets that could be judged, and which are missed."""
    judged = [(table, row) for table in tables for row in table.rows if row.is_met is not None]
    missed = [(table, row) for table, row in judged if not row.is_met]
    lines = [f"\ntargets judged at this size: {len(judged)}, met: {len(judged) - len(missed)}"]
    for table, row in missed:
        recall = f", recall {row.recall:.3f}" if row.recall is not None else ""
        lines.append(
            f"  missed  {table.name} {row.contestant}: {number(row.median)} {table.unit}{recall} ({row.target})"
        )
    return "\n".join(lines)


def document(settings: dict[str, Any], scenarios: list[dict[str, Any]], scratch: Path) -> dict[str, Any]:
    """Everything a later reader needs to judge the figures."""
    return {
        "format": FORMAT,
        "when": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "machine": _machine(scratch),
        "versions": _versions(),
        "settings": settings,
        "scenarios": scenarios,
    }


def write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, default=str) + "\n")


def conditions(scratch: Path) -> str:
    """The head of a report: where it was measured, and how."""
    machine = _machine(scratch)
    versions = ", ".join(f"{name} {number}" for name, number in _versions().items() if number)
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, load {machine['load']}\n"
        f"Python {platform.python_version()}, {versions}\n"
        f"scratch on {machine['scratch_filesystem']}; BLAS threads: {machine['blas_threads']} "
        "(each contestant in its own process, taking turns; builds use threads of their own)\n"
        "times through each public API, request made and id and payload of every hit read inside the measured time"
    )


def _machine(scratch: Path) -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": f"{platform.system()} {platform.release()}",
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "library's default"),
        "scratch_filesystem": _filesystem(scratch),
    }


def _versions() -> dict[str, str | None]:
    return {package: _version(package) for package in _PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    if not hasattr(os, "sysconf") or sys.platform == "darwin":
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def _filesystem(path: Path) -> str:
    """Type of the filesystem, which decides what a sync costs."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    fields = [line.split() for line in mounts.read_text().splitlines()]
    holding = [(len(field[1]), field[2]) for field in fields if path.resolve().is_relative_to(field[1])]
    return max(holding)[1] if holding else "unknown"


def _cells(row: Row, unit: str) -> tuple[str, ...]:
    ratio = f"× {row.ratio.median:.2f}" if row.ratio is not None else ""
    if row.ratio is not None and row.samples > 1:
        ratio += f" ({row.ratio.low:.2f}–{row.ratio.high:.2f})"
    verdict = {True: "met", False: "MISSED", None: ""}[row.is_met]
    recall = f"{row.recall:.4f}" if row.recall is not None else ""
    p95, p99 = (number(row.p95), number(row.p99)) if row.samples > 1 else ("", "")
    return (row.contestant, number(row.median), p95, p99, ratio, recall, row.target, verdict, row.note)


def number(value: float) -> str:
    """A figure with about three digits."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 1:
        return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{value:.3f}" if value >= 0.1 else f"{value:.4f}"


def _pad(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column in (1, 2, 3, 5) else cell.ljust(width)
