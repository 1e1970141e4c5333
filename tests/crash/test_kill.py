"""A process that writes is killed at a random moment, again and again, and nothing it was promised is lost."""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from crash_model import State, check_by_search, create, operation, read_all

from minidb import QdrantClient

SEARCHED = 30


@pytest.mark.parametrize("durability", ["full", "normal"])
def test_every_acknowledged_write_survives_a_kill(tmp_path: Path, cycles: int, durability: str) -> None:
    store = tmp_path / "store"
    rng = random.Random(f"{durability} {cycles}")
    with QdrantClient(store, durability=durability) as client:  # type: ignore[arg-type]
        create(client)
    state: State = {}
    written = 0
    for cycle in range((cycles + 1) // 2):
        n = acknowledged_before_kill(store, cycle, durability, rng.uniform(0.0, 0.7))
        written += n
        with QdrantClient(store, durability=durability) as client:  # type: ignore[arg-type]
            state = judged(client, state, cycle, n)
            check_by_search(client, state, rng.sample(sorted(state), min(SEARCHED, len(state))))
    assert written > cycles


def acknowledged_before_kill(store: Path, seed: int, durability: str, seconds: float) -> int:
    """Let a writer work for some time after its first operation, kill it; how many operations it saw through."""
    script = Path(__file__).with_name("writer.py")
    child = subprocess.Popen([sys.executable, str(script), str(store), str(seed), durability], stdout=subprocess.PIPE)
    assert child.stdout is not None
    output = os.read(child.stdout.fileno(), 65536)
    assert output, "the writer ended by itself"
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0 and select.select([child.stdout], [], [], left)[0]:
        output += os.read(child.stdout.fileno(), 65536)
    assert child.poll() is None, "the writer ended by itself"
    child.kill()
    output += child.stdout.read()
    child.wait()
    child.stdout.close()
    return output.count(b"\n")


def judged(client: QdrantClient, state: State, seed: int, n: int) -> State:
    """What the store holds now: the acknowledged operations, and perhaps the one that was under way."""
    for number in range(n):
        state = operation(seed, number, sorted(state)).apply(state)
    found = read_all(client)
    if found == state:
        return found
    later = operation(seed, n, sorted(state)).apply(state)
    assert found == later, f"after {n} operations: {difference(found, state)}, {difference(found, later)}"
    return found


def difference(found: State, expected: State) -> str:
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    changed = sorted(at for at in found.keys() & expected.keys() if found[at] != expected[at])
    return f"{len(missing)} missing {missing[:5]}, {len(extra)} extra {extra[:5]}, {len(changed)} changed {changed[:5]}"
