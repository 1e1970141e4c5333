"""What a collection has learnt of its payloads: indexes, and answers by clause and by filter. Filled by `evaluate`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from minidb.filter.index_key import IndexKey

if TYPE_CHECKING:
    from minidb.filter.clauses import Node


@dataclass(slots=True)
class Dated:
    """An answer over all rows below `n_rows` as of operation `seq`. Never changed; it may have rows that died since.

    It serves snapshots from `since` on, too, if the rows in `revised` are looked at: a reader who began before the last
    commits need not look at everything.
    """

    seq: int
    n_rows: int
    space: int
    value: Any
    """The rows, or the index."""
    since: int
    revised: NDArray[np.uint32]


_MAX_FILTERS, _MAX_FILTER_BYTES = 128, 32 << 20


class FilteredRows:
    """The rows of whole filters, of those asked last. Changed under the lock of `PayloadAnswers`, read without."""

    def __init__(self) -> None:
        self._known: dict[Node, Dated] = {}
        self._n_bytes = 0

    def get(self, node: Node) -> Dated | None:
        return self._known.get(node)

    def keep(self, node: Node, answer: Dated) -> None:
        """Remember an answer, and forget the oldest, whose rows have most likely changed since."""
        self._forget(node)
        self._known[node] = answer
        self._n_bytes += answer.value.nbytes
        while len(self._known) > _MAX_FILTERS or (self._n_bytes > _MAX_FILTER_BYTES and len(self._known) > 1):
            self._forget(next(iter(self._known)))

    def clear(self) -> None:
        self._known.clear()
        self._n_bytes = 0

    def _forget(self, node: Node) -> None:
        known = self._known.pop(node, None)
        if known is not None:
            self._n_bytes -= known.value.nbytes


class PayloadAnswers:
    """Payload indexes, and remembered answers by clause and by filter, for one collection; shared by all threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.indexes: dict[IndexKey, Dated] = {}
        self.read_again: dict[IndexKey, int] = {}
        """How many payloads were read since the index was made, because it does not have them."""
        self.answers: OrderedDict[object, Dated] = OrderedDict()
        self.filtered = FilteredRows()
        """Whole filters, as of one operation: a filter asked again of an unchanged collection costs a look-up."""

    def copied(self) -> PayloadAnswers:
        """The same for a writer: what it learns of its own operations, which may be undone, stays with the copy."""
        copy = PayloadAnswers()
        with self.lock:
            copy.indexes.update(self.indexes)
            copy.answers.update(self.answers)
        return copy

    def forget(self) -> None:
        """Drop everything: the collection's rows were renumbered."""
        with self.lock:
            self.indexes.clear()
            self.read_again.clear()
            self.answers.clear()
            self.filtered.clear()
