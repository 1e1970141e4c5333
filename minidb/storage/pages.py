"""Whether LMDB's own file is whole, found out before LMDB follows a pointer in it.

LMDB trusts its pages: a damaged offset ends the process, a damaged key hides an entry. Two checks stand before it.
`Fingerprint`: the last orderly close leaves length and CRC-32 of the file, and an unchanged file needs no more.
`page_walk.check_structure`: otherwise (killed writer, another process at work, damage) every page is looked at. Both
need the meta pages, which are read here.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgpack

from minidb.errors import CorruptionError
from minidb.storage.checksum import checksum_of, seal, unseal
from minidb.system import files
from minidb.system.calls import PAGE_BYTES
from minidb.system.files import File

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_INTEGER_KEYS = 0x08
_HEADER_BYTES = 16
TREE = struct.Struct("<IHHQQQQQ")
_FINGERPRINT = "data.crc"
_SECTOR_BYTES = 512
"""What a disk writes whole; a meta page's content is in its first."""
_META_PAGE, _NO_PAGE = 0x08, 2**64 - 1
_ATTEMPTS = 6
_ADDRESS_SPACE_BYTES = 1 << 46


class DamagedPages(Exception):
    """The file is not what LMDB writes; the text says where."""


class Tree(NamedTuple):
    """LMDB's record of one B-tree."""

    pad: int
    flags: int
    depth: int
    n_branch: int
    n_leaf: int
    n_overflow: int
    n_entries: int
    root: int


class Meta(NamedTuple):
    """One of the two meta pages, which commits write in turn."""

    page_bytes: int
    free: Tree
    main: Tree
    last_page: int
    txn_id: int


def check_files(folder: Path) -> None:
    """Raises `CorruptionError` where something else stands in the place of a file; LMDB would not say which."""
    for name in ("data.mdb", "lock.mdb"):
        if (folder / name).exists() and not (folder / name).is_file():
            raise CorruptionError(f"{folder / name} is no file")


def read_metas(file: Path) -> list[Meta]:
    """Both meta pages, the newer one last. Raises `DamagedPages` when they do not fit each other or the length."""
    size = files.size(file)
    with File(file) as opened:
        head = opened.read_at(1 << 17, 0)
    if len(head) < 512:
        raise DamagedPages(f"it is truncated: {size} bytes")
    page_bytes = struct.unpack_from("<I", head, 40)[0]
    if page_bytes not in (1 << bits for bits in range(9, 17)) or len(head) < 2 * page_bytes:
        raise DamagedPages("its first meta page is damaged, or it is truncated")
    metas = [_meta(head[start : start + page_bytes], page_bytes) for start in (0, page_bytes)]
    for number, meta in enumerate(metas):  # a commit goes to the page of its parity; new files have 0 in both
        if meta.txn_id % 2 != number and meta.txn_id:
            raise DamagedPages(f"its meta page {number} is damaged: commit {meta.txn_id} does not belong there")
    metas.sort(key=lambda meta: meta.txn_id)
    old, new = metas
    if new.txn_id - old.txn_id > 1:
        raise DamagedPages(f"its meta pages do not belong together: commits {old.txn_id} and {new.txn_id}")
    return metas


