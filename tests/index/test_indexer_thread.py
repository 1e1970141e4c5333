"""The thread that builds graphs: it may be followed by the next one at once, or end without having begun."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from minidb import QdrantClient, models
from minidb.collection.indexer import Indexer
from minidb.system import threads


@pytest.fixture(autouse=True)
def graphs_of_few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minidb.collection.index_plan.GRAPH_BYTES", 1)
    monkeypatch.setattr("minidb.query.search._FLOAT_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._FLOAT_SCAN_ELEMENTS", 0)
    monkeypatch.setattr("minidb.query.search._graph_ns", lambda graph, field: 0.0)


def fill(client: QdrantClient, name: str) -> None:
    client.create_collection(name, models.VectorParams(size=4, distance=models.Distance.DOT))
    vectors = np.random.default_rng(1).standard_normal((300, 4)).astype(np.float32)
    client.upsert(name, {"ids": range(300), "vectors": vectors})


def has_graph(client: QdrantClient, name: str) -> bool:
    return "graph" in str(client.explain(name, query=[1.0, 2.0, 3.0, 4.0], limit=1))


def test_what_comes_as_the_thread_ends_is_taken_by_the_next(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads run one after the other here; the second is started amid the end of the first."""
    started: list[Callable[[], object]] = []
    monkeypatch.setattr(threads, "start", lambda target: started.append(target) or True)
    work = Indexer._work

    def worked(indexer: Indexer) -> None:
        work(indexer)
        if not client.collection_exists("second"):
            fill(client, "second")

    monkeypatch.setattr(Indexer, "_work", worked)
    fill(client, "first")
    started.pop(0)()
    assert has_graph(client, "first")
    assert client.get_collection("second").status == "yellow"
    while started:
        started.pop(0)()
    assert has_graph(client, "second")
    assert client.get_collection("second").status == "green"


def test_nobody_waits_for_a_thread_that_ended_without_a_word(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when there is no memory for its first call: the interpreter says so, and nothing of it has run."""
    with monkeypatch.context() as patched:
        patched.setattr(threads, "start_new_thread", lambda target, args: None)
        fill(client, "first")
    assert client.wait_until_indexed("first", 60)
    fill(client, "second")
    assert client.wait_until_indexed("second", 60)
    assert has_graph(client, "second")
    with monkeypatch.context() as patched:
        patched.setattr(threads, "start_new_thread", lambda target, args: None)
        fill(client, "third")
    closing: Any = threading.Thread(target=client.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()


@pytest.mark.parametrize("what", ["many are dead", "many are new"])
def test_who_waits_for_green_sets_the_thread_to_work(
    client: QdrantClient, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Writes look at a collection only when it has grown by some, and what there is to do may come to be in between."""
    started: list[Callable[[], object]] = []
    monkeypatch.setattr(threads, "start", lambda target: started.append(target) or True)
    fill(client, "c")
    started.pop()()
    assert client.get_collection("c").status == "green"
    if what == "many are dead":
        client.delete("c", list(range(150)))
    else:
        client.upsert("c", {"ids": range(300, 500), "vectors": np.ones((200, 4), np.float32)})
    assert not started
    assert client.get_collection("c").status == "yellow"
    started.pop()()
    assert client.get_collection("c").status == "green"
    assert not started
