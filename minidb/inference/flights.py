"""Single flight: what several threads want at the same time is made once, by the first, and handed to the others.

Knows neither requests nor models, only keys. A failure goes to nobody but those who wait for exactly the same; whoever
wants it later, or wants something else besides, has it made anew. Called by `sharing`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from minidb.inference.context import InferenceContext, out_of_time

Make: TypeAlias = Callable[[list[int]], Sequence[Any]]


@dataclass(eq=False)
class _Flight:
    """One thing being made. `vector`, `error` and `is_over` are set by its maker before `landed`."""

    companions: frozenset[Hashable]
    deadline: float | None
    landed: threading.Event = field(default_factory=threading.Event)
    vector: Any = None
    error: Exception | None = None
    has_vector: bool = False


class Flights:
    """What is being made in this process just now."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _Flight] = {}
        self._lock = threading.Lock()

    def run(self, keys: Sequence[Hashable], make: Make, context: InferenceContext) -> tuple[list[Any], int]:
        """Something for each key, and how many of them other threads made.

        Args:
            keys: distinct ones.
            make: from positions in `keys` to what belongs there, in their order.
            context: whose deadline bounds the waiting.

        Raises:
            Whatever `make` raised, here or, for the same keys, in the thread that was first. Timeout.
        """
        wanted = frozenset(keys)
        led: list[int] = []
        followed: dict[int, _Flight] = {}
        own: dict[int, _Flight] = {}
        with self._lock:
            for position, key in enumerate(keys):
                flight = self._under_way.get(key)
                if flight is None:
                    own[position] = self._under_way[key] = _Flight(wanted, context.deadline)
                    led.append(position)
                else:
                    followed[position] = flight
        found = self._lead(keys, led, own, make) if led else {}
        missing: list[int] = []
        for position, flight in followed.items():
            if not flight.landed.wait(context.remaining()):
                raise out_of_time()
            if flight.has_vector:
                found[position] = flight.vector
            elif flight.error is not None and flight.companions == wanted and _as_patient(flight, context):
                raise flight.error
            else:
                missing.append(position)
        if missing:
            found.update(zip(missing, make(missing), strict=True))
        return [found[position] for position in range(len(keys))], len(followed) - len(missing)

    def _lead(
        self, keys: Sequence[Hashable], positions: list[int], flights: dict[int, _Flight], make: Make
    ) -> dict[int, Any]:
        try:
            made = dict(zip(positions, make(positions), strict=True))
            for position, flight in flights.items():
                flight.vector, flight.has_vector = made[position], True
            return made
        except Exception as error:
            for flight in flights.values():
                flight.error = error
            raise
        finally:
            with self._lock:
                for position in positions:
                    del self._under_way[keys[position]]
            for flight in flights.values():
                flight.landed.set()


def _as_patient(flight: _Flight, context: InferenceContext) -> bool:
    """Whether the maker had at least our time: a failure for want of time is its own."""
    return flight.deadline is None or (context.deadline is not None and context.deadline <= flight.deadline)
