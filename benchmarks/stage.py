"""The stage of a run: its settings, its scratch folder, and loaded stores for as long as they are needed."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.adapters.base import Call, Contestant, Form, Store
from benchmarks.data import Dataset
from benchmarks.measure import reason
from benchmarks.requests import Request, Unsupported


@dataclass(frozen=True)
class Settings:
    """What the command line asked for."""

    points: int
    dim: int
    queries: int
    rounds: int
    peers: tuple[str, ...]
    quick: bool
    cranfield: Path | None = None

    @property
    def heavy_rounds(self) -> int:
        """Rounds of work that takes seconds."""
        return self.rounds if self.points <= 20_000 else max(1, min(self.rounds, 2))

    @property
    def patience_seconds(self) -> float:
        """What one contestant may take for the rounds of a heavy task."""
        return 2.0 if self.quick else 90.0


@dataclass
class Cast:
    """The contestants of one scenario: those with a loaded store, and why the others are absent."""

    stores: dict[str, Store] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def calls(self, requests: Callable[[str], Sequence[Request]]) -> dict[str, list[Call]]:
        """Prepared calls of everyone who can answer; others are noted as absent for this table."""
        calls: dict[str, list[Call]] = {}
        for name, store in self.stores.items():
            with self.noting_absence(name):
                calls[name] = [store.prepare(request) for request in requests(name)]
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
        return Cast(self.stores, {})


class Stage:
    """Makes stores in a scratch folder and closes them at the end."""

    def __init__(self, settings: Settings, contestants: dict[str, Contestant], folder: Path) -> None:
        self.settings = settings
        self.contestants = contestants
        self._folder = folder
        self._numbers = iter(range(10**9))

    def log(self, text: str) -> None:
        """Progress, on stderr."""
        print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def new_path(self) -> Path:
        """A path in the scratch folder where nothing is yet."""
        return self._folder / f"store-{next(self._numbers)}"

    def fitting(self, points: int, durable_only: bool = False) -> tuple[dict[str, Contestant], dict[str, str]]:
        """Contestants that can bear so many points, and why the others cannot."""
        fitting: dict[str, Contestant] = {}
        absent: dict[str, str] = {}
        for name, contestant in self.contestants.items():
            if durable_only and not contestant.is_durable:
                continue
            if contestant.most_points is not None and points > contestant.most_points:
                absent[name] = f"left out above {contestant.most_points:,} points"
            else:
                fitting[name] = contestant
        return fitting, absent

    @contextmanager
    def loaded(self, dataset: Dataset, without: Sequence[str] = ("local-disk",)) -> Iterator[Cast]:
        """Stores holding the dataset, indexes built; closed and removed afterwards."""
        contestants, absent = self.fitting(len(dataset.columns))
        cast = Cast(absent=absent)
        paths = []
        try:
            for name, contestant in contestants.items():
                if name in without:
                    continue
                path = self.new_path()
                paths.append(path)
                with cast.noting_absence(name):
                    started = time.perf_counter()
                    cast.stores[name] = self.load(contestant, path, dataset)
                    self.log(f"{dataset.name}: {name} loaded in {time.perf_counter() - started:.1f} s")
            yield cast
        finally:
            for store in cast.stores.values():
                with suppress(Exception):
                    store.close()
            for path in paths:
                self.remove(path)

    @staticmethod
    def load(contestant: Contestant, path: Path, dataset: Dataset) -> Store:
        """A store with the dataset in it, by the fastest way in, indexes built."""
        store = contestant.open(path)
        try:
            store.create(dataset.schema)
            insert(store, dataset)
            store.settle()
        except BaseException:
            store.close()
            raise
        return store

    @staticmethod
    def remove(path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)


def insert(store: Store, dataset: Dataset) -> Form:
    """Insert as arrays where the store takes them, else as points; which it was."""
    try:
        store.insert(dataset.columns, "arrays")
    except Unsupported:
        store.insert(dataset.columns, "points")
        return "points"
    return "arrays"
