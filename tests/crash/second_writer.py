"""A second process that writes to the store of `test_power_cut`, in turns with the first, and tells what its disk saw.

python second_writer.py PATH DURABILITY WAL_BYTES, with pickled turns on standard input and output
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crash_model import NAME, Operation
from recorded_disk import RecordedDisk

from minidb import QdrantClient
from minidb.collection import index_plan
from minidb.storage import lmdb_store, rows


class SecondWriter:
    """The first process's side."""

    def __init__(self, disk: RecordedDisk, store: Path, durability: str, wal_bytes: int) -> None:
        self._disk = disk
        command = [sys.executable, __file__, str(store), durability, str(wal_bytes)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def turn(self, step: Operation | None) -> None:
        """Run one operation there, or close there; nothing may be under way here."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((self._disk.turn(), step), self._process.stdin)
        self._process.stdin.flush()
        events, names = pickle.load(self._process.stdout)
        self._disk.take_turn(names)
        self._disk.events += events
        if step is None:
            self._process.stdin.close()
            assert self._process.wait(60) == 0


def main(store: str, durability: Any, wal_bytes: str) -> None:
    lmdb_store._WAL_CHECKPOINT_BYTES, rows.WAL_LIMIT_BYTES = int(wal_bytes), 32 * 1024
    index_plan._TAIL_ROWS = index_plan._LEAST_CHECK_ROWS = 50
    disk, client = RecordedDisk(Path(store), durability, pytest.MonkeyPatch()), None
    while True:
        try:
            names, step = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        disk.take_turn(names)
        disk.events.clear()
        client = client or QdrantClient(path=store, durability=durability)
        if step is None:
            client.close()
        else:
            step.run(client)
            client.wait_until_indexed(NAME, 60)
        pickle.dump((disk.events, disk.turn()), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
