"""What a query did, step by step, for `client.explain`: which index answered, how many rows, how long.

Every room writes into the trace of the reader it works for; the trace that ordinary queries carry keeps nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any


@dataclass(repr=False)
class Step:
    """One step of a query: what it was, what is to be known of it, and the steps within. Prints as a tree."""

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    micros: float = 0.0
    """Microseconds, those of the steps within included."""
    steps: list[Step] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join(self._lines(""))

    def as_json(self) -> dict[str, Any]:
        """What `of_json` makes the step of again; facts that are no numbers become texts."""
        facts = {name: fact if isinstance(fact, (int, float)) else str(fact) for name, fact in self.facts.items()}
        return {"name": self.name, "facts": facts, "micros": self.micros, "steps": [s.as_json() for s in self.steps]}

    @classmethod
    def of_json(cls, told: dict[str, Any]) -> Step:
        """The step that was told as JSON."""
        return cls(told["name"], told["facts"], told["micros"], list(map(cls.of_json, told["steps"])))

    def _repr_html_(self) -> str:
        from minidb.models import notebook

        return notebook.plan(self)

    def _lines(self, indent: str) -> Iterator[str]:
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        yield f"{indent}{self.name}{': ' if facts else ''}{facts}  [{self.micros:,.0f} µs]"
        for step in self.steps:
            yield from step._lines(indent + "  ")


class Trace:
    """Keeps nothing."""

    def step(self, name: str, **facts: Any) -> AbstractContextManager[None]:
        """`with trace.step("filter"):` what happens inside is one step."""
        return _NOTHING

    def note(self, **facts: Any) -> None:
        """Add facts to the step at hand."""


_NOTHING = nullcontext()
NO_TRACE = Trace()


class Recording(Trace):
    """Keeps every step, below `root`."""

    def __init__(self) -> None:
        self.root = Step("query")
        self._open = [self.root]
        self._started = time.perf_counter()

    @contextmanager
    def step(self, name: str, **facts: Any) -> Iterator[None]:
        step = Step(name, facts)
        self._open[-1].steps.append(step)
        self._open.append(step)
        started = time.perf_counter()
        try:
            yield
        finally:
            step.micros = (time.perf_counter() - started) * 1e6
            self._open.pop()

    def note(self, **facts: Any) -> None:
        self._open[-1].facts.update(facts)

    def finished(self) -> Step:
        """The whole, with the time since the recording began."""
        self.root.micros = (time.perf_counter() - self._started) * 1e6
        return self.root
