"""`minidb migrate`, `push` and `pull` are killed at any request; the same command once more completes what they did."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors.serving import place, store_or_server

from minidb import QdrantClient, models
from minidb.cli import main

N, BATCH = 60, 7
STEPS = 2 * (2 * (N // BATCH + 1) + 12)
"""Of the copying: a request to either side for each page, and what comes before."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    with QdrantClient(path, durability="off") as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.create_payload_index("c", "n", "integer")
        client.upsert("c", [models.PointStruct(id=n, vector=[n, 0.1], payload={"n": n}) for n in range(N)])
    return path


@pytest.fixture(params=["store", "server"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with store_or_server(request.param, tmp_path / "target") as found:
        yield found


def killed(step: int, *argv: str) -> bool:
    """Whether the command was killed at that request; else it came to its end before."""
    script = str(Path(__file__).with_name("commanding.py"))
    run = subprocess.run([sys.executable, script, str(step), *argv], capture_output=True, check=False)
    assert run.returncode in (-signal.SIGKILL, 0)
    return run.returncode != 0


def said(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(list(argv)) == 0
    return capsys.readouterr().out


def state(side: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    shown = said(capsys, "get", "c", "--limit", "1000", "--with-vectors", "--json", *place(side))
    return [json.dumps(each, sort_keys=True) for each in json.loads(shown)]


def test_migrate_goes_on_where_it_was(
    source: Path, target: str, cycles: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was written is written once; what was not, by the next one."""
    rng = random.Random(f"{'://' in target} {cycles}")
    argv = ["migrate", "--path", str(source), "--to", target, "--batch-size", str(BATCH), "--resume"]
    n_there = n_killed = 0
    for _ in range(2 + cycles // 20):
        n_killed += killed(rng.randrange(8, STEPS), *argv)
        try:
            now = len(state(target, capsys))
        except AssertionError:  # the collection is not there yet
            now = 0
        assert now >= n_there
        assert now == N or now % BATCH == 0
        n_there = now
    capsys.readouterr()
    as_here = r"c: (\d+) points? written(?:, (\d+) were there)?; 1 checksum of 60 points: all as here"
    found = re.match(as_here, said(capsys, *argv))
    assert found is not None
    assert (int(found[1]), int(found[2] or 0)) == (N - n_there, n_there)
    assert state(target, capsys) == state(str(source), capsys)
    assert n_killed


@pytest.mark.parametrize("command", ["push", "pull"])
def test_a_push_and_a_pull_are_completed(
    source: Path, target: str, command: str, tmp_path: Path, cycles: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """To and from a server by requests, of which any may be the last."""
    if "://" not in target:
        pytest.skip("no requests are sent; tests/crash/test_sync_kill.py kills between the writes")
    rng = random.Random(f"{command} {cycles}")
    store = source
    if command == "pull":
        said(capsys, "migrate", "--path", str(source), "--to", target)
        store = tmp_path / "store"
    argv = [command, target, "--path", str(store), "--batch-size", str(BATCH)]
    n_killed = 0
    for _ in range(2 + cycles // 20):
        n_killed += killed(rng.randrange(2 * (N // BATCH)), *argv)
        said(capsys, *argv)
        assert state(target, capsys) == state(str(store), capsys)
        changed = place(str(store) if command == "push" else target)
        gone = [str(each) for each in rng.sample(range(N), 4)]
        said(capsys, "delete", "c", *gone, *changed)
        rows = tmp_path / "rows.jsonl"
        points = [{"id": n, "vector": [rng.random(), 1], "payload": {"n": rng.randrange(99)}} for n in range(100, 150)]
        rows.write_text("".join(json.dumps(each) + "\n" for each in points))
        said(capsys, "import", "c", str(rows), *changed)
    assert n_killed
