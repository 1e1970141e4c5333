"""Ctrl-C at any moment: nothing leaks, nothing hangs, what was acknowledged is there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from minidb.system import files
from minidb.system.calls import System

N_INTERRUPTS = int(os.environ.get("MINIDB_INTERRUPTS", "250"))
MOST_THREADS = 10
"""The main one, two that outlive an interrupt for a while, the closer, cores."""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads and descriptors as Linux shows them")
@pytest.mark.parametrize("place", ["memory", "disk"])
@pytest.mark.parametrize(("seed", "share_of_long"), [(1, 0.0), (2, 0.5)], ids=["short work", "long work"])
def test_interrupts_leave_nothing_behind(place: str, seed: int, share_of_long: float, tmp_path: Path) -> None:
    """Long work: snapshots and restoring them, push, pull, migrate, compact, vacuum."""
    location = ":memory:" if place == "memory" else str(tmp_path / "store")
    script = Path(__file__).with_name("interrupted.py")
    child = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(script), location, str(N_INTERRUPTS), str(seed), str(share_of_long)],
        capture_output=True, text=True, timeout=60 + N_INTERRUPTS * 2,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr[-3000:]
    left = json.loads(child.stdout.splitlines()[-1])
    n_threads = left.pop("threads")
    assert left == {"wrong": [], "wrong when reopened": [], "failures": [], "files": []}
    assert n_threads <= MOST_THREADS


def test_a_file_that_is_opened_when_an_interrupt_comes_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the answer of the system and the line that keeps it: `verify`, in the main thread, left files open."""
    opened, closed = [], []

    class Interrupting(System):
        def open(self, *args: Any, **kwargs: Any) -> int:
            opened.append(super().open(*args, **kwargs))
            signal.raise_signal(signal.SIGINT)
            return opened[-1]

        def close(self, descriptor: int) -> None:
            super().close(descriptor)
            closed.append(descriptor)

    (tmp_path / "file").write_bytes(b"1")
    monkeypatch.setattr(files, "system", Interrupting())
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell started with &
    try:
        with pytest.raises(KeyboardInterrupt):
            files.read(tmp_path / "file")
    finally:
        signal.signal(signal.SIGINT, handler)
    end = time.monotonic() + 60
    while closed != opened:  # by the thread that goes on without us
        assert time.monotonic() < end
