"""A compiled filter → the rows that satisfy it, over a whole collection.

Clauses an index can answer are answered by it; the rest is checked on payloads, on as few rows as possible. Answers
of clauses that had to look at every payload are remembered and kept current, so that only the first such filter pays.
Rows are ascending uint32 arrays. Called by the query planner, scroll, count and writes by filter; gets at points
through `RowSource`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.filter.answers import Dated, PayloadAnswers
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
from minidb.index.payload.rows import mask_of
from minidb.trace import Trace

Rows = NDArray[np.uint32]

_FEW_ROWS = 256
"""Up to here payloads are read one by one rather than building anything (about 2 µs a row)."""
_READ_AGAIN_SHARE = 0.02
"""Of all rows: reading so many payloads takes as long as making the next index (2.7 µs a payload, 30 to 70 ns a row).
"""
_REMEMBERED_CLAUSES = 64
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

    def points(self, rows: Rows) -> Iterator[FilterPoint]:
        """The points of these rows, in their order."""

    def payloads(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """Only their payloads: cheaper."""

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
        filtered = self._answers.filtered
        known = filtered.get(node)
        if known is not None and known.seq == self._source.seq and known.space == self._space:
            self._trace.note(by="remembered: the collection has not changed since")
            remembered: Rows = known.value
            return remembered
        rows = self._rows(node, None)
        rows.flags.writeable = False
        with self._answers.lock:
            filtered.keep(node, self._dated(rows))
        return rows

    def _rows(self, node: Node, within: Rows | None) -> Rows:
        """The rows that satisfy `node`, among `within` (None: all points)."""
        match node:
            case Leaf():
                with self._trace.step("clause", clause=node.clause):
                    rows = self._leaf(node, within)
                    self._trace.note(rows=len(rows))
                    return rows
            case And(children):
                for child in sorted(children, key=_cost):
                    within = self._rows(child, within)
                    if not len(within):
                        return within
                return self._all() if within is None else within
            case Or(children):
                mask = np.zeros(self._n, bool)
                for child in children:
                    mask[self._rows(child, within)] = True
                return _of_mask(mask)
            case Not(child):
                rest = self._all() if within is None else within
                return rest[~mask_of(self._rows(child, within), self._n)[rest]]
            case AtLeast(children, count):
                counts = np.zeros(self._n, np.uint32)
                for child in children:
                    counts[self._rows(child, within)] += 1
                return _of_mask(counts >= count)

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
        if n_candidates <= _FEW_ROWS and (key is None or key not in self._answers.indexes):
            return self._checked(leaf, self._all() if within is None else within)
        if key is not None:
            return self._among(self._by_index(leaf, key), within)
        return self._among(self._by_memory(leaf), within)

    def _among(self, rows: Rows, within: Rows | None) -> Rows:
        if within is None:
            return rows
        among: Rows = within[mask_of(rows, self._n)[within]]
        return among

    def _checked(self, leaf: Leaf, rows: Rows) -> Rows:
        self._trace.note(payloads_read=len(rows))
        check = leaf.check
        points = self._source.points(rows)
        kept: Rows = rows[np.fromiter((check(point.payload or {}, point) for point in points), bool, len(rows))]
        return kept

    def _by_index(self, leaf: Leaf, key: IndexKey) -> Rows:
        self._trace.note(by=f"{key.kind} index on {key.path}")
        found = self._index(key)
        if found is None:
            return self._checked(leaf, self._all())
        indexed, stale = found
        rows = rows_by_index(indexed.value, leaf.clause, key, lambda some: self._checked(leaf, self._living(some)))
        return self._living(self._corrected(leaf, rows, stale))

    def _living(self, rows: Rows) -> Rows:
        """Those of ascending `rows` that are points of this snapshot; a newer answer may have others."""
        rows = rows[: np.searchsorted(rows, self._n)]
        living: Rows = rows[self._alive[rows]]
        return living

    def _index(self, key: IndexKey) -> tuple[Dated, Rows] | None:
        """The index and the rows it may be wrong about; None where this snapshot is too old for the one there is.

        Built when missing; made anew once as many payloads were read beside it as that costs.
        """
        with self._answers.lock:
            indexed = self._answers.indexes.get(key) or self._stored(key)
            if indexed is not None and indexed.space != self._space:
                indexed = None
            stale = None if indexed is None else self._stale(indexed)
            is_newer = indexed is not None and indexed.seq > self._source.seq
            if indexed is None or stale is None:
                return None if is_newer else (self._keep_index(key, self._dated(self._built(key))), _NO_ROWS)
            read_again = self._answers.read_again.get(key, 0) + len(stale)
            if is_newer or read_again <= max(_FEW_ROWS, _READ_AGAIN_SHARE * self._n):
                self._answers.read_again[key] = read_again
                return indexed, stale
            return self._advanced(key, indexed, stale), _NO_ROWS

    def index_parts(self, key: IndexKey) -> list[tuple[Any, NDArray[np.bool_]]]:
        """Indexes that together have every point, each with `(n_rows,)`: the rows to take from it.

        One of nearly all points, and a small one of those that came or changed since the other was made.
        """
        found = self._index(key)
        if found is None or (len(found[1]) and found[0].seq > self._source.seq):
            return [(self.current_index(key), self._alive)]
        indexed, stale = found
        if not len(stale):
            return [(indexed.value, self._alive)]
        others = self._alive.copy()
        others[stale] = False
        return [(indexed.value, others), (self._built(key, self._living(stale)), self._alive)]

    def current_index(self, key: IndexKey) -> Any:
        """The index as of exactly this snapshot, in one piece: for checkpoints."""
        with self._answers.lock:
            found = self._index(key)
            if found is None:
                return self._built(key)
            indexed, stale = found
            return self._advanced(key, indexed, stale).value if len(stale) else indexed.value

    def _built(self, key: IndexKey, rows: Rows | None = None) -> PayloadIndex:
        """A new index of these rows (None: of all points)."""
        rows = self._all() if rows is None else rows
        index: PayloadIndex = CLASSES[key.kind].build(rows, self._elements(key, rows))
        return index

    def _advanced(self, key: IndexKey, indexed: Dated, stale: Rows) -> Dated:
        """The index brought to this snapshot; a newer one is kept for others."""
        fresh = self._living(stale)
        value = indexed.value.with_rows(stale, fresh, self._elements(key, fresh))
        advanced = self._dated(value, indexed, stale)
        return advanced if indexed.seq > self._source.seq else self._keep_index(key, advanced)

    def _stored(self, key: IndexKey) -> Dated | None:
        stored = self._source.stored_index(key)
        if stored is None:
            return None
        seq, n_rows, index = stored
        return self._keep_index(key, Dated(seq, n_rows, self._space, index, seq, _NO_ROWS))

    def _keep_index(self, key: IndexKey, indexed: Dated) -> Dated:
        self._answers.indexes[key] = indexed
        self._answers.read_again.pop(key, None)
        return indexed

    def _dated(self, value: Any, before: Dated | None = None, stale: Rows = _NO_ROWS) -> Dated:
        """`value` as of this snapshot, made of the answer `before` by a look at the `stale` rows."""
        since, revised = self._source.seq, stale
        if before is not None:
            since = before.seq
            if len(before.revised) + len(stale) <= _FEW_ROWS:
                since, revised = before.since, distinct(np.concatenate([before.revised, stale]))
        return Dated(self._source.seq, self._n, self._space, value, since, revised)

    def _elements(self, key: IndexKey, rows: Rows) -> Iterator[Sequence[Any]]:
        return map(elements_of(key), self._source.payloads(rows))

    def _by_memory(self, leaf: Leaf) -> Rows:
        self._trace.note(by="remembered answer, or payloads")
        answers = self._answers.answers
        with self._answers.lock:
            known = answers.get(leaf.clause)
            if known is not None and known.space != self._space:
                known = None
            stale = None if known is None else self._stale(known)
            if known is None or stale is None:
                rows = self._checked(leaf, self._all())
                latest = self._dated(rows)
            else:
                rows = self._corrected(leaf, known.value, stale)
                latest = self._dated(rows, known, stale)
            if known is None or known.seq < self._source.seq:
                answers[leaf.clause] = latest
                answers.move_to_end(leaf.clause)
                if len(answers) > _REMEMBERED_CLAUSES:
                    answers.popitem(last=False)
            return self._living(rows)

    def _stale(self, known: Dated) -> Rows | None:
        """Rows the dated answer may be wrong about: changed in place since, or added since; None when unknowable."""
        if known.seq > self._source.seq:
            return known.revised if known.since <= self._source.seq else None
        changed = self._source.changed_since(known.seq)
        if changed is None or self._n <= known.n_rows:
            return changed
        added = np.arange(known.n_rows, self._n, dtype=np.uint32)
        return distinct(np.concatenate([changed, added])) if len(changed) else added

    def _corrected(self, leaf: Leaf, rows: Rows, stale: Rows) -> Rows:
        """`rows` of another snapshot, after a look at those in question in this one."""
        if not len(stale):
            return rows
        rows = rows[: np.searchsorted(rows, self._n)]
        places = np.searchsorted(rows, stale)
        inside = places < len(rows)
        places = places[inside]
        kept = np.delete(rows, places[rows[places] == stale[inside]])
        fresh = self._checked(leaf, self._living(stale))
        corrected: Rows = np.insert(kept, np.searchsorted(kept, fresh), fresh)
        return corrected


def _of_mask(mask: NDArray[np.bool_]) -> Rows:
    return np.flatnonzero(mask).astype(np.uint32)


def _cost(node: Node) -> int:
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
        case Leaf():
            return 6
        case _:
            return 4
