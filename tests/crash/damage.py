"""A closed store with everything in it, copies of it to damage, and the process that examines them."""

from __future__ import annotations

import json
import pickle
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from crash_model import NAME, State, create, operation
from examiner import questions

from minidb import QdrantClient
from minidb.storage.pages import Meta

PAGE = 4096


@dataclass(frozen=True)
class Sample:
    """A closed store and what it answers."""

    path: Path
    expected: Path
    state: State


@dataclass(frozen=True)
class Outcome:
    """What examining one store came to. `code` is the process's exit code when it died of it, else 0."""

    errors: list[tuple[str, str, str]]
    wrong: list[str]
    code: int = 0

    @property
    def is_right(self) -> bool:
        return not self.errors and not self.wrong and not self.code

    @property
    def is_sound(self) -> bool:
        """Right answers or minidb's errors, nothing else."""
        return not self.wrong and not self.code

    def texts(self, name: str) -> str:
        """The texts of all errors of that class."""
        return "\n".join(text for _, kind, text in self.errors if kind == name)


def build_sample(folder: Path) -> Sample:
    """A few hundred points with dead rows between them, a graph, postings, an emptied log; closed in order."""
    path, expected = folder / "sample", folder / "expected"
    state: State = {}
    with QdrantClient(path) as client:
        create(client)
        for number in range(45):
            step = operation(5, number, sorted(state))
            if len(step.points) > 100:
                continue
            step.run(client)
            state = step.apply(state)
        assert client.wait_until_indexed(NAME, 60)
        answers = {name: question(client) for name, question in questions(state).items()}
    expected.write_bytes(pickle.dumps((state, answers)))
    assert answers["read all"] == state
    return Sample(path, expected, state)


def damaged(sample: Sample, folder: Path, name: str, damage: Callable[[Path], object]) -> Path:
    """A copy of the sample that `damage` was let loose on."""
    copy = folder / name
    shutil.copytree(sample.path, copy)
    damage(copy)
    return copy


def examined(sample: Sample, stores: Iterable[Path]) -> list[Outcome]:
    """Examine the stores one after the other, in as few processes as survive it; removes them."""
    left, outcomes = list(stores), []
    while left:
        script = Path(__file__).with_name("examiner.py")
        command = [sys.executable, "-X", "faulthandler", str(script), str(sample.expected), *map(str, left)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        outcomes += [Outcome([tuple(error) for error in line["errors"]], line["wrong"]) for line in lines]
        if done.returncode and len(lines) < len(left):
            outcomes.append(Outcome([], [done.stderr[-1500:]], done.returncode))
        for store in left[: len(lines) + 1]:
            shutil.rmtree(store)
        left = left[len(lines) + (1 if done.returncode else 0) :]
    return outcomes


def flip(file: Path, at: int, mask: int = 0xFF) -> None:
    """Change one byte."""
    with file.open("r+b") as opened:
        opened.seek(at)
        old = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([old ^ mask]))


def flip_some(file: Path, rng: random.Random, n: int = 3) -> None:
    """Change a few bytes anywhere."""
    for _ in range(n):
        flip(file, rng.randrange(file.stat().st_size), rng.randrange(1, 256))


def truncate(file: Path, size: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(size)


def overwrite(file: Path, at: int, content: bytes) -> None:
    """Put other bytes in a place."""
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(content)


def live_pages(content: bytes | bytearray, meta: Meta) -> list[int]:
    """Branches and leaves of the tables, as of a commit."""
    found, left = [], [meta.main.root]
    while left:
        page = left.pop()
        found.append(page)
        for start, key_bytes in nodes_of(content, page):
            low, high, flags = struct.unpack_from("<HHH", content, start)
            if content[page * PAGE + 10] == 1:
                left.append(low | high << 16 | flags << 32)
            elif flags == 2:  # a table: its root is the last of its record
                root = int.from_bytes(content[start + 8 + key_bytes + 40 : start + 8 + key_bytes + 48], "little")
                left += [root] if root < 1 << 63 else []
    return found


def nodes_of(content: bytes | bytearray, page: int) -> list[tuple[int, int]]:
    """Where the nodes of a branch or leaf begin, and the lengths of their keys."""
    start = page * PAGE
    n = (int.from_bytes(content[start + 12 : start + 14], "little") - 16) // 2
    starts = [start + offset for offset in struct.unpack_from(f"<{n}H", content, start + 16)]
    return [(at, int.from_bytes(content[at + 6 : at + 8], "little")) for at in starts]


def bits_of_keys(content: bytes | bytearray, page: int, *, is_branch: bool) -> Iterable[tuple[int, int]]:
    """Place and mask of every bit of every key of a page; a branch's first key is never looked at."""
    for start, key_bytes in nodes_of(content, page)[1 if is_branch else 0 :]:
        for at in range(start + 8, start + 8 + key_bytes):
            yield from ((at, 1 << bit) for bit in range(8))


def find(file: Path, content: bytes) -> int:
    """Where the content lies for the last time: LMDB's older copies come first, mostly."""
    at = file.read_bytes().rfind(content)
    assert at >= 0
    return at
