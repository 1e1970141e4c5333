"""Whether LMDB's own file is whole, found out before LMDB follows a pointer in it.

LMDB trusts its pages: a damaged offset ends the process, a damaged key hides an entry. Two checks stand before it.
`Fingerprint`: the last orderly close leaves length and CRC-32 of the file, and an unchanged file needs no more.
`check_structure`: otherwise (killed writer, another process at work, damage) every page that can be reached is compared
with what LMDB writes: numbers, kinds, bounds, counts. It makes the file safe to walk; checksums in the values then tell
right from wrong.

Layout (LMDB 0.9 `mdb.c`): a page begins with number u64, pad u16, flags u16, then lower and upper u16 (or, for an
overflow page, how many there are, u32); u16 offsets of its nodes follow. A node: two u16 (a leaf's data size, a
branch's page number), flags u16, key size u16, key, data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgpack
import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.storage.checksum import seal, unseal
from minidb.system import files
from minidb.system.files import File

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_BRANCH, _LEAF, _OVERFLOW, _DIRTY = 0x01, 0x02, 0x04, 0x10
_BIG, _TABLE = 0x01, 0x02
_INTEGER_KEYS = 0x08
_HEADER_BYTES, _NODE_BYTES = 16, 8
_NO_PAGE = (1 << 64) - 1
_TREE = struct.Struct("<IHHQQQQQ")
_FINGERPRINT = "data.crc"


class DamagedPages(Exception):
    """The file is not what LMDB writes; the text says where."""


@dataclass(frozen=True)
class Tree:
    """LMDB's record of one B-tree."""

    pad: int
    flags: int
    depth: int
    n_branch: int
    n_leaf: int
    n_overflow: int
    n_entries: int
    root: int


@dataclass(frozen=True)
class Meta:
    """One of the two meta pages, which commits write in turn."""

    page_bytes: int
    free: Tree
    main: Tree
    last_page: int
    txn_id: int


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


def _meta(page: bytes, page_bytes: int) -> Meta:
    magic, version = struct.unpack_from("<II", page, _HEADER_BYTES)
    if (magic, version) != (_MAGIC, _VERSION):
        raise DamagedPages("it is not a database of this kind, or its meta pages are damaged")
    at = _HEADER_BYTES + 24
    free, main = Tree(*_TREE.unpack_from(page, at)), Tree(*_TREE.unpack_from(page, at + _TREE.size))
    last_page, txn_id = struct.unpack_from("<QQ", page, at + 2 * _TREE.size)
    if free.pad != page_bytes or free.flags != _INTEGER_KEYS or main.flags:
        raise DamagedPages("its meta pages are damaged")
    return Meta(page_bytes, free, main, last_page, txn_id)


