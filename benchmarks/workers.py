"""Every contestant in a process of its own: its memory, its threads and a crash of it disturb no other.

`Worker` is the handle in the process that runs the benchmarks, `Session` what it stands for in the other. `Worker.run`
sends a function and its arguments and returns what the function returns there; scenarios bring their own functions.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from benchmarks.adapters import by_name
from benchmarks.adapters.base import Call, Contestant, Form, Store
from benchmarks.data import Dataset
from benchmarks.requests import Answer, Request, Unsupported, WrongForm

_TIMEOUT_S = 1800.0
_FAREWELL_S = 10.0

P = ParamSpec("P")
R = TypeVar("R")


class WorkerError(Exception):
    """The contestant raised, or its process died; the text says which."""


class Session:
    """One contestant inside its process: the store it has open, and the calls that were prepared on it."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.calls: list[Call] = []
        self.before_each: Callable[[], None] | None = None
        """Done before each of the calls, and not timed."""
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        if self._store is None:
            raise RuntimeError("no store is open")
        return self._store

    def open(self, path: Path) -> Store:
        """The store at `path`, in the place of the one before."""
        self.close()
        self._store = self.contestant.open(path)
        return self._store

    def close(self) -> None:
        self.calls, self.before_each = [], None
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def load(self, path: Path, dataset: Path) -> None:
        """A store with the dataset in it, by the fastest way in, indexes built."""
        points = read(dataset)
        store = self.open(path)
        try:
            store.create(points.schema)
            insert(store, points)
            store.settle()
        except BaseException:
            self.close()
            raise

    def prepare(self, requests: Sequence[Request]) -> None:
        """Make `calls` of the requests."""
        self.calls = [self.store.prepare(request) for request in requests]
        self.before_each = None
        gc.collect()

    def seconds(self, start: int, stop: int) -> list[float]:
        """How long each of some calls takes."""
        clock = time.perf_counter
        taken = []
        for call in self.calls[start:stop]:
            if self.before_each is not None:
                self.before_each()
            started = clock()
            call()
            taken.append(clock() - started)
        return taken

    def answers(self, count: int) -> list[Answer]:
        """What the first calls return: ids alone, payloads stay here."""
        return [[(point, None) for point, _ in call()] for call in self.calls[:count]]


class Worker:
    """A contestant's process, started when it is first asked for something, and anew after a crash."""

    def __init__(self, contestant: str) -> None:
        self._contestant = contestant
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def run(self, work: Callable[Concatenate[Session, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        """What `work(session, ...)`, a function of some module, returns over there. Raises `WorkerError`."""
        connection = self._connection or self._start()
        try:
            connection.send((work, arguments, named))
            if not connection.poll(_TIMEOUT_S):
                self._kill()
                raise WorkerError(f"no answer within {_TIMEOUT_S:.0f} s")
            succeeded, result = connection.recv()
        except (EOFError, OSError) as error:
            self._kill()
            raise WorkerError("its process died") from error
        if not succeeded:
            raise WorkerError(result)
        done: R = result
        return done

    def close(self) -> None:
        """End the process; `run` would start another."""
        if self._connection is not None and self._process is not None:
            try:
                self._connection.send(None)
                self._process.join(_FAREWELL_S)
            except OSError:
                pass  # it is gone already
        self._kill()

    def _start(self) -> Connection:
        # Not by fork: several peers run threads that do not survive one.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._contestant, theirs), daemon=True)
        self._process.start()
        theirs.close()
        return self._connection

    def _kill(self) -> None:
        if self._process is not None:
            if self._process.is_alive():
                self._process.kill()
            self._process.join()
            self._process = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True)
class RemoteCalls:
    """The calls prepared in a worker; valid until the next are."""

    worker: Worker
    count: int

    def __len__(self) -> int:
        return self.count

    def seconds(self, start: int, stop: int) -> list[float]:
        return self.worker.run(Session.seconds, start, stop)

    def answers(self, count: int) -> list[Answer]:
        return self.worker.run(Session.answers, count)


def insert(store: Store, dataset: Dataset, forms: tuple[Form, Form] = ("arrays", "points")) -> None:
    """Insert in the first form, or in the second where the store does not take the first."""
    try:
        store.insert(dataset.columns, forms[0])
    except WrongForm:
        store.insert(dataset.columns, forms[1])


def write(dataset: Dataset, path: Path) -> None:
    """A file that workers read the dataset from."""
    with path.open("wb") as file:
        pickle.dump(dataset, file, pickle.HIGHEST_PROTOCOL)


def read(path: Path) -> Dataset:
    with path.open("rb") as file:
        dataset: Dataset = pickle.load(file)
    return dataset


def reason(error: BaseException) -> str:
    """An error in one short line."""
    if isinstance(error, Unsupported | WorkerError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed (pip install 'minidb-vector[peers]')"
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__


def _serve(contestant: str, connection: Connection) -> None:
    os.dup2(2, 1)  # what peers print is not part of the report
    session = Session(by_name(contestant))
    while (message := connection.recv()) is not None:
        work, arguments, named = message
        result: Any
        try:
            result = (True, work(session, *arguments, **named))
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is told, not fatal
            result = (False, reason(error))
        connection.send(result)
    session.close()
