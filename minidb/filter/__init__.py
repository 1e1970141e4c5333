"""Conditions: from a Filter to the answer whether a payload, or which rows, satisfy it.

`conditions.compile` turns Qdrant's filter models into a small tree once; `json_path` says what a key selects in a
payload and how payload edits reach a place in it; `merging` puts two filters into one for the query planner.
This room knows nothing of storage or indexes: an index answers the clauses it can, every other leaf is checked on
the payload.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minidb.filter.conditions import compile
    from minidb.filter.evaluate import Evaluation

__all__ = ["Evaluation", "compile"]
_HOMES = {"Evaluation": "evaluate", "compile": "conditions"}


def __getattr__(name: str) -> Any:
    """Loads the way from a filter to rows with the first filter: it takes 25 ms, and an import in every call 1 us."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"minidb.filter.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
