"""Where minidb's time goes in a scenario: a chart of call paths and a list of functions, per kind of work.

After a scenario's rounds it is played once more with minidb alone, on a stage whose worker takes samples: beside the
work a thread looks about every millisecond at what all other threads are doing. The times are of the clock, waiting
included; of threads that wait for work nothing is noted. What a scenario does in processes of its own (`import`,
`start`, `reopen`) is not seen.
"""

from __future__ import annotations

import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any, Concatenate, TypeAlias

from benchmarks.adapters import ALL, BASELINE
from benchmarks.results import Table
from benchmarks.stage import Settings, Stage
from benchmarks.svg import Block, icicle_chart
from benchmarks.workers import P, R, Session, Worker

Stacks: TypeAlias = "Counter[tuple[str, ...]]"
"""How often each call path was seen, outermost call first."""
_INTERVAL_S = 0.001
_SWITCH_S = 0.0005
"""The interpreter's own 5 ms would keep the sampling thread waiting while Python code runs."""
_LEAST_SAMPLES = 20
_LEAST_SHARE = 0.002
_LISTED = 40


def profile(name: str, scenario: Callable[[Stage], list[Table]], settings: Settings, scratch: Path, to: Path) -> None:
    """Play a scenario again and write `<name>-<work>.svg` and `.txt` for each kind of work long enough to be seen."""
    workers: list[SampledWorker] = []

    def start(contestant: str) -> Worker:
        workers.append(SampledWorker(contestant))
        return workers[-1]

    alone = replace(settings, peers=(BASELINE,))
    with (
        TemporaryDirectory(dir=scratch) as folder,
        closing(Stage(alone, {BASELINE: ALL[BASELINE]}, Path(folder), start)) as stage,
    ):
        scenario(stage)
    to.mkdir(parents=True, exist_ok=True)
    for worker in workers:
        for work, stacks in worker.stacks.items():
            if stacks.total() >= _LEAST_SAMPLES:
                title = f"{name}: {work}"
                (to / f"{name}-{work}.svg").write_text(_chart(title, stacks))
                (to / f"{name}-{work}.txt").write_text(_listing(title, stacks))


class SampledWorker(Worker):
    """A worker that samples what it is asked to do, by the name of the function."""

    def __init__(self, contestant: str) -> None:
        super().__init__(contestant)
        self.stacks: dict[str, Stacks] = {}

    def run(self, work: Callable[Concatenate[Session, P], R], *arguments: P.args, **named: P.kwargs) -> R:
        result, stacks = super().run(_sampled, work, arguments, named)
        self.stacks.setdefault(work.__name__.strip("_"), Counter()).update(stacks)
        done: R = result
        return done


def _sampled(
    session: Session, work: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[Any, Stacks]:
    return sampled(lambda: work(session, *arguments, **named))


def sampled(work: Callable[[], R]) -> tuple[R, Stacks]:
    """What `work` returns, and samples of all threads meanwhile; of this one those below `work`."""
    stacks: Stacks = Counter()
    done, here = threading.Event(), threading.get_ident()
    outermost = work.__code__

    def sample() -> None:
        while not done.wait(_INTERVAL_S):
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            for ident, frame in sys._current_frames().items():
                if ident == here:
                    path = _path(frame, outermost)
                elif ident == threading.get_ident() or _is_idle(frame):
                    path = ()
                else:
                    path = ("thread " + re.sub(r"[-_]?\d+.*", "", names.get(ident, "")), *_path(frame, None))
                if path:
                    stacks[path] += 1

    switch, sampler = sys.getswitchinterval(), threading.Thread(target=sample, daemon=True)
    sys.setswitchinterval(_SWITCH_S)
    sampler.start()
    try:
        return work(), stacks
    finally:
        done.set()
        sampler.join()
        sys.setswitchinterval(switch)


def _path(frame: FrameType | None, outermost: CodeType | None) -> tuple[str, ...]:
    """The calls below `outermost`, none when it is not among them; with None all of them."""
    path = []
    while frame is not None and frame.f_code is not outermost:
        path.append(_label(frame.f_code))
        frame = frame.f_back
    return tuple(reversed(path)) if outermost is None or frame is not None else ()


def _is_idle(frame: FrameType) -> bool:
    """Waiting in Python's own queues and locks, as pools and the indexer do between tasks."""
    return Path(frame.f_code.co_filename).name in ("threading.py", "thread.py", "queue.py", "selectors.py")


@lru_cache(maxsize=4096)
def _label(code: CodeType) -> str:
    """`query/search.nearest` for minidb's own functions, `module.function` for others'."""
    parts = Path(code.co_filename).with_suffix("").parts
    below = parts[len(parts) - parts[::-1].index("minidb") :] if "minidb" in parts else parts[-1:]
    return f"{'/'.join(below) or parts[-1]}.{code.co_name}"


@dataclass
class _Node:
    samples: int = 0
    below: dict[str, _Node] = field(default_factory=dict)


def _chart(title: str, stacks: Stacks) -> str:
    root = _Node()
    for path, count in stacks.items():
        node = root
        node.samples += count
        for label in path:
            node = node.below.setdefault(label, _Node())
            node.samples += count
    subtitle = f"{root.samples:,} samples of {_INTERVAL_S * 1e3:g} ms; callers above what they call, width is time"
    return icicle_chart(title, subtitle, list(_blocks(root, 0.0, 0, root.samples)))


def _blocks(node: _Node, start: float, depth: int, whole: int) -> Iterator[Block]:
    """What `node` calls, the longest first, as shares of the whole."""
    for label, child in sorted(node.below.items(), key=lambda item: -item[1].samples):
        share = child.samples / whole
        if share >= _LEAST_SHARE:
            yield Block(label, start, share, depth)
            yield from _blocks(child, start, depth + 1, whole)
        start += share


def _listing(title: str, stacks: Stacks) -> str:
    """Functions by their own time, beside the time within them."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for path, count in stacks.items():
        own[path[-1]] += count
        for label in set(path):
            within[label] += count
    total = stacks.total()
    lines = [f"{title}, {total:,} samples", "", "   own  within  function"]
    for label, count in own.most_common(_LISTED):
        lines.append(f"{count / total:6.1%}  {within[label] / total:6.1%}  {label}")
    return "\n".join(lines) + "\n"
