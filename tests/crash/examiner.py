"""Opens stores that may be damaged and says what came of it; a process of its own, because damage may end it.

    python examiner.py EXPECTED STORE...      one line of JSON per store

Every question to a store is asked even when one before it failed. Each must be answered right or with minidb's error.
"""

from __future__ import annotations

import json
import pickle
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crash_model import NAME, Operation, Point, State, operation, read_all

from minidb import QdrantClient, models
from minidb.errors import MinidbError

Answers = dict[str, Any]


@dataclass
class Verdict:
    """What questions were answered with errors, and what went wrong for good."""

    errors: list[tuple[str, str, str]] = field(default_factory=list)
    """(question, class of the error, its text)"""
    wrong: list[str] = field(default_factory=list)


def questions(state: State) -> dict[str, Callable[[QdrantClient], Any]]:
    """What is asked of a store that should hold `state`; answers can be compared."""
    ids = sorted(state)
    dense = {at: list(state[at].dense) for at in ids[:: max(1, len(ids) // 3)]}
    sparse = next(point.sparse for point in state.values() if point.sparse is not None)
    multi = next(point.multi for point in state.values() if point.multi is not None)
    words = models.SparseVector(indices=list(sparse[0]), values=list(sparse[1]))
    exact = models.SearchParams(exact=True)
    numbered = models.Filter(must=[models.FieldCondition(key="number", range=models.Range(gte=1))])

    def hits(client: QdrantClient, *args: Any, **kwargs: Any) -> list[tuple[Any, float]]:
        return [(hit.id, hit.score) for hit in client.query_points(NAME, *args, **kwargs).points]

    asked: dict[str, Callable[[QdrantClient], Any]] = {
        "collections": lambda client: [found.name for found in client.get_collections().collections],
        "count": lambda client: client.count(NAME).count,
        "filtered count": lambda client: client.count(NAME, numbered).count,
        "ids": lambda client: [found.id for found in client.scroll(NAME, limit=len(ids), with_payload=False)[0]],
        "retrieve": lambda client: sorted(
            (int(found.id), Point.of(found)) for found in client.retrieve(NAME, ids, with_vectors=True)
        ),
        "absent": lambda client: client.retrieve(NAME, [10**6]),
        "read all": read_all,
        "sparse": lambda client: hits(client, words, using="sparse", limit=20),
        "multi": lambda client: hits(client, [list(token) for token in multi], using="multi", limit=20),
    }
    for at, vector in dense.items():
        asked[f"dense {at}"] = lambda client, v=vector: hits(client, v, using="dense", limit=1)
        asked[f"exact {at}"] = lambda client, v=vector: hits(client, v, using="dense", limit=10, search_params=exact)
    return asked


def writes(state: State) -> list[Operation]:
    """Operations that touch every table and file."""
    existing = sorted(state)
    found: dict[str, Operation] = {}
    number = 0
    while len(found) < 4:
        step = operation(77, number, existing)
        found.setdefault(step.kind, step)
        number += 1
    return list(found.values())


def examine(path: Path, state: State, answers: Answers) -> Verdict:
    verdict = Verdict()

    def ask(name: str, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except MinidbError as error:
            verdict.errors.append((name, type(error).__name__, str(error)))
        except Exception:  # noqa: BLE001 - anything else is a finding
            verdict.wrong.append(f"{name}: {traceback.format_exc(limit=-4)}")
        return None

    def failed(name: str) -> bool:
        return any(question == name for question, _, _ in verdict.errors) or bool(verdict.wrong)

    client = ask("open", lambda: QdrantClient(path))
    if client is None:
        return verdict
    for name, question in questions(state).items():
        answer = ask(name, lambda question=question: question(client))
        if not failed(name) and answer != answers[name]:
            verdict.wrong.append(f"{name}: {str(answer)[:200]}")
    after, was_clean = state, not verdict.errors
    for step in writes(state):
        ask(step.kind, lambda step=step: step.run(client))
        after = step.apply(after)
    found = ask("read all again", lambda: read_all(client))
    if was_clean and not verdict.errors and found != after:
        verdict.wrong.append("what was written to the damaged store is not there")
    ask("close", client.close)
    return verdict


def main(expected: str, stores: list[str]) -> None:
    state, answers = pickle.loads(Path(expected).read_bytes())
    for store in stores:
        verdict = examine(Path(store), state, answers)
        print(json.dumps({"errors": verdict.errors, "wrong": verdict.wrong}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
