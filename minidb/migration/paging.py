"""Work on many ids: cut into pages, by several threads, not faster than allowed. Knows nothing of points."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items; the last one has what is left."""
    iterator = iter(items)
    while page := list(islice(iterator, size)):
        yield page


def paced(items: Iterable[Sequence[T]], per_second: float | None) -> Iterator[Sequence[T]]:
    """Pages, each not before its first item is due."""
    started, before = time.monotonic(), 0
    for page in items:
        if per_second is not None and (wait := started + before / per_second - time.monotonic()) > 0:
            time.sleep(wait)
        before += len(page)
        yield page


def in_parallel(work: Callable[[T], R], items: Iterable[T], n_threads: int) -> Generator[R]:
    """`work` of each item, in the order of its end; with one thread, in the caller's.

    Raises what `work` raises. However it ends, what is under way is finished first, and nothing begun after that.
    """
    if n_threads == 1:
        yield from map(work, items)
        return
    todo: SimpleQueue[T | None] = SimpleQueue()  # queues without locks of Python's, which Ctrl-C might leave locked
    done: SimpleQueue[tuple[R | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        while (item := todo.get()) is not None:
            try:
                done.put((work(item), None))
            except BaseException as error:  # noqa: BLE001, PERF203 - raised in the caller's thread
                done.put((None, error))

    def finished() -> R:
        result, error = done.get()
        if error is not None:
            raise error
        return result  # type: ignore[return-value]

    threads = [threading.Thread(target=run, daemon=True) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    n_under_way = 0
    try:
        for item in items:
            if n_under_way == n_threads:
                n_under_way -= 1
                yield finished()
            todo.put(item)
            n_under_way += 1
        for _ in range(n_under_way):
            yield finished()
    finally:
        for _ in threads:
            todo.put(None)
        for thread in threads:
            thread.join()
