"""What a collection has learnt of its payloads: indexes, and answers by clause and by filter. Filled by `evaluate`."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minidb.filter.index_key import IndexKey

if TYPE_CHECKING:
    from minidb.filter.clauses import Node


@dataclass(slots=True)
class Dated:
    """An answer over all rows below `n_rows` as of operation `seq`. Never changed, nor are those made of it."""

    seq: int
    n_rows: int
    space: int
    value: Any
    """The rows, or the index."""


class PayloadAnswers:
    """Payload indexes, and remembered answers by clause and by filter, for one collection; shared by all threads."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.indexes: dict[IndexKey, Dated] = {}
        self.answers: OrderedDict[object, Dated] = OrderedDict()
        self.filtered: dict[Node, Dated] = {}
        """Whole filters, as of one operation: a filter asked again of an unchanged collection costs a look-up."""

    def forget(self) -> None:
        """Drop everything: the collection's rows were renumbered."""
        with self.lock:
            self.indexes.clear()
            self.answers.clear()
            self.filtered.clear()
