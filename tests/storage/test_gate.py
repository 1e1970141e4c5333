"""The phase-fair gate: exclusive, shared, and neither side starves the other."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from minidb.storage.gate import PhaseFairGate

LIMIT = 20.0


def run_all(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive(), "somebody starved"


def test_readers_share() -> None:
    gate, inside = PhaseFairGate(), threading.Barrier(4, timeout=LIMIT)

    def read() -> None:
        with gate.shared:
            inside.wait()  # passes only when all four are in

    run_all([read] * 4)


def test_a_writer_is_alone() -> None:
    gate, value, n_readers = PhaseFairGate(), [0], [0]

    def write() -> None:
        for _ in range(300):
            with gate.exclusive:
                before = value[0]
                assert not n_readers[0]
                value[0] = before + 1

    def read() -> None:
        for _ in range(300):
            with gate.shared:
                n_readers[0] += 1
                n_readers[0] -= 1

    run_all([write, write, write, read, read])
    assert value[0] == 900


def test_busy_readers_do_not_starve_a_writer() -> None:
    gate, done = PhaseFairGate(), threading.Event()

    def read() -> None:
        while not done.is_set():
            with gate.shared:
                pass

    def write() -> None:
        for _ in range(50):
            with gate.exclusive:
                pass
        done.set()

    run_all([read, read, read, read, write])


def test_a_looping_writer_does_not_starve_readers() -> None:
    gate, done = PhaseFairGate(), threading.Event()

    def write() -> None:
        while not done.is_set():
            with gate.exclusive:
                pass

    def read() -> None:
        for _ in range(50):
            with gate.shared:
                pass
        done.set()

    run_all([write, write, read])


def test_readers_that_waited_go_before_the_next_writer() -> None:
    gate, order = PhaseFairGate(), []
    gate.acquire_exclusive()

    def read() -> None:
        with gate.shared:
            order.append("reader")

    def write() -> None:
        with gate.exclusive:
            order.append("writer")

    reader, writer = threading.Thread(target=read), threading.Thread(target=write)
    reader.start()
    while not gate._waiting:
        pass
    writer.start()
    gate.release_exclusive()
    reader.join(LIMIT)
    writer.join(LIMIT)
    assert order == ["reader", "writer"]


class Interrupted:
    """A reader whose wait ends as Ctrl-C ends it."""

    def __init__(self) -> None:
        self.token: object = None
        self.is_gone = False
        self.go = self

    def acquire(self) -> None:
        raise KeyboardInterrupt

    def release(self) -> None:
        """Nobody waits any more."""


def both_sides(gate: PhaseFairGate) -> None:
    with gate.exclusive:
        pass
    with gate.shared:
        pass


def test_an_interrupted_wait_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = PhaseFairGate()
    gate.acquire_exclusive()
    monkeypatch.setattr("minidb.storage.gate._Waiting", Interrupted)
    with pytest.raises(KeyboardInterrupt), gate.shared:
        pass
    monkeypatch.undo()
    gate.release_exclusive()
    run_all([lambda: both_sides(gate)])


def test_a_reader_that_never_reached_its_exit_is_not_inside_any_more() -> None:
    gate = PhaseFairGate()

    def interrupted() -> None:
        gate.shared.__enter__()  # Ctrl-C between the two: only the stack of `with` had it

    interrupted()
    run_all([lambda: both_sides(gate)])
