"""What search scenarios share: recall of prepared calls, and the least `ef` that reaches a recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmarks.adapters.base import Contestant
from benchmarks.measure import Samples, Timings, interleaved
from benchmarks.requests import Answer, Batch, Request, Search
from benchmarks.results import Table, Target, table
from benchmarks.stage import Cast, Stage
from benchmarks.workers import RemoteCalls, reason

EFS = (16, 32, 64, 128, 200, 256, 512, 1024, 2048)
_SECONDS_TO_JUDGE = 0.5


class Judge(Protocol):
    """Knows the right answers of a list of requests, and what share of them came back."""

    def recall(self, answers: Sequence[Answer]) -> float: ...


@dataclass(frozen=True)
class InBatches:
    """Judges answers to batches by a judge of their searches, each of which has `limit` hits."""

    judge: Judge
    limit: int = 10

    def recall(self, answers: Sequence[Answer]) -> float:
        return self.judge.recall(
            [answer[at : at + self.limit] for answer in answers for at in range(0, len(answer), self.limit)]
        )


def batches(searches: Sequence[Search], size: int) -> list[Batch]:
    """The searches in batches, the last one too short left out unless it is the only one."""
    parts = [tuple(searches[at : at + size]) for at in range(0, len(searches), size)]
    return [Batch(part) for part in parts if len(part) == len(parts[0])]


def recalls(calls: dict[str, RemoteCalls], truth: Judge, timings: Timings) -> dict[str, float]:
    """Recall of every contestant that ran, over all queries it can answer in a few seconds."""
    found = {}
    for name in list(timings.samples):
        affordable = max(3, int(_SECONDS_TO_JUDGE / max(timings.samples[name].median(), 1e-9)))
        try:
            answers = calls[name].answers(affordable)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises, the others go on
            timings.failures[name] = reason(error)
            del timings.samples[name]
        else:
            found[name] = truth.recall(answers)
    return found


def compared(
    stage: Stage,
    cast: Cast,
    name: str,
    title: str,
    requests: Callable[[str], Sequence[Request]],
    truth: Judge,
    *,
    points: int,
    targets: dict[str, Target] | None = None,
    notes: dict[str, str] | None = None,
    details: dict[str, Any] | None = None,
) -> Table:
    """Time everyone's calls interleaved, in milliseconds, and judge their answers."""
    stage.log(name)
    here = cast.with_nothing_absent()
    calls = here.calls(requests)
    timings = interleaved(calls, stage.settings.rounds, _seconds_per_round(stage))
    found = recalls(calls, truth, timings)
    return table(
        name, title, "ms", timings, points=points, recalls=found, notes=notes, targets=targets,
        absent=cast.absent | here.absent, details=details,
    )  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What one contestant does at one `ef`; "exact" is the last resort."""

    recall: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    qps: float


@dataclass
class Sweep:
    """The settings of one contestant, by `ef`: its curve of recall against queries per second."""

    settings: dict[str, Setting] = field(default_factory=dict)

    def least(self, wanted: float) -> str:
        """The fastest setting that reaches the recall; the one with most recall when none does."""
        reaching = [key for key, setting in self.settings.items() if setting.recall >= wanted]
        if reaching:
            return min(reaching, key=lambda key: self.settings[key].p50_ms)
        return max(self.settings, key=lambda key: self.settings[key].recall)


def swept(
    stage: Stage, cast: Cast, contestants: dict[str, Contestant], searches: Sequence[Search], truth: Judge
) -> dict[str, Sweep]:
    """Every contestant at every `ef`, and exact; those that know no `ef` only once, as "default".

    Who answers at no setting leaves the cast.
    """
    failures: dict[str, str] = {}
    sweeps: dict[str, Sweep] = {name: Sweep() for name in cast.workers}
    for key in [str(ef) for ef in EFS] + ["exact", "default"]:
        here = cast.with_nothing_absent()
        names = [name for name in cast.workers if contestants[name].uses_ef == (key != "default")]
        here.workers = {name: cast.workers[name] for name in names}
        calls = here.calls(lambda _, key=key: [tuned(search, key) for search in searches])  # type: ignore[misc]
        timings = interleaved(calls, rounds=1, seconds_per_round=_seconds_per_round(stage) / 2)
        for name, recall in recalls(calls, truth, timings).items():
            sweeps[name].settings[key] = _setting(timings.samples[name], recall)
        failures |= here.absent | timings.failures
    for name in [name for name, sweep in sweeps.items() if not sweep.settings]:
        cast.absent[name] = failures.get(name, "answered no search")
        del sweeps[name], cast.workers[name]
    return sweeps


def _setting(samples: Samples, recall: float) -> Setting:
    p50, p95, p99 = (samples.percentile(percent) * 1e3 for percent in (50, 95, 99))
    return Setting(recall, p50, p95, p99, len(samples.values) / sum(samples.values))


def tuned(search: Search, key: str) -> Search:
    """The search at a setting of a sweep."""
    if key == "default":
        return search
    return replace(search, exact=True) if key == "exact" else replace(search, ef=int(key))


def _seconds_per_round(stage: Stage) -> float:
    return 0.3 if stage.settings.quick else 2.0
