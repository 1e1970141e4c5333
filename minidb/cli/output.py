"""How commands print: JSON, settings as an indented tree, points as a table. Called by the commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from minidb.cli.table import render, terminal_width

_LONGEST = 60  # numbers and strings of a list that are shown in one line


def print_json(value: Any) -> None:
    """One value, indented, or a list with an item a line; in UTF-8 even where the terminal is not: programs read it."""
    if isinstance(value, list):
        items = ",\n".join(orjson.dumps(each).decode() for each in value)
        print(f"[{items}]")
    else:
        print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_tree(value: Any, indent: int = 0) -> None:
    """Settings, one a line; what is not set is left out."""
    for name, part in value.items():
        if isinstance(part, dict) and part:
            print(f"{' ' * indent}{name}")
            print_tree(part, indent + 2)
        elif part not in (None, {}, []):
            print(f"{' ' * indent}{name}: {_text(part)}")


def print_points(points: Sequence[dict[str, Any]]) -> None:
    """Hits or records, one a line: id, score if there is one, payload, vectors."""
    if not points:
        print("(nothing found)")
        return
    with_score = "score" in points[0]
    with_vector = any(point.get("vector") for point in points)
    header = ["id", *(["score"] if with_score else []), *(["vector"] if with_vector else []), "payload"]
    rows = [
        [
            str(point["id"]),
            *([f"{point['score']:.4f}"] if with_score else []),
            *([_vector(point.get("vector"))] if with_vector else []),
            " ".join(f"{key}={_text(value)}" for key, value in (point.get("payload") or {}).items()),
        ]
        for point in points
    ]
    print("\n".join(render(header, rows, terminal_width(), right=(0, 1) if with_score else (0,))))


def _vector(vector: Any) -> str:
    if isinstance(vector, dict) and "indices" not in vector:
        return ", ".join(f"{name or '(unnamed)'} {_vector(each)}" for name, each in vector.items())
    if isinstance(vector, dict):
        return f"{len(vector['indices'])} terms"
    if vector and isinstance(vector[0], list):
        return f"{len(vector)} × {len(vector[0])}"
    return str(len(vector or ()))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split()) if len(text) <= _LONGEST * 10 else f"{text[:_LONGEST]}…"
