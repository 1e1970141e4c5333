"""The published state of a collection: which rows hold points, in which order of ids, with which vectors.

A `View` is immutable; readers take one and work on it without locks. Arrays behind it only ever grow beyond `n_rows`,
so older views stay true; the one array that changes (`alive`) is copied by the change.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from minidb.arrays import distinct
from minidb.collection.fields import VectorField
from minidb.storage.records import Head, PointId, uuid_text


class PointColumns:
    """Per row: the id as sortable numbers, the version, which vector slots are there. Grown by one writer, read by all.

    What a point is told without its payload, so that a payload nobody asks for is not read.
    """

    def __init__(self, capacity: int = 64) -> None:
        self.kinds = np.zeros(capacity, np.uint8)  # 0 integer, 1 UUID
        self.high = np.zeros(capacity, np.uint64)
        self.low = np.zeros(capacity, np.uint64)
        self.versions = np.zeros(capacity, np.uint64)
        self.rewritten = np.zeros(capacity, bool)
        """Rows whose payload was ever rewritten in place, maybe later: the record has their version."""
        self.present: dict[int, NDArray[np.bool_]] = {}
        self.any_uuid = False

    def with_capacity(self, n_rows: int) -> PointColumns:
        """These columns, or a copy at least twice as large when they cannot hold `n_rows`."""
        if n_rows <= len(self.kinds):
            return self
        grown = PointColumns(max(n_rows, 2 * len(self.kinds)))
        size = len(self.kinds)
        grown.kinds[:size], grown.high[:size], grown.low[:size] = self.kinds, self.high, self.low
        grown.versions[:size], grown.rewritten[:size] = self.versions, self.rewritten
        grown.any_uuid = self.any_uuid
        for slot, present in self.present.items():
            grown.present[slot] = np.zeros(len(grown.kinds), bool)
            grown.present[slot][:size] = present
        return grown

    def put_many(self, first_row: int, ids: list[PointId], slots: list[int], versions: int | list[int]) -> None:
        """Fill in consecutive rows that no published view names yet; a write that failed may have left marks there.

        A reader catching up and a writer may both fill in the same rows, with the same content: every element goes from
        what it was to what it is in one assignment, never through zero.
        """
        n = len(ids)
        self.versions[first_row : first_row + n] = versions
        if n == 1:
            self._put(first_row, ids[0], slots[0])
            return
        fresh = slice(first_row, first_row + n)
        kinds, high, low = np.zeros(n, np.uint8), np.zeros(n, np.uint64), np.zeros(n, np.uint64)
        if all(isinstance(point_id, int) for point_id in ids):
            low[:] = np.array(ids, np.uint64)
        else:
            for at, point_id in enumerate(ids):
                if isinstance(point_id, int):
                    low[at] = point_id
                else:
                    kinds[at], (high[at], low[at]) = 1, _halves(point_id)
            self.any_uuid = True
        self.kinds[fresh], self.high[fresh], self.low[fresh] = kinds, high, low
        masks = set(slots)
        longest = max((mask.bit_length() for mask in masks), default=0)
        for slot in {*self.present, *range(longest)}:
            has = [mask >> slot & 1 for mask in slots] if len(masks) != 1 else [slots[0] >> slot & 1]
            if slot in self.present or any(has):
                self.slot(slot)[fresh] = has

    def _put(self, row: int, point_id: PointId, slots: int) -> None:
        """`put_many` of one row, at a fifth of its cost."""
        if isinstance(point_id, int):
            self.kinds[row], self.high[row], self.low[row] = 0, 0, point_id
        else:
            self.kinds[row], (self.high[row], self.low[row]) = 1, _halves(point_id)
            self.any_uuid = True
        for slot in {*self.present, *range(slots.bit_length())}:
            has = bool(slots >> slot & 1)
            if has or slot in self.present:
                self.slot(slot)[row] = has

    def id_of(self, row: int) -> PointId:
        if not self.kinds[row]:
            return int(self.low[row])
        return uuid_text((int(self.high[row]) << 64 | int(self.low[row])).to_bytes(16, "big"))

    def slot(self, slot: int) -> NDArray[np.bool_]:
        """Which rows have the vector of that slot."""
        present = self.present.get(slot)
        if present is None:
            present = self.present.setdefault(slot, np.zeros(len(self.kinds), bool))  # another thread may be first
        return present


def _halves(point_id: str) -> tuple[int, int]:
    """A UUID as two numbers that sort as it does."""
    digits = point_id.replace("-", "")
    return int(digits[:16], 16), int(digits[16:], 16)


class PayloadChange(NamedTuple):
    """One operation that rewrote payloads in place, and the ones before it."""

    seq: int
    rows: NDArray[np.uint32]
    before: PayloadChange | None
    depth: int

    @classmethod
    def after(cls, before: PayloadChange | None, seq: int, rows: NDArray[np.uint32]) -> PayloadChange:
        """The history with one more operation; a long one is cut, so that it does not grow for ever."""
        if before is not None and before.depth >= _MAX_CHANGES:
            before = cls(before.seq, before.rows, None, 0)
        return cls(seq, rows, before, before.depth + 1 if before is not None else 1)


_MAX_CHANGES = 10_000


class KnownVersions(NamedTuple):
    """Versions of the rows of one state, those in records, too: `(n_rows,)`."""

    space: int
    seq: int
    versions: NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class View:
    """One state of one collection. `fields` by name; `seq` counts the operations applied."""

    fields: dict[str, VectorField]
    space: int
    seq: int
    n_rows: int
    n_alive: int
    columns: PointColumns
    alive: NDArray[np.bool_]
    """At least `n_rows` long; True where the row holds a point."""
    config_version: int
    n_tokens: dict[int, int] = field(default_factory=dict)
    last_change: PayloadChange | None = None
    known_since: int = 0
    """Before this operation payload changes were not kept."""

    @property
    def lineage(self) -> tuple[int, int]:
        """Of all views that have it, a row that `columns` does not call rewritten in the newer has one record."""
        return self.space, self.known_since

    def changed_since(self, seq: int) -> NDArray[np.uint32] | None:
        """Rows whose payload operation `seq` or a later one rewrote in place; None when that is no longer known."""
        change, found = self.last_change, []
        while change is not None and change.seq >= seq:
            if change.depth == 0:
                return None
            found.append(change.rows)
            change = change.before
        if seq < self.known_since:
            return None
        return distinct(np.concatenate(found)) if found else np.zeros(0, np.uint32)

    @cached_property
    def rows(self) -> NDArray[np.uint32]:
        """All rows that hold a point, ascending."""
        return np.flatnonzero(self.alive[: self.n_rows]).astype(np.uint32)

    def has(self, slot: int) -> NDArray[np.bool_]:
        """`(n_rows,) bool`: alive rows that have the vector of that slot."""
        cached = self._has.get(slot)
        if cached is None:
            cached = self._has[slot] = self.alive[: self.n_rows] & self.columns.slot(slot)[: self.n_rows]
        return cached

    def dead(self, slot: int, start: int, stop: int) -> NDArray[np.uint32]:
        """Which of the rows `[start, stop)` had the vector of that slot and hold no point any more; 0 is `start`."""
        gone = self.columns.slot(slot)[start:stop] & ~self.alive[start:stop]
        return np.flatnonzero(gone).astype(np.uint32)

    def count(self, slot: int) -> int:
        """How many points have the vector of that slot."""
        cached = self._counts.get(slot)
        if cached is None:
            cached = self._counts[slot] = int(np.count_nonzero(self.has(slot)))
        return cached

    def mean_tokens(self, slot: int) -> float:
        """How many tokens a point has in that slot of multivectors, one at least."""
        return max(1.0, self.n_tokens.get(slot, 0) / max(self.count(slot), 1))

    def lacking(self, slot: int) -> NDArray[np.uint32]:
        """Rows below `n_rows` that no search of that slot may return: dead, or without the vector."""
        cached = self._lacking.get(slot)
        if cached is None:
            cached = self._lacking[slot] = np.flatnonzero(~self.has(slot)).astype(np.uint32)
        return cached

    @cached_property
    def _has(self) -> dict[int, NDArray[np.bool_]]:
        return {}

    @cached_property
    def _counts(self) -> dict[int, int]:
        return {}

    @cached_property
    def _lacking(self) -> dict[int, NDArray[np.uint32]]:
        return {}

    def ids_of(self, rows: NDArray[np.uint32]) -> list[PointId]:
        """The ids of some rows, in their order."""
        columns = self.columns
        ids: list[PointId] = columns.low[rows].tolist()
        if columns.any_uuid:
            high = columns.high[rows].tolist()
            for at in np.flatnonzero(columns.kinds[rows]).tolist():
                ids[at] = uuid_text((high[at] << 64 | int(ids[at])).to_bytes(16, "big"))
        return ids

    def id_order(self, rows: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Positions that sort `rows` by id: integers ascending, then UUIDs ascending."""
        columns = self.columns
        if not columns.any_uuid:
            return np.argsort(columns.low[rows], kind="stable")
        return np.lexsort((columns.low[rows], columns.high[rows], columns.kinds[rows]))

    def at_or_after(self, rows: NDArray[np.uint32], point_id: PointId) -> NDArray[np.bool_]:
        """`(n,) bool`: rows whose id is `point_id` or sorts after it."""
        after: NDArray[np.bool_]
        kinds, high, low = self.columns.kinds[rows], self.columns.high[rows], self.columns.low[rows]
        if isinstance(point_id, int):
            after = (kinds == 1) | (low >= np.uint64(point_id))
            return after
        first, second = map(np.uint64, _halves(point_id))
        after = (kinds == 1) & ((high > first) | ((high == first) & (low >= second)))
        return after

    def rank(
        self, rows: NDArray[np.uint32], scores: NDArray[np.float32], owners: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Positions that sort by owner, if there are any, by score descending, equal scores by id ascending."""
        columns = self.columns
        keys = [columns.low[rows]] + ([columns.high[rows], columns.kinds[rows]] if columns.any_uuid else [])
        by: list[Any] = [*keys, -scores] if owners is None else [*keys, -scores, owners]
        return np.lexsort(by)

    def advanced(
        self,
        *,
        seq: int,
        removed: NDArray[np.uint32],
        columns: PointColumns,
        n_rows: int,
        n_tokens: dict[int, int],
        last_change: PayloadChange | None,
    ) -> View:
        """The view after operations up to `seq`: rows up to `n_rows` added, `removed` taken away."""
        alive = self.alive
        n_added = n_rows - self.n_rows
        if len(alive) < n_rows:
            grown = np.zeros(max(n_rows, 2 * len(alive)), bool)
            grown[: self.n_rows] = alive[: self.n_rows]
            alive = grown
        elif len(removed):
            alive = alive.copy()
        alive[self.n_rows : n_rows] = True
        if len(removed):
            alive[removed] = False
        n_alive = self.n_alive + n_added - len(removed)
        return View(  # `replace` takes 4 us longer, and every write comes by here
            self.fields, self.space, seq, n_rows, n_alive, columns, alive, self.config_version, n_tokens, last_change,
            self.known_since,
        )  # fmt: skip


def view_arrays(view: View) -> dict[str, NDArray[np.generic]]:
    """What a checkpoint keeps of a view: everything that would otherwise be read from every record."""
    n, columns = view.n_rows, view.columns
    arrays: dict[str, NDArray[np.generic]] = {
        "kinds": columns.kinds[:n],
        "high": columns.high[:n],
        "low": columns.low[:n],
        "versions": columns.versions[:n],
        "rewritten": columns.rewritten[:n],
        "alive": view.alive[:n],
    }
    return arrays | {f"slot-{slot}": present[:n] for slot, present in columns.present.items()}


def view_of_arrays(empty: View, seq: int, n_tokens: dict[int, int], arrays: dict[str, NDArray[np.generic]]) -> View:
    """The view `view_arrays` came from, on top of an empty one of the same space."""
    n = len(arrays["alive"])
    columns = PointColumns(max(n, 64))
    columns.kinds[:n], columns.low[:n] = arrays["kinds"], arrays["low"]
    columns.versions[:n], columns.rewritten[:n] = arrays["versions"], arrays["rewritten"]
    columns.any_uuid = bool(columns.kinds.any())
    if columns.any_uuid:
        columns.high[:n] = arrays["high"]
    for name, present in arrays.items():
        if name.startswith("slot-"):
            columns.slot(int(name[5:]))[:n] = present
    alive = np.zeros(max(n, 64), bool)
    alive[:n] = arrays["alive"]
    n_alive = int(np.count_nonzero(alive))
    return replace(
        empty, seq=seq, n_rows=n, n_alive=n_alive, columns=columns, alive=alive, n_tokens=n_tokens, known_since=seq
    )


def empty_view(fields: dict[str, VectorField], space: int, config_version: int) -> View:
    """A collection without points."""
    return View(fields, space, 0, 0, 0, PointColumns(), np.zeros(64, bool), config_version)


def filled_view(fields: dict[str, VectorField], head: Head, columns: PointColumns, alive: NDArray[np.bool_]) -> View:
    """The view of a space that was filled row by row; `alive` is `(head.n_rows,)`."""
    return View(
        fields, head.space, head.seq, head.n_rows, int(np.count_nonzero(alive)), columns, alive, head.config_version,
        head.n_tokens, known_since=head.seq,
    )  # fmt: skip
