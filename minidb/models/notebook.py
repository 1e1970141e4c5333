"""How results look: short in a terminal, as tables in a notebook.

Called when a result is printed or shown, so loaded by nothing else. Whatever a store holds is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minidb.models.info import CollectionInfo
    from minidb.trace import Step

_NUMBERS = 6  # of a vector that are shown
_CHARACTERS = 300
_ROWS = 50
_BAR_PX = 120


def short(value: Any) -> str:
    """`repr`, with long vectors and texts cut; it says how much is left out."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, str):
        rest = len(value) - _CHARACTERS
        return repr(value) if rest <= 0 else f"{value[:_CHARACTERS]!r}… {rest} more characters"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {short(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        is_long = (
            len(value) > _NUMBERS + 2 and isinstance(value[0], (int, float, list)) and not isinstance(value[0], bool)
        )
        shown = value[:_NUMBERS] if is_long else value
        more = [f"… {len(value) - _NUMBERS} more"] if is_long else []
        return f"[{', '.join([*map(short, shown), *more])}]"
    if hasattr(value, "indices") and hasattr(value, "values"):
        return f"{type(value).__name__}(indices={short(value.indices)}, values={short(value.values)})"
    return repr(value)


class Short:
    """A value whose `repr` is short."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return short(self._value)


def points(found: Sequence[Any]) -> str:
    """A table of points: id, score where there is one, a column per payload key, vectors cut."""
    shown = found[:_ROWS]
    keys = list(dict.fromkeys(key for point in shown for key in point.payload or {}))
    has_score = any(hasattr(point, "score") for point in shown)
    has_vector = any(point.vector is not None for point in shown)
    header = ["id", *(["score"] if has_score else []), *keys, *(["vector"] if has_vector else [])]
    rows = []
    for point in shown:
        payload = point.payload or {}
        cells = [str(point.id), *([f"{point.score:.4f}"] if has_score else [])]
        cells += [_cell(payload[key]) if key in payload else "" for key in keys]
        rows.append(cells + ([short(point.vector)] if has_vector else []))
    more = f"<p>… {len(found) - _ROWS} more points</p>" if len(found) > _ROWS else ""
    return (_table(header, rows) if rows else "<p>no points</p>") + more


def groups(found: Iterable[Any]) -> str:
    """Each group's value above its hits."""
    return (
        "".join(f"<p><b>{escape(str(group.id))}</b></p>{points(group.hits)}" for group in found) or "<p>no groups</p>"
    )


def fields(values: Mapping[str, Any]) -> str:
    """One object as a table of two columns."""
    return _table(["", ""], [[name, _cell(value)] for name, value in values.items() if value is not None])


def collection(info: CollectionInfo) -> str:
    """A collection's state, sizes, vectors and payload indexes."""
    labels = ("status", "points", "indexed vectors", "vectors", "payload indexes")
    return fields(dict(zip(labels, summary(info).values(), strict=True)))


def summary(info: CollectionInfo) -> dict[str, Any]:
    """What is asked first about a collection, by the fields it is in."""
    params = info.config.params
    dense = params.vectors or {}
    named = dense if isinstance(dense, dict) else {"": dense}
    vectors = [f"{name or '(unnamed)'}: {vector.size} {vector.distance.value}" for name, vector in named.items()]
    vectors += [f"{name}: sparse" for name in params.sparse_vectors or {}]
    indexes = [f"{key} {index.data_type.value}" for key, index in info.payload_schema.items()]
    return {
        "status": info.status.value,
        "points_count": info.points_count or 0,
        "indexed_vectors_count": info.indexed_vectors_count or 0,
        "config": ", ".join(vectors) or "no vectors",
        "payload_schema": ", ".join(indexes) or "no indexes",
    }


def plan(root: Step) -> str:
    """A tree of steps with bars for their shares of the time."""
    return f"<div>{_branch(root, root.micros or 1.0)}</div>"


def _branch(step: Step, whole: float) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in step.facts.items())
    width = max(1, round(_BAR_PX * step.micros / whole))
    bar = f'<span style="display:inline-block;height:.6em;width:{width}px;background:#6583dd;border-radius:2px"></span>'
    below = "".join(_branch(inner, whole) for inner in step.steps)
    items = f'<div style="margin-left:1.2em">{below}</div>' if below else ""
    return f"<div>{bar} {step.micros:,.0f} µs <b>{escape(step.name)}</b> {escape(facts)}</div>{items}"


def _cell(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= _CHARACTERS else short(value)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if any(header) else ''}<tbody>{body}</tbody></table>"
