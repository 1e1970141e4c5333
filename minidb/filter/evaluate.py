"""A compiled filter → the rows that satisfy it, over a whole collection.

Clauses an index can answer are answered by it; the rest is checked on payloads, on as few rows as possible. Answers
of clauses that had to look at every payload are kept like an index, so that only the first such filter pays.
Rows are ascending uint32 arrays. Called by the query planner, scroll, count and writes by filter; gets at points
through `RowSource`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import compress
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from minidb.filter.answers import KeptSegments, PayloadAnswers
from minidb.filter.checks import check_of_tree
from minidb.filter.clauses import (
    And,
    AtLeast,
    FilterPoint,
    HasId,
    HasVector,
    InSlice,
    Leaf,
    Node,
    Not,
    NumericRange,
    Or,
    TextMatch,
    ValueIn,
    ValueNotIn,
)
from minidb.filter.index_key import CLASSES, IndexKey, PayloadIndex, TextSettings
from minidb.filter.json_path import JsonPath
from minidb.filter.lookup import elements_of, key_for, rows_by_index, text_check, uuid_check, with_canonical_uuids
from minidb.index.payload.rows import Found, Mask, Rows, mask_of, rows_of
from minidb.index.payload.segments import Segment, Segments
from minidb.trace import Trace

_FEW_ROWS = 256
"""Up to here payloads are read one by one rather than building anything (about 2 µs a row)."""
_MANY = 16
"""From so many conditions on that have to look at all payloads, each payload is read once for all of them; the answer
to each is then not remembered for itself.
"""
_NO_ROWS = np.zeros(0, np.uint32)


class RowSource(Protocol):
    """The points of one snapshot, as far as filters need them."""

    @property
    def seq(self) -> int:
        """Number of the newest operation; derived answers are dated with it."""

    @property
    def n_rows(self) -> int: ...

    @property
    def alive(self) -> NDArray[np.bool_]:
        """`(n_rows,)`: True where the row holds a point."""

    @property
    def trace(self) -> Trace:
        """Where to note how clauses were answered."""

    def points(self, rows: Rows, keys: Collection[str] | None = None) -> Iterator[FilterPoint]:
        """The points of these rows, in their order; of their payloads only some keys may be needed (None: all)."""

    def payloads(self, rows: Rows, keys: Collection[str]) -> Iterator[dict[str, Any]]:
        """What their payloads have at these keys at least, without the rest of the points: cheaper."""

    def rows_of_ids(self, ids: frozenset[int | str]) -> Rows:
        """Rows of the ids that exist, ascending."""

    def having_vector(self, name: str) -> NDArray[np.bool_]:
        """`(n_rows,)`: alive rows that have the vector; all False for an unknown name."""

    def changed_since(self, seq: int) -> Rows | None:
        """Rows whose payload was rewritten in place after operation `seq`; None when that is no longer known."""

    def text_settings(self, path: JsonPath) -> TextSettings | None:
        """The text index declared for the path, if there is one."""

    def has_uuids(self, path: JsonPath) -> bool:
        """Whether a uuid index is declared for the path: the spellings of a UUID are one value then."""

    def stored_index(self, key: IndexKey) -> tuple[int, int, PayloadIndex] | None:
        """A checkpointed index with the operation and the number of rows it covers; asked once per index."""


class _AtOnce(NamedTuple):
    """A tree that is checked on each payload as a whole."""

    tree: Node


class Evaluation:
    """One snapshot and what is known of its payloads; evaluates any number of filters."""

    def __init__(self, source: RowSource, answers: PayloadAnswers, space: int) -> None:
        self._source = source
        self._answers = answers
        self._space = space
        self._n = source.n_rows
        self._alive = source.alive
        self._trace = source.trace

    def rows(self, node: Node) -> Rows:
        """All rows that satisfy the node, ascending."""
        space, seq, filtered = self._space, self._source.seq, self._answers.filtered
        known = filtered.get(node, space, seq)
        if known is not None:
            self._trace.note(by="remembered: the collection has not changed since")
            return known
        rows = self._rows(node, None)
        rows.flags.writeable = False
        with self._answers.lock:
            filtered.keep(node, space, seq, rows)
        return rows

    def _rows(self, node: Node | _AtOnce, within: Rows | None) -> Rows:
        """The rows that satisfy `node`, among `within` (None: all points)."""
        match node:
            case _AtOnce(tree):
                return self._checked(tree, self._all() if within is None else within)
            case Leaf():
                with self._trace.step("clause", clause=node.clause):
                    rows = self._leaf(node, within)
                    self._trace.note(rows=len(rows))
                    return rows
            case And(children):
                for child in sorted(self._gathered(And, children), key=_cost):
                    within = self._rows(child, within)
                    if not len(within):
                        return within
                return self._all() if within is None else within
            case Or(children):
                mask = np.zeros(self._n, bool)
                for child in self._gathered(Or, children):
                    mask[self._rows(child, within)] = True
                return _of_mask(mask)
            case Not(child):
                rest = self._all() if within is None else within
                return rest[~mask_of(self._rows(child, within), self._n)[rest]]
            case AtLeast(children, count):
                if len(children) > _MANY and all(map(self._looks, children)):
                    return self._rows(_AtOnce(node), within)
                counts = np.zeros(self._n, np.uint32)
                for child in children:
                    counts[self._rows(child, within)] += 1
                return _of_mask(counts >= count)

    def _gathered(self, of: type[And] | type[Or], children: tuple[Node, ...]) -> tuple[Node | _AtOnce, ...]:
        """The children; where many look at payloads, these as one, so that each payload is read once."""
        if len(children) <= _MANY:
            return children
        looking = [self._looks(child) for child in children]
        if sum(looking) <= _MANY:
            return children
        others = tuple(child for child, looks in zip(children, looking, strict=True) if not looks)
        return (*others, _AtOnce(of(tuple(compress(children, looking)))))

    def _looks(self, node: Node) -> bool:
        """Whether payloads are looked at to tell for which points it holds."""
        match node:
            case Leaf(clause):
                key = key_for(clause, self._source.text_settings, self._source.has_uuids)
                if key is None or key.text is not None or key.kind == "uuids":
                    return key is None
                return self._n <= _FEW_ROWS and (self._space, key) not in self._answers.indexes
            case Not(child):
                return self._looks(child)
        return all(map(self._looks, node.children))

    def _all(self) -> Rows:
        return _of_mask(self._alive)

    def _leaf(self, leaf: Leaf, within: Rows | None) -> Rows:
        clause = leaf.clause
        if isinstance(clause, HasId):
            self._trace.note(by="ids")
            return self._among(self._source.rows_of_ids(clause.ids), within)
        if isinstance(clause, HasVector):
            self._trace.note(by="vector presence")
            return self._among(_of_mask(self._source.having_vector(clause.name)), within)
        key = key_for(clause, self._source.text_settings, self._source.has_uuids)
        if key is not None and key.text is not None and isinstance(clause, TextMatch):
            leaf = Leaf(clause, partial(text_check, settings=key.text))
        elif key is not None and key.kind == "uuids" and isinstance(clause, (ValueIn, ValueNotIn)):
            leaf = Leaf(with_canonical_uuids(clause), uuid_check)
        n_candidates = len(self._alive) if within is None else len(within)
        if n_candidates <= _FEW_ROWS and (key is None or (self._space, key) not in self._answers.indexes):
            return self._checked(leaf, self._all() if within is None else within)
        if key is not None:
            self._trace.note(by=f"{key.kind} index on {key.path}")
            found = [self._by_index(index, part, leaf, key) for index, part in self.index(key).parts(self._alive)]
        else:
            self._trace.note(by="remembered answer, or payloads")
            answers = self._as_of_now(self._answers.clauses, leaf.clause, lambda rows: Found(self._checked(leaf, rows)))
            found = [answer.rows[part[answer.rows]] for answer, part in answers.parts(self._alive)]
        some = [rows for rows in reversed(found) if len(rows)]  # oldest first: then all ascend, but for changed ones
        return self._among(some[0] if len(some) == 1 else rows_of(some), within)

    def _among(self, rows: Rows, within: Rows | None) -> Rows:
        if within is None:
            return rows
        among: Rows = within[mask_of(rows, self._n)[within]]
        return among

    def _checked(self, node: Node, rows: Rows) -> Rows:
        self._trace.note(payloads_read=len(rows))
        check = check_of_tree(node)
        points = self._source.points(rows, set(_keys(node)))
        kept: Rows = rows[np.fromiter((check(point.payload or {}, point) for point in points), bool, len(rows))]
        return kept

    def _by_index(self, index: PayloadIndex, part: Mask, leaf: Leaf, key: IndexKey) -> Rows:
        """The rows of an index that satisfy a clause, among those to be taken from it."""
        rows = rows_by_index(index, leaf.clause, key, lambda some: self._checked(leaf, some[part[some]]))
        found: Rows = rows[part[rows]] if len(rows) else rows
        return found

    def index(self, key: IndexKey) -> Segments:
        """The index, current as of this snapshot."""
        elements = elements_of(key)

        def build(rows: Rows) -> PayloadIndex:
            payloads = self._source.payloads(rows, (key.path.first,))
            index: PayloadIndex = CLASSES[key.kind].build(rows, map(elements, payloads))
            return index

        return self._as_of_now(self._answers.indexes, key, build, self._source.stored_index)

    def _as_of_now(
        self,
        kept: KeptSegments,
        key: Any,
        build: Callable[[Rows], Any],
        stored: Callable[[Any], tuple[int, int, Any] | None] = lambda key: None,
    ) -> Segments:
        """What is kept under `key` as of this snapshot: the rows that came or changed since it was asked are built."""
        seq, place = self._source.seq, (self._space, key)
        segments = kept.as_of(place, seq)
        if segments is not None and segments.seq == seq:
            return segments
        with self._answers.lock:  # one builds, and the others find it done
            if place not in kept and (saved := stored(key)) is not None:
                kept.keep(place, Segments(saved[0], (Segment(saved[2], 0, saved[1], _NO_ROWS),)))
            segments = kept.as_of(place, seq)
            changed = None if segments is None else self._source.changed_since(segments.seq)
            if segments is None or changed is None:
                segments, changed = Segments(seq), _NO_ROWS
            start = segments.n_rows
            changed = changed[: changed.searchsorted(start)]
            if len(changed) or start < self._n or not segments.segments:
                rows = (self._alive[start:].nonzero()[0] + start).astype(np.uint32)
                if len(changed):
                    rows = np.concatenate([changed[self._alive[changed]], rows])
                segments = segments.with_segment(Segment(build(rows), start, self._n, changed), self._alive)
            segments = Segments(seq, segments.segments)
            kept.keep(place, segments)
            return segments


def _of_mask(mask: NDArray[np.bool_]) -> Rows:
    return np.flatnonzero(mask).astype(np.uint32)


def _keys(node: Node) -> Iterator[str]:
    """The keys of payloads that have to be looked at."""
    match node:
        case Leaf(clause):
            path: JsonPath | None = getattr(clause, "path", None)
            if path is not None:
                yield path.first
        case Not(child):
            yield from _keys(child)
        case _:
            for child in node.children:
                yield from _keys(child)


def _cost(node: Node | _AtOnce) -> int:
    """Order of evaluation within an And: what needs no payload, what an index answers, what looks at payloads."""
    match node:
        case Leaf(HasId()):
            return 0
        case Leaf(ValueIn()):
            return 1
        case Leaf(HasVector() | NumericRange()):
            return 2
        case Leaf(ValueNotIn()):
            return 3
        case Leaf(InSlice()):
            return 5
        case Leaf() | _AtOnce():
            return 6
        case _:
            return 4
