"""Type checkers accept a small program of each door, and find its mistakes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("typed_program.py")
CACHE = Path(__file__).parents[2] / ".mypy_cache" / "programs"
CHECKERS = {
    "mypy": ["--strict", "--config-file=", f"--cache-dir={CACHE}", "--follow-imports=silent"],
    "pyright": ["--pythonpath", sys.executable],
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_type_checker_finds_the_mistakes_and_nothing_else(checker: str) -> None:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    command = [sys.executable, "-m", checker, *CHECKERS[checker], str(PROGRAM)]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {int(line) for line in re.findall(rf"{PROGRAM.name}:(\d+).* error\b", told)}
    lines = PROGRAM.read_text().splitlines()
    assert found == {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}, told