def settled_metas(file: Path) -> list[Meta]:
    """`read_metas`, again when another process seems to be writing one just now."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(DamagedPages):
            return read_metas(file)
    return read_metas(file)


def is_unmade(folder: Path) -> bool:
    """Whether a power cut ended the making of a store before its first page was on the disk, so that nothing can have
    been acknowledged: of the two meta pages of a file without commits some sectors are there and others not, and no
    store was ever closed here. (The first commit comes after these pages are synced, and makes the file longer.)
    """
    data, others = folder / "data.mdb", {_FINGERPRINT, "data.mdb.compact"}
    n_bytes = files.size(data)
    if not 0 < n_bytes <= 2 * PAGE_BYTES or others.intersection(files.names(folder)):
        return False
    content = files.read(data)
    there = [at for at in range(0, n_bytes, _SECTOR_BYTES) if any(content[at : at + _SECTOR_BYTES])]
    is_whole = [PAGE_BYTES * number for number in (0, 1)] == there and n_bytes == 2 * PAGE_BYTES
    return not is_whole and all(_is_first_meta(content[at : at + _SECTOR_BYTES], at) for at in there)


def _is_first_meta(sector: bytes, at: int) -> bool:
    """Whether it is what LMDB begins a file with: a meta page of no commit."""
    if len(sector) < _SECTOR_BYTES or at % PAGE_BYTES:
        return False
    number, flags = struct.unpack_from("<Q2xH", sector)
    with suppress(DamagedPages):
        meta = _meta(sector, PAGE_BYTES)
        is_empty = meta.main.root == meta.free.root == _NO_PAGE and (meta.txn_id, meta.last_page) == (0, 1)
        return is_empty and (number, flags) == (at // PAGE_BYTES, _META_PAGE)
    return False


def stamp(file: Path, txn_id: int) -> None:
    """Number the newest commit of a file nobody has open, and the one before it; `txn_id` has its parity."""
    page_bytes = read_metas(file)[1].page_bytes
    with File(file, write=True) as opened:
        for number in (txn_id, txn_id - 1):
            at = number % 2 * page_bytes + _HEADER_BYTES + 24 + 2 * TREE.size + 8
            opened.write_at(at, struct.pack("<Q", number))


def _meta(page: bytes, page_bytes: int) -> Meta:
    magic, version = struct.unpack_from("<II", page, _HEADER_BYTES)
    if (magic, version) != (_MAGIC, _VERSION):
        raise DamagedPages("it is not a database of this kind, or its meta pages are damaged")
    at = _HEADER_BYTES + 24
    free, main = Tree(*TREE.unpack_from(page, at)), Tree(*TREE.unpack_from(page, at + TREE.size))
    last_page, txn_id = struct.unpack_from("<QQ", page, at + 2 * TREE.size)
    is_beyond_memory = last_page * page_bytes >= _ADDRESS_SPACE_BYTES  # LMDB would say there is too little
    if free.pad != page_bytes or free.flags != _INTEGER_KEYS or main.flags or main.pad or is_beyond_memory:
        raise DamagedPages("its meta pages are damaged")
    return Meta(page_bytes, free, main, last_page, txn_id)


class Fingerprint:
    """Length and checksum of the data file as the last orderly close left it, in a small file beside it."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data.mdb"
        self._file = folder / _FINGERPRINT
        self.matched = -1
        """The commit it was found to be right for."""

    def save(self) -> None:
        """Remember the file as it is; not when another process writes to it meanwhile."""
        txn_id = read_metas(self._data)[1].txn_id
        size, checksum = self._measured()
        if read_metas(self._data)[1].txn_id != txn_id:
            return
        with files.written(self._file) as file:
            file.write(seal(b"", msgpack.packb((txn_id, size, checksum))))
        folder = self._file.parent
        files.remove_leftovers(folder / name for name in files.names(folder) if name.startswith(f"{_FINGERPRINT}."))

    def matches(self, txn_id: int) -> bool | None:
        """Whether the file is as it was left; None when it cannot be told, because of commits since then.

        Raises `DamagedPages` when the file has lost commits. Other processes may commit and close it meanwhile.
        """
        try:
            content = unseal(b"", files.read(self._file))
        except OSError:
            return None
        if content is None:
            return None
        saved_txn, size, checksum = msgpack.unpackb(content)
        if saved_txn > txn_id and settled_metas(self._data)[1].txn_id < saved_txn:  # else it has come meanwhile
            raise DamagedPages(f"its newest commit is {txn_id}, but it was closed after commit {saved_txn}")
        if saved_txn != txn_id:
            return None
        is_same = (size, checksum) == self._measured()
        if is_same:
            self.matched = txn_id
        return is_same

    def _measured(self) -> tuple[int, int]:
        data = files.mapped(self._data)
        return len(data), checksum_of(data)
