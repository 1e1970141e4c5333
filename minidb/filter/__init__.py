"""Conditions: from a Filter to the answer whether a payload, or which rows, satisfy it.

`conditions.compile` turns Qdrant's filter models into a small tree once; `json_path` says what a key selects in a
payload and how payload edits reach a place in it; `merging` puts two filters into one for the query planner.
This room knows nothing of storage or indexes: an index answers the clauses it can, every other leaf is checked on
the payload.
"""

from typing import TYPE_CHECKING

from minidb.lazy import loader

if TYPE_CHECKING:
    from minidb.filter.conditions import compile
    from minidb.filter.evaluate import Evaluation

__all__ = ["Evaluation", "compile"]
# loaded with the first filter: it takes 25 ms, and an import in every call 1 us
__getattr__ = loader(__name__, {"Evaluation": "minidb.filter.evaluate", "compile": "minidb.filter.conditions"})
