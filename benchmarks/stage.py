"""The stage of a run: settings, scratch folder, workers, and loaded stores for as long as they are needed."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import data, workers
from benchmarks.adapters.base import Contestant
from benchmarks.data import Dataset
from benchmarks.requests import Request
from benchmarks.workers import RemoteCalls, Session, Worker, reason

LOADED_AS_LOCAL: Mapping[str, str] = {"local-disk": "searches in memory, as local does"}


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    points: int
    dim: int
    queries: int
    rounds: int
    peers: tuple[str, ...]
    quick: bool
    data: Path | None = None
    cranfield: Path | None = None

    @property
    def heavy_rounds(self) -> int:
        """Rounds of work that takes seconds."""
        return self.rounds if self.points <= 20_000 else max(1, min(self.rounds, 2))

    @property
    def rest_seconds(self) -> float:
        """In which a store that was opened comes to an end with what it reads in the background."""
        return 0.0 if self.quick else 2.0

    @property
    def patience_seconds(self) -> float:
        """What one contestant may take for the rounds of a heavy task."""
        return 2.0 if self.quick else 90.0


@dataclass
class Cast:
    """The contestants of one scenario: those whose workers hold a loaded store, and why the others are absent."""

    workers: dict[str, Worker] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def calls(self, requests: Callable[[str], Sequence[Request]]) -> dict[str, RemoteCalls]:
        """Prepared calls of everyone who can answer; others are noted as absent for this table."""
        calls: dict[str, RemoteCalls] = {}
        for name, worker in self.workers.items():
            with self.noting_absence(name):
                asked = requests(name)
                worker.run(Session.prepare, asked)
                calls[name] = RemoteCalls(worker, len(asked))
        return calls

    @contextmanager
    def noting_absence(self, name: str) -> Iterator[None]:
        """Whatever a contestant raises in the block makes it absent; the others go on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - any failure of a peer's
            self.absent[name] = reason(error)

    def with_nothing_absent(self) -> Cast:
        """The same stores, to note absences of another table."""
        return Cast(self.workers, {})


class Stage:
    """Makes stores in a scratch folder, each in its contestant's process."""

    def __init__(
        self,
        settings: Settings,
        contestants: dict[str, Contestant],
        folder: Path,
        start_worker: Callable[[str], Worker] = Worker,
    ) -> None:
        self.settings = settings
        self.contestants = contestants
        self._folder = folder
        self._start_worker = start_worker
        self._numbers = iter(range(10**9))
        self._workers: dict[str, Worker] = {}

    def log(self, text: str) -> None:
        """Progress, on stderr."""
        print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def worker(self, name: str) -> Worker:
        """The process of a contestant, the same one for the whole run."""
        if name not in self._workers:
            self._workers[name] = self._start_worker(name)
        return self._workers[name]

    def close(self) -> None:
        for worker in self._workers.values():
            worker.close()

    def new_path(self) -> Path:
        """A path in the scratch folder where nothing is yet."""
        return self._folder / f"store-{next(self._numbers)}"

    def dense(self, points: int, queries: int, graph: bool = False) -> Dataset:
        """The first vectors of `--data`, or the easy synthetic set."""
        if self.settings.data is None:
            return data.easy(points, self.settings.dim, queries, graph)
        return data.from_file(self.settings.data, points, queries, graph)

    def fitting(self, points: int, durable_only: bool = False) -> tuple[dict[str, Contestant], dict[str, str]]:
        """Contestants that can bear so many points, and why the others cannot."""
        fitting: dict[str, Contestant] = {}
        absent: dict[str, str] = {}
        for name, contestant in self.contestants.items():
            if durable_only and not contestant.is_durable:
                absent[name] = "keeps nothing on disk"
            elif contestant.most_points is not None and points > contestant.most_points:
                absent[name] = f"left out above {contestant.most_points:,} points"
            else:
                fitting[name] = contestant
        return fitting, absent

    @contextmanager
    def handed_out(self, dataset: Dataset) -> Iterator[Path]:
        """A file that workers read the dataset from."""
        path = self.new_path()
        workers.write(dataset, path)
        try:
            yield path
        finally:
            path.unlink()

    @contextmanager
    def loaded(self, dataset: Dataset, without: Mapping[str, str] = LOADED_AS_LOCAL) -> Iterator[Cast]:
        """Stores holding the dataset, indexes built; closed and removed afterwards.

        Args:
            without: contestants that take no part, and why.
        """
        contestants, absent = self.fitting(len(dataset.columns))
        cast = Cast(absent=absent | {name: why for name, why in without.items() if name in self.contestants})
        paths = []
        try:
            with self.handed_out(dataset) as file:
                for name in contestants:
                    if name in without:
                        continue
                    path = self.new_path()
                    paths.append(path)
                    with cast.noting_absence(name):
                        started = time.perf_counter()
                        self.worker(name).run(Session.load, path, file)
                        cast.workers[name] = self.worker(name)
                        self.log(f"{dataset.name}: {name} loaded in {time.perf_counter() - started:.1f} s")
            yield cast
        finally:
            for worker in cast.workers.values():
                with suppress(Exception):
                    worker.run(Session.close)
            for path in paths:
                self.remove(path)

    @staticmethod
    def remove(path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
