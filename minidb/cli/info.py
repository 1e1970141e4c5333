"""`minidb info`: the collections of a store, their sizes and states.

Opens only what is a store already, so a mistyped path makes no directory. Called by `main`.
"""

from __future__ import annotations

from pathlib import Path

from minidb import QdrantClient, models
from minidb.cli.table import clip, render, terminal_width
from minidb.errors import NotFound


def run(path: Path) -> None:
    """Print a table of the collections of the store at `path`. Raises NotFound when there is no store."""
    if not (path / "data.mdb").is_file():
        raise NotFound(f"there is no store at {path}")
    width = terminal_width()
    with QdrantClient(path) as client:
        rows = [
            _row(collection.name, client.get_collection(collection.name))
            for collection in client.get_collections().collections
        ]
        aliases = client.get_aliases().aliases
    print(clip(f"{path}: {_count(len(rows), 'collection')}, {_disk_bytes(path) / 1e6:,.1f} MB on disk", width))
    if rows:
        print(
            "\n".join(
                ["", *render(("collection", "status", "points", "indexed", "vectors"), rows, width, right=(2, 3))]
            )
        )
    for alias in aliases:
        print(clip(f"{alias.alias_name} is an alias of {alias.collection_name}", width))


def _row(name: str, info: models.CollectionInfo) -> tuple[str, ...]:
    points, indexed = info.points_count or 0, info.indexed_vectors_count or 0
    return clip(name, 30), str(info.status.value), f"{points:,}", f"{indexed:,}", _vectors(info.config.params)


def _vectors(params: models.CollectionParams) -> str:
    dense = params.vectors or {}
    named = dense if isinstance(dense, dict) else {"(unnamed)": dense}
    parts = [f"{name} {vector.size} {vector.distance.value}" for name, vector in named.items()]
    parts += [
        f"{name} sparse{' ' + vector.modifier.value if vector.modifier else ''}"
        for name, vector in (params.sparse_vectors or {}).items()
    ]
    return ", ".join(parts) or "none"


def _disk_bytes(path: Path) -> int:
    """Bytes the files take; sparse files (LMDB's map) count what they occupy, where the system tells."""
    stats = [file.stat() for file in path.rglob("*") if file.is_file()]
    return sum(stat.st_blocks * 512 if hasattr(stat, "st_blocks") else stat.st_size for stat in stats)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
