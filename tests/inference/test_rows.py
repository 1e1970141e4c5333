"""The table of README.md: every row of the specification is there, and every test it names exists."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
ROW = re.compile(r"^\| (\d+) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
NAMED = re.compile(r"^ *def (test_rows?_\d\w*)", re.MULTILINE)


def table() -> dict[int, str]:
    return {int(number): cell for number, cell in ROW.findall((HERE / "README.md").read_text())}


def test_every_row_has_a_test_or_a_reason() -> None:
    rows = table()
    assert sorted(rows) == list(range(1, 175))
    assert all(TEST.search(cell) or cell.startswith("not tested: ") for cell in rows.values())


def test_every_test_of_the_table_is_there() -> None:
    sources: dict[str, str] = {}
    for file, name in TEST.findall((HERE / "README.md").read_text()):
        source = sources.setdefault(file, (HERE / file).read_text())
        assert f"def {name}(" in source, f"{file}::{name}"


def test_every_test_named_by_a_row_is_in_the_table() -> None:
    listed = {name for _, name in TEST.findall((HERE / "README.md").read_text())}
    for path in HERE.rglob("test_*.py"):
        assert set(NAMED.findall(path.read_text())) <= listed, path.name
