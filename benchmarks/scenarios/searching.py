"""What search scenarios share: recall of prepared calls, and the least `ef` that reaches a recall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from benchmarks.adapters.base import Call, Contestant
from benchmarks.measure import Timings, interleaved, reason
from benchmarks.requests import Answer, Request, Search
from benchmarks.results import Table, Target, table
from benchmarks.stage import Cast, Stage

EFS = (16, 32, 64, 128, 200, 256, 512)
_SECONDS_TO_JUDGE = 0.5


class Judge(Protocol):
    """Knows the right answers of a list of requests, and what share of them came back."""

    def recall(self, answers: Sequence[Answer]) -> float: ...


def recalls(calls: dict[str, list[Call]], truth: Judge, timings: Timings) -> dict[str, float]:
    """Recall of every contestant that ran, over all queries it can answer in a few seconds."""
    found = {}
    for name in list(timings.samples):
        affordable = max(3, int(_SECONDS_TO_JUDGE / max(timings.samples[name].median(), 1e-9)))
        try:
            answers: list[Answer] = [call() for call in calls[name][:affordable]]
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


@dataclass
class Sweep:
    """Recall and median milliseconds by `ef` of one contestant; "exact" is the last resort."""

    recall: dict[str, float] = field(default_factory=dict)
    median_ms: dict[str, float] = field(default_factory=dict)

    def least(self, wanted: float) -> str:
        """The fastest setting that reaches the recall; the one with most recall when none does."""
        reaching = [key for key, recall in self.recall.items() if recall >= wanted]
        if reaching:
            return min(reaching, key=self.median_ms.__getitem__)
        return max(self.recall, key=self.recall.__getitem__)


def swept(
    stage: Stage, cast: Cast, contestants: dict[str, Contestant], searches: Sequence[Search], truth: Judge
) -> dict[str, Sweep]:
    """Every contestant at every `ef`, and exact; those that know no `ef` only once, as "default".

    Who answers at no setting leaves the cast.
    """
    failures: dict[str, str] = {}
    sweeps: dict[str, Sweep] = {name: Sweep() for name in cast.stores}
    for key in [str(ef) for ef in EFS] + ["exact", "default"]:
        here = cast.with_nothing_absent()
        names = [name for name in cast.stores if contestants[name].uses_ef == (key != "default")]
        names = [name for name in names if not (key == "exact" and name == "hnswlib")]
        here.stores = {name: cast.stores[name] for name in names}
        calls = here.calls(lambda _, key=key: [tuned(search, key) for search in searches])  # type: ignore[misc]
        timings = interleaved(calls, rounds=1, seconds_per_round=_seconds_per_round(stage) / 2)
        for name, recall in recalls(calls, truth, timings).items():
            sweeps[name].recall[key] = recall
            sweeps[name].median_ms[key] = timings.samples[name].median() * 1e3
        failures |= here.absent | timings.failures
    for name in [name for name, sweep in sweeps.items() if not sweep.recall]:
        cast.absent[name] = failures.get(name, "answered no search")
        del sweeps[name], cast.stores[name]
    return sweeps


def tuned(search: Search, key: str) -> Search:
    """The search at a setting of a sweep."""
    if key == "default":
        return search
    return replace(search, exact=True) if key == "exact" else replace(search, ef=int(key))


def _seconds_per_round(stage: Stage) -> float:
    return 0.3 if stage.settings.quick else 2.0
