"""Files of derived arrays: written whole, checksummed, named in the `checkpoints` table, mapped when they are opened.

A file that is missing, of another length or with another checksum is simply not there: what it held is rebuilt.
Other processes write to the same folder: a file that nobody names yet may be one of theirs, under way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.storage.checksum import checksum_of
from minidb.storage.interface import ReadTransaction, WriteTransaction
from minidb.storage.records import space_range
from minidb.system import files

_ALIGNMENT = 64
_READ_BYTES = 1 << 18
"""A smaller file is read, not mapped: a map costs a page of memory and, before Python 3.13, a descriptor."""


class Checkpoint(NamedTuple):
    """What the store remembers of one derived file."""

    file: str
    size: int
    checksum: int
    n_rows: int
    """The rows the file covers; later ones are replayed."""
    meta: dict[str, Any]

    def pack(self) -> bytes:
        packed: bytes = msgpack.packb((self.file, self.size, self.checksum, self.n_rows, self.meta))
        return packed

    @classmethod
    def unpack(cls, data: bytes) -> Checkpoint:
        return cls(*msgpack.unpackb(data))


def checkpoint_key(space: int, kind: str, slot: int) -> bytes:
    return space.to_bytes(4, "big") + f"{kind}-{slot}".encode()


def find_checkpoint(txn: ReadTransaction, space: int, kind: str, slot: int) -> Checkpoint | None:
    data = txn.get("checkpoints", checkpoint_key(space, kind, slot))
    return None if data is None else Checkpoint.unpack(data)


def checkpoints_of(txn: ReadTransaction, space: int) -> Iterator[tuple[str, int, Checkpoint]]:
    """Kind, slot and all that is remembered of every derived file of a space."""
    for key, data in txn.scan("checkpoints", *space_range(space)):
        kind, slot = key[4:].decode().split("-")
        yield kind, int(slot), Checkpoint.unpack(data)


def name_checkpoint(txn: WriteTransaction, space: int, kind: str, slot: int, checkpoint: Checkpoint) -> None:
    txn.put("checkpoints", checkpoint_key(space, kind, slot), checkpoint.pack())


def files_named(txn: ReadTransaction, space: int) -> set[str]:
    return {checkpoint.file for _, _, checkpoint in checkpoints_of(txn, space)}


def remove_unnamed(folder: Path, replaced: Collection[str], named: Collection[str]) -> None:
    """Remove the files that a commit has just replaced, and leftovers; one that cannot go while it is mapped stays."""
    for name in replaced:
        files.remove(folder / name)
    files.remove_leftovers(folder / name for name in files.names(folder) if name not in named)


def write_arrays(
    folder: Path, name: str, n_rows: int, meta: dict[str, Any], arrays: dict[str, NDArray[Any]]
) -> Checkpoint:
    """Write the arrays to `folder/name` (through a temporary file, synced) and return how to find them again."""
    layout, written, position = [], 0, 0
    path = folder / name
    try:
        files.make_folders(folder)
        with files.written(path) as file:
            for key, array in arrays.items():
                data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
                padding = bytes(-position % _ALIGNMENT)
                for piece in (padding, data):
                    file.write(piece)
                    written = crc32(piece, written)
                layout.append((key, array.dtype.str, array.shape, position + len(padding)))
                position += len(padding) + len(data)
    except OSError as error:
        raise files.failure(error, f"could not write {path}") from error
    return Checkpoint(name, position, written, n_rows, {**meta, "layout": layout})


def read_arrays(folder: Path, checkpoint: Checkpoint) -> dict[str, NDArray[Any]] | None:
    """The arrays, mapped read-only; None when the file is not what the checkpoint says."""
    path = folder / checkpoint.file
    try:
        if files.size(path) != checkpoint.size:
            return None
        mapped = files.read(path) if checkpoint.size <= _READ_BYTES else files.mapped(path)
    except OSError:  # gone, or replaced just now by another process's newer one
        return None
    if checksum_of(mapped) != checkpoint.checksum:
        return None
    files.forget_pages(mapped)
    data = np.frombuffer(mapped, np.uint8)
    arrays = {}
    for key, dtype, shape, position in checkpoint.meta["layout"]:
        count = int(np.prod(shape))
        arrays[key] = (
            np.frombuffer(data, np.dtype(dtype), count, position).reshape(shape) if count else np.zeros(shape, dtype)
        )
    return arrays


def forget_pages(array: NDArray[Any]) -> None:
    """Give back the memory that reading took, of an array of `read_arrays`; nothing of one that lies in memory."""
    below: object = array
    while isinstance(below, np.ndarray):
        below = below.base
    files.forget_pages(below.obj if isinstance(below, memoryview) else below)
