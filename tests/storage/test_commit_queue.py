"""Group commit: who gets which result, which error, and what happens to the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from minidb.errors import ServiceError
from minidb.storage.commit import CommitQueue

LIMIT = 20.0


class Transaction:
    """As much of a write transaction as the queue uses."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        before = list(self.written)
        try:
            yield
        except BaseException:
            self.written = before
            raise


class Spoiled(Exception):
    """What a full map is to LMDB."""


class Log:
    """Commits batches into a list; a first commit can be held until others have queued."""

    def __init__(self) -> None:
        self.queue = CommitQueue(self._commit, (Spoiled,))
        self.commits: list[list[Any]] = []
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.fail_with: BaseException | None = None
        self.retries = 0

    def _commit(self, run: Callable[[Any], None]) -> None:
        while True:
            txn = Transaction()
            try:
                run(txn)
            except Spoiled:
                self.retries += 1
                continue
            break
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        self.commits.append(txn.written)

    def hold(self, txn: Any) -> str:
        """A write that keeps the leader busy."""
        self.entered.set()
        assert self.go_on.wait(LIMIT)
        txn.written.append("held")
        return "held"

    def together(self, works: list[Callable[[Any], Any]]) -> list[Any]:
        """Submit all of the works so that they end up in one batch; their results or errors."""
        results: list[Any] = [None] * len(works)

        def submit(at: int, work: Callable[[Any], Any]) -> None:
            try:
                results[at] = self.queue.submit(work)
            except BaseException as error:  # noqa: BLE001 - looked at by the test
                results[at] = error

        first = threading.Thread(target=self.queue.submit, args=(self.hold,))
        first.start()
        assert self.entered.wait(LIMIT)
        threads = []
        for at, work in enumerate(works):
            threads.append(threading.Thread(target=submit, args=(at, work)))
            threads[-1].start()
            while len(self.queue._queue) <= at:
                pass
        self.go_on.set()
        for thread in [first, *threads]:
            thread.join(LIMIT)
            assert not thread.is_alive()
        return results


def write(value: Any) -> Callable[[Any], Any]:
    def work(txn: Any) -> Any:
        txn.written.append(value)
        return value

    return work


def failing(error: BaseException) -> Callable[[Any], Any]:
    def work(txn: Any) -> Any:
        txn.written.append("half")
        raise error

    return work


def test_a_write_returns_its_result_after_its_commit() -> None:
    log = Log()
    assert log.queue.submit(write(1)) == 1
    assert log.commits == [[1]]


def test_writes_that_queued_share_one_commit_in_order() -> None:
    log = Log()
    assert log.together([write(at) for at in range(5)]) == [0, 1, 2, 3, 4]
    assert log.commits == [["held"], [0, 1, 2, 3, 4]]


def test_an_error_goes_to_its_caller_only() -> None:
    log = Log()
    results = log.together([write(1), failing(KeyError("mine")), write(2)])
    assert (results[0], results[2]) == (1, 2)
    assert isinstance(results[1], KeyError)
    assert log.commits[1] == [1, 2]


def test_a_lone_write_that_fails_leaves_the_queue_usable() -> None:
    log = Log()
    with pytest.raises(KeyError):
        log.queue.submit(failing(KeyError("mine")))
    assert log.queue.submit(write(1)) == 1


def test_a_commit_that_fails_is_an_error_for_all_of_its_batch() -> None:
    log = Log()

    def disk_full(txn: Any) -> None:
        log.fail_with = OSError("disk full")

    results = log.together([write(1), disk_full, failing(KeyError("mine"))])
    assert [type(result) for result in results] == [OSError, OSError, KeyError]
    assert log.commits == [["held"]]
    assert log.queue.submit(write(2)) == 2


def test_a_spoiled_transaction_is_run_again_whole() -> None:
    log = Log()
    runs: list[int] = []

    def spoils_once(txn: Any) -> str:
        runs.append(len(runs))
        txn.written.append("big")
        if len(runs) == 1:
            raise Spoiled
        return "big"

    assert log.together([write(1), spoils_once, write(2)]) == [1, "big", 2]
    assert log.retries == 1
    assert log.commits[1] == [1, "big", 2]


def test_an_error_of_a_run_that_was_repeated_is_forgotten() -> None:
    log = Log()
    runs: list[int] = []

    def fails_once(txn: Any) -> str:
        runs.append(len(runs))
        if len(runs) == 1:
            raise KeyError("first run only")
        return "well"

    def spoils_once(txn: Any) -> None:
        if len(runs) == 1:
            raise Spoiled

    assert log.together([fails_once, spoils_once]) == ["well", None]


def test_ctrl_c_in_the_leader_is_not_raised_in_other_threads() -> None:
    log = Log()
    results = log.together([failing(KeyboardInterrupt()), write(1)])
    assert {type(result) for result in results} == {KeyboardInterrupt, ServiceError}  # either may lead
    assert log.queue.submit(write(2)) == 2


def test_a_pause_waits_for_the_transaction_and_holds_off_the_next() -> None:
    log = Log()
    first = threading.Thread(target=log.queue.submit, args=(log.hold,))
    first.start()
    assert log.entered.wait(LIMIT)
    log.go_on.set()
    with log.queue.paused():
        assert log.commits == [["held"]]
        second = threading.Thread(target=log.queue.submit, args=(write(1),))
        second.start()
        assert log.commits == [["held"]]
    first.join(LIMIT)
    second.join(LIMIT)
    assert log.commits == [["held"], [1]]
