"""Every page of LMDB's file that a commit reaches, compared with what LMDB writes and what minidb stores.

Numbers, kinds, bounds, counts and the order of keys: afterwards the file is safe to walk, and a look-up finds what is
there. That what is there is what was written, checksums over key and value tell: of tables where a key that has become
another would be an entry that is missed (`_READ_WHOLE`) all are compared here, of the others those at the ends of runs;
all the rest when they are read. Called when a store is opened after an unclean end, and by `verify`.

Layout (LMDB 0.9 `mdb.c`): a page begins with number u64, pad u16, flags u16, then lower and upper u16 (or, for an
overflow page, how many there are, u32); u16 offsets of its nodes follow. A node: two u16 (a leaf's data size, a
branch's page number), flags u16, key size u16, key, data.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.storage.checksum import RESIDUE, unmatched, unseal
from minidb.storage.interface import TABLES, Table
from minidb.storage.pages import TREE, DamagedPages, Meta, Tree
from minidb.storage.records import COMMIT_KEY
from minidb.system import files

_BRANCH, _LEAF, _OVERFLOW = 0x01, 0x02, 0x04
_BIG, _TABLE = 0x01, 0x02
_HEADER_BYTES, _NODE_BYTES = 16, 8
_NO_PAGE = (1 << 64) - 1
_READ_WHOLE: frozenset[Table] = frozenset({"meta", "ids", "checkpoints", "wal"})
_RUN_WORDS = 3
"""Keys of `records`, `sparse` and `oplog` that agree so far (in u16) are of one space and vector: a run. A damaged key
in the middle of one is met by whoever reads the run, one that left its run is at the end of another."""
_COLUMNS_BYTES, _COLUMNS_ROWS = 64, 64
"""Entries of one size up to so many bytes, if there are as many: together they take a tenth of the time."""
_MASKS = np.array([(1 << 64) - (1 << (64 - 8 * n)) for n in range(9)], np.uint64)
"""The first n bytes of a big-endian word."""


def check_structure(file: Path, meta: Meta) -> None:
    """Compare every page the commit of `meta` reaches with what LMDB writes. Raises `DamagedPages`.

    The commit must be pinned by a read transaction, or nobody else may be writing.
    """
    _Walk(file, meta).check()


def damaged_entries(file: Path, meta: Meta) -> dict[Table, tuple[int, list[bytes]]]:
    """Of each table the number of entries, and the keys of those that do not match their checksum.

    Raises `DamagedPages` as `check_structure` does. The commit must be pinned likewise.
    """
    walk = _Walk(file, meta)
    walk.check()
    return {
        table: (len(nodes.start), [walk.entry(nodes, at)[0] for at in walk.unsealed(nodes)])
        for table, nodes in walk.tables.items()
    }


def later_commit(file: Path, older: Meta, newest: Meta) -> int | None:
    """The number of the commit behind `newest` if it is whole at `older`, the other meta page; None if all is well.

    A flipped bit can make a commit's number less by two, so that the one before looks newest; each has its number in
    `meta`, too. A commit writes over no page of the two before it, but the next one may do so before the first one's
    meta page reaches the disk: what it left at the older page has its own number, one more.

    `newest` must be pinned by a read transaction, or nobody else may be writing.
    """
    with suppress(DamagedPages):
        found = _Walk(file, older).value("meta", COMMIT_KEY)
        if found is not None and int.from_bytes(found, "big") == newest.txn_id + 1:
            check_structure(file, older._replace(txn_id=newest.txn_id + 1))
            return newest.txn_id + 1
    return None


class _Nodes(NamedTuple):
    """The nodes of some pages, `(n,)` each."""

    start: NDArray[np.int64]
    """Where in the file."""
    number: NDArray[np.int64]
    """Data size of a leaf's node, child of a branch's."""
    flags: NDArray[np.int64]
    key_bytes: NDArray[np.int64]
    ends: NDArray[np.int64]
    """`(pages,)`: how many there are up to the end of each page."""


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
        self.tables: dict[Table, _Nodes] = {}

    def check(self) -> None:
        """Raises `DamagedPages`."""
        free = self._tree(self._meta.free, "the list of free pages")
        main = self._tree(self._meta.main, "the list of tables")
        for at in range(len(main.start)):
            if main.flags[at] != _TABLE or main.number[at] != TREE.size:
                raise DamagedPages("an entry of the list of tables is damaged")
            name, data = self.entry(main, at)
            tree = Tree(*TREE.unpack(data))
            if name not in map(str.encode, TABLES):
                raise DamagedPages(f"table {name!r} is none of minidb's")
            if tree.flags or tree.pad:
                raise DamagedPages(f"table {name!r} has unknown flags {tree.flags:#x}")
            nodes = self._tree(tree, f"table {name!r}")
            if np.any(nodes.flags & ~_BIG):
                raise DamagedPages(f"table {name!r} holds an entry of an unknown kind")
            self._check_values(cast(Table, name.decode()), nodes)
        self._check_free(free)

    def value(self, table: Table, key: bytes) -> bytes | None:
        """One value, if it matches its checksum. Raises `DamagedPages`."""
        tree = self._found(self._tree(self._meta.main, "the list of tables"), table.encode())
        if tree is None or len(tree) != TREE.size:
            return None
        sealed = self._found(self._tree(Tree(*TREE.unpack(tree)), f"table {table!r}"), key)
        return None if sealed is None else unseal(key, sealed)

    def _found(self, nodes: _Nodes, key: bytes) -> bytes | None:
        entries = (self.entry(nodes, at) for at in np.flatnonzero(nodes.key_bytes == len(key)).tolist())
        return next((data for found, data in entries if found == key), None)

    def _check_values(self, table: Table, nodes: _Nodes) -> None:
        """Compare with their checksums what nobody may miss."""
        self.tables[table] = nodes
        looked_at = None if table in _READ_WHOLE else self._ends_of_runs(nodes)
        for at in self.unsealed(nodes, looked_at):
            raise DamagedPages(f"{table} {self.entry(nodes, at)[0].hex()} does not match its checksum")

    def _check_free(self, free: _Nodes) -> None:
        unwritten = []
        for at in range(len(free.start)):
            if free.key_bytes[at] != 8 or free.flags[at] & ~_BIG or free.number[at] % 8:
                raise DamagedPages("an entry of the list of free pages is damaged")
            key, data = self.entry(free, at)
            numbers = np.frombuffer(data, "<u8")
            if int.from_bytes(key, "little") > self._meta.txn_id or not len(numbers) or numbers[0] >= len(numbers):
                raise DamagedPages("an entry of the list of free pages is damaged")
            numbers = numbers[1 : int(numbers[0]) + 1]
            if np.any(numbers[1:] >= numbers[:-1]):  # LMDB merges them as sorted lists
                raise DamagedPages("an entry of the list of free pages is out of order")
            self._take(numbers[numbers < self._n_pages], "the list of free pages")
            unwritten.append(numbers[numbers >= self._n_pages])
        missing = distinct(np.concatenate(unwritten)) if unwritten else np.zeros(0, np.uint64)
        if len(missing) != self._n_unwritten or (len(missing) and int(missing[-1]) != self._meta.last_page):
            raise DamagedPages("it is truncated, or its list of free pages is damaged")

    def _tree(self, tree: Tree, name: str) -> _Nodes:
        """Walk a tree level by level; its leaves' nodes, in the order of keys."""
        if (tree.root == _NO_PAGE) != (tree.depth == 0) or tree.depth > 32:
            raise DamagedPages(f"the root of {name} is damaged")
        level, branches = np.array([tree.root] if tree.depth else [], np.uint64), []
        for _ in range(tree.depth - 1):
            branches.append(self._nodes(self._take(level, name), _BRANCH, name))
            level = branches[-1].number.astype(np.uint64)
        leaves = self._nodes(self._take(level, name), _LEAF, name)
        n_overflow = self._check_big(leaves, name)
        n_branch = sum(len(nodes.ends) for nodes in branches)
        found = (n_branch, len(level), n_overflow, len(leaves.start))
        if found != (tree.n_branch, tree.n_leaf, tree.n_overflow, tree.n_entries):
            raise DamagedPages(f"{name} does not have as many pages or entries as it should")
        self._check_order(branches, leaves, name, is_integer=bool(tree.flags))
        return leaves

    def _check_order(self, branches: list[_Nodes], leaves: _Nodes, name: str, *, is_integer: bool) -> None:
        """Keys ascend through all leaves; a branch's lies between those before it and its child's first.

        The first key of a branch page is never looked at, by LMDB neither.
        """
        if is_integer and any(np.any(nodes.key_bytes[self._bounding(nodes)] != 8) for nodes in (*branches, leaves)):
            raise DamagedPages(f"a key of {name} has a damaged length")
        all_but_first = np.arange(1, len(leaves.start))
        if np.any(self._compared(leaves, all_but_first - 1, leaves, all_but_first, is_integer=is_integer) >= 0):
            raise DamagedPages(f"the keys of {name} are out of order")
        first_entries = _first_of(leaves)  # of each page of the level below
        for nodes in reversed(branches):
            bounds = self._bounding(nodes)
            first = first_entries[bounds]
            below = self._compared(leaves, first - 1, nodes, bounds, is_integer=is_integer)
            above = self._compared(nodes, bounds, leaves, first, is_integer=is_integer)
            if np.any(below >= 0) or np.any(above > 0):
                raise DamagedPages(f"a key in a branch of {name} is out of bounds")
            first_entries = first_entries[_first_of(nodes)]

    def _bounding(self, nodes: _Nodes) -> NDArray[np.int64]:
        """All nodes of branch pages but the first of each; of leaves these, too."""
        bounding = np.ones(len(nodes.start), bool)
        bounding[_first_of(nodes)] = False
        return np.flatnonzero(bounding)

    def _compared(
        self, left: _Nodes, left_at: NDArray[np.int64], right: _Nodes, right_at: NDArray[np.int64], *, is_integer: bool
    ) -> NDArray[np.int8]:
        """-1, 0 or 1 where the left key is less than, equal to or greater than the right one."""
        found: NDArray[np.int8] = np.sign(left.key_bytes[left_at] - right.key_bytes[right_at]).astype(np.int8)
        undecided, word = np.arange(len(found)), 0
        while len(undecided):
            ours, theirs = left_at[undecided], right_at[undecided]
            left_words = self._key_words(left, ours, word, is_integer=is_integer)
            right_words = self._key_words(right, theirs, word, is_integer=is_integer)
            found[undecided[left_words < right_words]] = -1
            found[undecided[left_words > right_words]] = 1
            word += 1
            goes_on = np.minimum(left.key_bytes[ours], right.key_bytes[theirs]) > 8 * word
            undecided = undecided[(left_words == right_words) & goes_on]
        return found

    def _key_words(self, nodes: _Nodes, at: NDArray[np.int64], word: int, *, is_integer: bool) -> NDArray[np.uint64]:
        """Eight bytes of each key as a number that sorts as they do; what lies behind a key's end counts as zeros."""
        flat = self._words.reshape(-1)
        start = (nodes.start[at] + _NODE_BYTES) // 2 + 4 * word
        found = np.zeros(len(at), np.uint64)
        for part in range(4):
            pair = flat.take(start + part, mode="clip")
            shift = 16 * part if is_integer else 48 - 16 * part
            found |= (pair if is_integer else pair.byteswap()).astype(np.uint64) << np.uint64(shift)
        if is_integer:
            return found
        rest = nodes.key_bytes[at] - 8 * word
        return found if rest.min(initial=8) >= 8 else found & _MASKS.take(rest, mode="clip")

    def _ends_of_runs(self, nodes: _Nodes) -> NDArray[np.int64]:
        words = self._words.reshape(-1)
        changes = np.zeros(max(len(nodes.start) - 1, 0), bool)
        for word in range(_RUN_WORDS):
            part = words.take((nodes.start + _NODE_BYTES) // 2 + word, mode="clip")
            changes |= part[1:] != part[:-1]
        is_end = np.ones(len(nodes.start), bool)
        is_end[1:-1] = changes[1:] | changes[:-1]
        return np.flatnonzero(is_end)

    def unsealed(self, nodes: _Nodes, looked_at: NDArray[np.int64] | None = None) -> list[int]:
        """Which of some entries (None: all) do not match their checksum."""
        at = np.arange(len(nodes.start)) if looked_at is None else looked_at
        is_big = (nodes.flags[at] & _BIG) != 0
        lengths = nodes.key_bytes[at] + nodes.number[at]
        counts = np.bincount(lengths[~is_big], minlength=1)[: _COLUMNS_BYTES + 1]
        found, by_columns = [], np.zeros(len(at), bool)
        for length in np.flatnonzero(counts >= _COLUMNS_ROWS).tolist():
            chosen = ~is_big & (lengths == length)
            by_columns |= chosen
            start = nodes.start[at[chosen]] + _NODE_BYTES
            found += at[chosen][unmatched(self._bytes, start, length)].tolist()
        for one in at[~by_columns].tolist():
            key, sealed = self.entry(nodes, one)
            if crc32(sealed, crc32(key)) != RESIDUE:
                found.append(one)
        return sorted(found)

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
            return _Nodes(*(np.zeros(0, np.int64) for _ in range(5)))
        words = self._words
        header = words[pages, :8].astype(np.int64)
        lower, upper = header[:, 6], header[:, 7]
        counts = (lower - _HEADER_BYTES) // 2
        if (
            np.any(self._page_numbers(header) != pages)
            or np.any(header[:, 5] != kind)
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
        return _Nodes(2 * at, number, flags, key_bytes, np.cumsum(counts))

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
            or np.any(header[:, 5] != _OVERFLOW)
            or np.any((header[:, 6] | header[:, 7] << 16) != n_pages)
        ):
            raise DamagedPages(f"a large value of {name} has a damaged header")
        return int(n_pages.sum())

    def _page_numbers_at(self, nodes: _Nodes, at: NDArray[np.int64]) -> NDArray[np.uint64]:
        start = nodes.start[at] + _NODE_BYTES + nodes.key_bytes[at]
        raw = self._bytes.take(start[:, None] + np.arange(8))
        return np.ascontiguousarray(raw).view("<u8").reshape(-1)

    def entry(self, nodes: _Nodes, at: int) -> tuple[bytes, bytes]:
        """Key and data of one node."""
        start = int(nodes.start[at]) + _NODE_BYTES
        middle = start + int(nodes.key_bytes[at])
        begin = middle
        if nodes.flags[at] & _BIG:
            begin = int(self._page_numbers_at(nodes, np.array([at]))[0]) * self._page_bytes + _HEADER_BYTES
        return self._bytes[start:middle].tobytes(), self._bytes[begin : begin + int(nodes.number[at])].tobytes()

    def _page_numbers(self, header: NDArray[np.int64]) -> NDArray[np.int64]:
        return header[:, 0] | header[:, 1] << 16 | header[:, 2] << 32 | header[:, 3] << 48


def _first_of(nodes: _Nodes) -> NDArray[np.int64]:
    """Of each page its first node."""
    return np.append(0, nodes.ends[:-1]) if len(nodes.ends) else nodes.ends
