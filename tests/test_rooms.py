"""The direction of dependency: a module imports only from its own room or the rooms below it (design §2)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import minidb

PACKAGE = Path(minidb.__file__).parent
ROOMS = [
    {
        "client",
        "aio",
        "transport",
        "passing",
        "shortcut",
        "answers",
        "uploader",
        "address",
        "interception",
        "in_process",
        "grpc_channel",
        "server",
        "cli",
        "migration",
        "pytest_plugin",
        "freezing",
        "progress",
        "__main__",
    },
    {"grpc"},
    {"rest"},
    {"node"},
    {"database", "configuration", "opening", "catalog", "identity", "maintenance", "snapshots"},
    {"inference"},
    {"query"},
    {"collection"},
    {"filter"},
    {"index"},
    {"storage", "text"},
    {"models", "trace", "arrays", "cores", "lazy"},
    {"system"},
    {"errors"},
]
"""Top to bottom."""
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def height(room: str) -> int:
    return next(len(ROOMS) - number for number, names in enumerate(ROOMS) if room in names)


def imported_rooms(path: Path) -> set[str]:
    """Rooms a module imports when it runs; what only type checkers see does not count."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    }
    names: list[str] = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            if node.module == "minidb":
                names.extend(
                    "minidb.client" if alias.name[0].isupper() else f"minidb.{alias.name}" for alias in node.names
                )
            names.append(node.module)
        elif isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
    return {name.split(".")[1] for name in names if name.startswith("minidb.")}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_its_own_room_or_below(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = {other for other in imported_rooms(path) if other != "__version__" and height(other) > height(room)}
    assert not above, f"{room} may not import {above}"


def test_every_room_is_known() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms <= set().union(*ROOMS)
