"""Fresh processes, for what cannot be measured inside a process that has imported and loaded everything already."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_TIMEOUT_S = 900
_ROOT = Path(__file__).resolve().parent.parent
_REPORT_TIME = "\nimport sys, time; print(time.time()); sys.stdout.flush()\n"


def seconds_to_end_of(script: str, *arguments: str) -> float:
    """From starting an interpreter to the end of `script`, without teardown. Raises `RuntimeError` on failure."""
    started = time.time()
    return float(_run([sys.executable, "-c", script + _REPORT_TIME, *arguments])[-1]) - started


def printed_by(script: str, *arguments: str) -> list[str]:
    """The lines a script prints."""
    return _run([sys.executable, "-c", script, *arguments])


def child(task: str, **arguments: Any) -> dict[str, Any]:
    """What a task of `benchmarks.child` reports."""
    lines = _run([sys.executable, "-m", "benchmarks.child", task, json.dumps(arguments)])
    report: dict[str, Any] = json.loads(lines[-1])
    return report


def _run(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, cwd=_ROOT, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(lines[-1])
    return done.stdout.strip().splitlines()
