"""Storage, crashes and doors on other systems, as far as they can be played here: see `other_systems.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PLAYED = [
    "storage", "collection/test_vacuum.py", "collection/test_operations.py", "crash/test_failing_calls.py",
    "crash/test_power_cut.py", "snapshots/test_snapshots.py", "index/test_checkpoints.py",
    "doors/test_same_everywhere.py",
]  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="played on Linux")
@pytest.mark.skipif("MINIDB_SYSTEM" in os.environ, reason="a play within a play")
@pytest.mark.parametrize("system", ["windows", "macos"])
def test_the_suites_pass_there_too(system: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "other_systems", "-p", "no:cacheprovider", *PLAYED],
        cwd=TESTS,
        env={
            "MINIDB_POWER_CUTS": "10",  # they are many already where nothing is played
            **os.environ,
            "MINIDB_SYSTEM": system,
            "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout or "%]" in done.stdout
