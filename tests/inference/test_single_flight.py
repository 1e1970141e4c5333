"""Single flight: threads that want the same at the same time wait for one call."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from counting import Counting, registry_of

from minidb import errors, inference
from minidb.inference import InferenceContext, sharing
from minidb.inference.flights import Flights


class Gated(Counting):
    """Answers when the gate opens."""

    def __init__(self, fail=None):
        super().__init__(slow=True)
        self.gate, self.asked, self.fail = threading.Event(), threading.Semaphore(0), fail

    def identity(self, request):
        return {"model": request.model, "operation": request.operation}

    def embed(self, request):
        self.asked.release()
        vectors = super().embed(request)
        assert self.gate.wait(60)
        if self.fail:
            raise self.fail
        return vectors


def ask(embedder, *texts, operation="search", context=None, **options):
    tree = [{"text": text, "model": "test/m", "options": options} for text in texts]
    return inference.resolve(tree, operation=operation, context=context, registry=registry_of(embedder))


@pytest.fixture
def pool():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def opened_when_waited_for(gate, threads=1, flights=sharing._flights):
    """Open the gate once so many threads wait for what another one makes."""

    def open_it():
        while sum(len(flight.landed._cond._waiters) for flight in list(flights._under_way.values())) < threads:
            time.sleep(0.001)
        gate.set()

    threading.Thread(target=open_it, daemon=True).start()


def test_equal_inputs_of_many_threads_are_one_call(pool):
    embedder, context = Gated(), InferenceContext()
    first = pool.submit(ask, embedder, "a", context=context)
    assert embedder.asked.acquire(timeout=60)
    others = [pool.submit(ask, embedder, "a", context=context) for _ in range(10)]
    opened_when_waited_for(embedder.gate, 10)
    results = [future.result(60)[0].tolist() for future in [first, *others]]
    assert results == [[1.0, 1.0]] * 11
    assert embedder.inputs == 1
    assert (context.usage.calls, context.usage.shared, context.usage.inputs) == (1, 10, 11)


def test_only_what_others_do_not_make_is_asked_for(pool):
    embedder = Gated()
    first = pool.submit(ask, embedder, "a", "bb")
    assert embedder.asked.acquire(timeout=60)
    second = pool.submit(ask, embedder, "ccc", "bb", "a", "dddd")
    assert embedder.asked.acquire(timeout=60)
    embedder.gate.set()
    assert [v[0] for v in first.result(60)] == [1.0, 2.0]
    assert [v[0] for v in second.result(60)] == [3.0, 2.0, 1.0, 4.0]
    assert [[content for _, content in r.inputs] for r in embedder.requests] == [["a", "bb"], ["ccc", "dddd"]]


@pytest.mark.parametrize(
    "other",
    [
        {"operation": "update"},
        {"openai-api-key": "another"},
        {"user": "u", "timeout": 3},
        {"context": InferenceContext(headers={"openai-api-key": "another"})},
        {"context": InferenceContext(trusted=False)},
    ],
)
def test_what_differs_is_asked_for_by_itself(pool, other):
    embedder = Gated()
    first = pool.submit(ask, embedder, "a")
    second = pool.submit(ask, embedder, "a", **other)
    for _ in range(2):
        assert embedder.asked.acquire(timeout=60)
    embedder.gate.set()
    assert first.result(60)[0].tolist() == second.result(60)[0].tolist()


def test_nothing_is_remembered_afterwards(pool):
    embedder = Gated()
    embedder.gate.set()
    for _ in range(3):
        ask(embedder, "a")
    assert embedder.inputs == 3


def test_a_failure_reaches_those_who_wait_for_the_same_and_nobody_later(pool):
    embedder = Gated(errors.InferenceError("no"))
    first = pool.submit(ask, embedder, "a")
    assert embedder.asked.acquire(timeout=60)
    second = pool.submit(ask, embedder, "a")
    opened_when_waited_for(embedder.gate)
    for future in (first, second):
        with pytest.raises(errors.InferenceError, match="no"):
            future.result(60)
    assert embedder.inputs == 1
    embedder.fail = None
    assert ask(embedder, "a")[0].tolist() == [1.0, 1.0]


def test_somebody_elses_bad_input_does_no_harm(pool):
    class Picky(Gated):
        def embed(self, request):
            vectors = super().embed(request)
            if ("text", "bad") in request.inputs:
                raise errors.InferenceError("bad")
            return vectors

    embedder = Picky()
    first = pool.submit(ask, embedder, "a", "bad")
    assert embedder.asked.acquire(timeout=60)
    second = pool.submit(ask, embedder, "a")
    opened_when_waited_for(embedder.gate)
    with pytest.raises(errors.InferenceError, match="bad"):
        first.result(60)
    assert second.result(60)[0].tolist() == [1.0, 1.0]


def test_somebody_elses_haste_does_no_harm(pool):
    class Hasty(Gated):
        def embed(self, request):
            vectors = super().embed(request)
            request.context.remaining()
            return vectors

    embedder = Hasty()
    context = InferenceContext(timeout=600)
    first = pool.submit(ask, embedder, "a", context=context)
    assert embedder.asked.acquire(timeout=60)
    second = pool.submit(ask, embedder, "a")
    context.deadline = time.monotonic()  # the time is up
    opened_when_waited_for(embedder.gate)
    with pytest.raises(errors.Timeout):
        first.result(60)
    assert second.result(60)[0].tolist() == [1.0, 1.0]


def test_who_waits_for_another_waits_no_longer_than_it_may(pool):
    embedder = Gated()
    first = pool.submit(ask, embedder, "a")
    assert embedder.asked.acquire(timeout=60)
    with pytest.raises(errors.Timeout):  # while the first is still at it
        ask(embedder, "a", context=InferenceContext(timeout=0.05))
    embedder.gate.set()
    first.result(60)


def test_an_interrupted_maker_leaves_the_others_to_themselves(pool):
    flights, gate = Flights(), threading.Event()

    def interrupted(positions):
        gate.wait(60)
        raise KeyboardInterrupt

    def lead():
        try:
            flights.run(["k"], interrupted, InferenceContext())
        except KeyboardInterrupt:
            return "interrupted"

    first = pool.submit(lead)
    while not flights._under_way:
        time.sleep(0.001)
    second = pool.submit(flights.run, ["k"], lambda positions: ["own"], InferenceContext())
    opened_when_waited_for(gate, 1, flights)
    assert first.result(60) == "interrupted"
    assert second.result(60) == (["own"], 0)


def test_every_thread_gets_what_it_asked_for(pool):
    flights, made = Flights(), []

    def work(seed):
        keys = [(seed + i * 7) % 23 for i in range(5)]

        def make(positions):
            made.extend(positions)
            time.sleep(0.001)
            return [keys[position] * 10 for position in positions]

        found, _ = flights.run(keys, make, InferenceContext())
        return found == [key * 10 for key in keys]

    assert all(pool.map(work, range(300)))
    assert not flights._under_way
    assert len(made) < 300 * 5