class Fingerprint:
    """Length and checksum of the data file as the last orderly close left it, in a small file beside it."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data.mdb"
        self._file = folder / _FINGERPRINT

    def save(self) -> None:
        """Remember the file as it is; not when another process writes to it meanwhile."""
        txn_id = read_metas(self._data)[1].txn_id
        size, checksum = self._measured()
        if read_metas(self._data)[1].txn_id != txn_id:
            return
        with files.written(self._file) as file:
            file.write(seal(b"", msgpack.packb((txn_id, size, checksum))))

    def matches(self, txn_id: int) -> bool | None:
        """Whether the file is as it was left; None when it cannot be told, because of commits since then.

        Raises `DamagedPages` when the file has lost commits.
        """
        try:
            content = unseal(b"", files.read(self._file))
        except OSError:
            return None
        if content is None:
            return None
        saved_txn, size, checksum = msgpack.unpackb(content)
        if saved_txn > txn_id:
            raise DamagedPages(f"its newest commit is {txn_id}, but it was closed after commit {saved_txn}")
        return None if saved_txn < txn_id else (size, checksum) == self._measured()

    def _measured(self) -> tuple[int, int]:
        data = files.mapped(self._data)
        return len(data), crc32(data)


def check_structure(file: Path, meta: Meta) -> None:
    """Compare every page the commit of `meta` reaches with what LMDB writes. Raises `DamagedPages`.

    The commit must be pinned by a read transaction, or nobody else may be writing.
    """
    _Walk(file, meta).check()


@dataclass(frozen=True)
class _Nodes:
    """The nodes of some pages, `(n,)` each."""

    start: NDArray[np.int64]
    """Where in the file."""
    number: NDArray[np.int64]
    """Data size of a leaf's node, child of a branch's."""
    flags: NDArray[np.int64]
    key_bytes: NDArray[np.int64]


class _Walk:
    def __init__(self, file: Path, meta: Meta) -> None:
        self._meta = meta
        self._page_bytes = meta.page_bytes
        mapped = np.frombuffer(files.mapped(file), np.uint8)
        # a page that was taken and freed within one commit is never written: the file may end before the last page
        self._n_pages = min(meta.last_page + 1, len(mapped) // self._page_bytes)
        self._n_unwritten = meta.last_page + 1 - self._n_pages
        self._bytes = mapped[: self._n_pages * self._page_bytes]
        self._words = self._bytes.view("<u2").reshape(self._n_pages, -1)
        self._taken = np.zeros(self._n_pages, bool)
        self._taken[:2] = True

    def check(self) -> None:
        free = self._tree(self._meta.free, "the list of free pages")
        main = self._tree(self._meta.main, "the list of tables")
        for at in range(len(main.start)):
            if main.flags[at] != _TABLE or main.number[at] != _TREE.size:
                raise DamagedPages("an entry of the list of tables is damaged")
            name, data = self._entry(main, at)
            tree = Tree(*_TREE.unpack(data))
            if tree.flags:
                raise DamagedPages(f"table {name!r} has unknown flags {tree.flags:#x}")
            nodes = self._tree(tree, f"table {name!r}")
            if np.any(nodes.flags & ~_BIG):
                raise DamagedPages(f"table {name!r} holds an entry of an unknown kind")
        unwritten = []
        for at in range(len(free.start)):
            if free.key_bytes[at] != 8 or free.flags[at] & ~_BIG:
                raise DamagedPages("an entry of the list of free pages is damaged")
            numbers = np.frombuffer(self._entry(free, at)[1], "<u8")
            if not len(numbers) or numbers[0] >= len(numbers):
                raise DamagedPages("an entry of the list of free pages is damaged")
            numbers = numbers[1 : int(numbers[0]) + 1]
            self._take(numbers[numbers < self._n_pages], "the list of free pages")
            unwritten.append(numbers[numbers >= self._n_pages])
        missing = distinct(np.concatenate(unwritten)) if unwritten else np.zeros(0, np.uint64)
        if len(missing) != self._n_unwritten or (len(missing) and int(missing[-1]) != self._meta.last_page):
            raise DamagedPages("it is truncated, or its list of free pages is damaged")

    def _tree(self, tree: Tree, name: str) -> _Nodes:
        """Walk a tree level by level; its leaves' nodes."""
        if (tree.root == _NO_PAGE) != (tree.depth == 0) or tree.depth > 32:
            raise DamagedPages(f"the root of {name} is damaged")
        level, n_branch = np.array([tree.root] if tree.depth else [], np.uint64), 0
        for _ in range(tree.depth - 1):
            nodes = self._nodes(self._take(level, name), _BRANCH, name)
            n_branch += len(level)
            level = nodes.number.astype(np.uint64)
        leaves = self._nodes(self._take(level, name), _LEAF, name)
        n_overflow = self._check_big(leaves, name)
        found = (n_branch, len(level), n_overflow, len(leaves.start))
        if found != (tree.n_branch, tree.n_leaf, tree.n_overflow, tree.n_entries):
            raise DamagedPages(f"{name} does not have as many pages or entries as it should")
        return leaves

    def _take(self, pages: NDArray[np.uint64], name: str) -> NDArray[np.int64]:
        """Each page belongs to one owner."""
        if len(pages) and (int(pages.max()) >= self._n_pages):
            raise DamagedPages(f"{name} refers to a page beyond the end")
        numbers = pages.astype(np.int64)
        if self._taken[numbers].any() or len(distinct(numbers)) < len(numbers):
            raise DamagedPages(f"{name} refers to a page that is used elsewhere")
        self._taken[numbers] = True
        return numbers

    def _nodes(self, pages: NDArray[np.int64], kind: int, name: str) -> _Nodes:
        if not len(pages):
            return _Nodes(*(np.zeros(0, np.int64) for _ in range(4)))
        words = self._words
        header = words[pages, :8].astype(np.int64)
        lower, upper = header[:, 6], header[:, 7]
        counts = (lower - _HEADER_BYTES) // 2
        if (
            np.any(self._page_numbers(header) != pages)
            or np.any(header[:, 5] & ~_DIRTY != kind)
            or np.any((lower & 1) | (lower > upper) | (upper > self._page_bytes) | (upper & 1))
            or np.any(counts < (2 if kind == _BRANCH else 1))
        ):
            raise DamagedPages(f"a page of {name} has a damaged header")
        flat, start = words.reshape(-1), pages * (self._page_bytes // 2)
        ends = np.cumsum(counts)
        directory = np.arange(ends[-1]) + np.repeat(start + _HEADER_BYTES // 2 - (ends - counts), counts)
        offset = flat.take(directory).astype(np.int64)
        if np.any((offset & 1) | (offset < np.repeat(upper, counts)) | (offset > self._page_bytes - _NODE_BYTES)):
            raise DamagedPages(f"a page of {name} has a damaged directory")
        at = np.repeat(start, counts) + (offset >> 1)
        low, high, flags, key_bytes = (flat.take(at + word).astype(np.int64) for word in range(4))
        number = low | high << 16
        if kind == _BRANCH:
            number, sizes = number | flags << 32, _NODE_BYTES + key_bytes
        else:
            sizes = _NODE_BYTES + key_bytes + np.where(flags & _BIG, 8, number)
            if np.any((key_bytes == 0) | (key_bytes > 511)):
                raise DamagedPages(f"a key of {name} has a damaged length")
        sizes += sizes & 1
        if np.any(sizes > self._page_bytes):
            raise DamagedPages(f"an entry of {name} has a damaged length")
        # the nodes of a page lie side by side from `upper` to its end; sorting one number is several times faster
        # than sorting by two
        span = 2 * self._page_bytes
        by_start = np.sort(2 * at * span + sizes)
        starts = by_start // span
        order = np.argsort(pages)
        ends = np.cumsum(counts[order])
        expected = np.append(starts[1:], 0)
        expected[ends - 1] = (pages[order] + 1) * self._page_bytes
        first = pages[order] * self._page_bytes + upper[order]
        if np.any(starts + by_start % span != expected) or np.any(starts[ends - counts[order]] != first):
            raise DamagedPages(f"the entries of a page of {name} overlap or leave gaps")
        return _Nodes(2 * at, number, flags, key_bytes)

    def _check_big(self, nodes: _Nodes, name: str) -> int:
        """Values on pages of their own; how many pages they take."""
        big = np.flatnonzero(nodes.flags & _BIG)
        if not len(big):
            return 0
        first = self._page_numbers_at(nodes, big)
        n_pages = (_HEADER_BYTES - 1 + nodes.number[big]) // self._page_bytes + 1
        if int(n_pages.sum()) > self._n_pages or int(first.max()) >= self._n_pages:
            raise DamagedPages(f"{name} refers to a page beyond the end")
        starts, ends = first.astype(np.int64), np.cumsum(n_pages)
        self._take((np.arange(ends[-1]) + np.repeat(starts - (ends - n_pages), n_pages)).astype(np.uint64), name)
        header = self._words[starts, :8].astype(np.int64)
        if (
            np.any(self._page_numbers(header) != starts)
            or np.any(header[:, 5] & ~_DIRTY != _OVERFLOW)
            or np.any((header[:, 6] | header[:, 7] << 16) != n_pages)
        ):
            raise DamagedPages(f"a large value of {name} has a damaged header")
        return int(n_pages.sum())

    def _page_numbers_at(self, nodes: _Nodes, at: NDArray[np.int64]) -> NDArray[np.uint64]:
        start = nodes.start[at] + _NODE_BYTES + nodes.key_bytes[at]
        raw = self._bytes.take(start[:, None] + np.arange(8))
        return np.ascontiguousarray(raw).view("<u8").reshape(-1)

    def _entry(self, nodes: _Nodes, at: int) -> tuple[bytes, bytes]:
        """Key and data of one node."""
        start = int(nodes.start[at]) + _NODE_BYTES
        middle = start + int(nodes.key_bytes[at])
        begin = middle
        if nodes.flags[at] & _BIG:
            begin = int(self._page_numbers_at(nodes, np.array([at]))[0]) * self._page_bytes + _HEADER_BYTES
        return self._bytes[start:middle].tobytes(), self._bytes[begin : begin + int(nodes.number[at])].tobytes()

    def _page_numbers(self, header: NDArray[np.int64]) -> NDArray[np.int64]:
        return header[:, 0] | header[:, 1] << 16 | header[:, 2] << 32 | header[:, 3] << 48
