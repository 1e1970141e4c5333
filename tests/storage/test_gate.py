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
    while not gate._waiting_readers:
        pass
    writer.start()
    while not gate._waiting_writers:
        pass
    gate.release_exclusive()
    reader.join(LIMIT)
    writer.join(LIMIT)
    assert order == ["reader", "writer"]


class Interrupting(threading.Condition):
    """A condition whose waits end as Ctrl-C ends them."""

    def wait(self, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt


@pytest.mark.parametrize("side", ["shared", "exclusive"])
def test_an_interrupted_wait_leaves_nothing_behind(side: str) -> None:
    gate = PhaseFairGate()
    gate.acquire_exclusive()
    real = gate._changed
    gate._changed = gate._lock = Interrupting(threading.Lock())
    with pytest.raises(KeyboardInterrupt):
        getattr(gate, f"acquire_{side}")()
    gate._changed = gate._lock = real
    gate.release_exclusive()

    def both() -> None:
        with gate.exclusive:
            pass
        with gate.shared:
            pass

    run_all([both])
