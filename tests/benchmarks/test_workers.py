"""Contestants' processes: what they return, what they raise, and that a crash ends one contestant only."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from benchmarks.requests import Unsupported
from benchmarks.workers import Session, Worker, WorkerError


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("numpy")
    yield worker
    worker.close()


def process_of(session: Session) -> int:
    return os.getpid()


def refuse(session: Session, text: str) -> None:
    raise Unsupported(text)


def crash(session: Session) -> None:
    os._exit(1)


def test_work_is_done_in_another_process_and_always_the_same(worker: Worker) -> None:
    first = worker.run(process_of)

    assert first != os.getpid()
    assert worker.run(process_of) == first


def test_an_error_comes_back_as_its_text(worker: Worker) -> None:
    with pytest.raises(WorkerError, match="no such thing"):
        worker.run(refuse, "no such thing")


def test_after_a_crash_there_is_a_new_process(worker: Worker) -> None:
    with pytest.raises(WorkerError, match="process died"):
        worker.run(crash)

    assert worker.run(process_of) != os.getpid()
