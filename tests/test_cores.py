"""Work spread over the cores: complete, in order, also nested, failing, and in a forked process."""

from __future__ import annotations

import os
import threading

import pytest

from minidb import cores


@pytest.fixture(autouse=True)
def several_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads of these tests' own, as many as on a larger machine."""
    monkeypatch.setattr(cores, "N_CORES", 4)
    monkeypatch.setattr(cores, "_pool", None)


def test_results_are_in_the_order_of_the_items() -> None:
    assert cores.on_all_cores(lambda n: n * n, range(1000)) == [n * n for n in range(1000)]
    assert cores.on_all_cores(str, []) == []
    assert cores.on_all_cores(str, [7]) == ["7"]


def test_several_threads_work() -> None:
    meeting = threading.Barrier(3, timeout=60)

    def met(_: int) -> str:
        meeting.wait()
        return threading.current_thread().name

    names = cores.on_all_cores(met, range(3))
    assert len(set(names)) == 3
    assert threading.current_thread().name in names


def test_a_call_within_a_call_and_many_callers_do_not_wait_for_each_other() -> None:
    def nested(n: int) -> int:
        return sum(cores.on_all_cores(lambda m: m * n, range(50)))

    found: list[list[int]] = []
    callers = [
        threading.Thread(target=lambda: found.append(cores.on_all_cores(nested, range(20))), daemon=True)
        for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert found == [[1225 * n for n in range(20)]] * 8


def test_others_go_on_while_the_caller_deals_with_what_it_has_got() -> None:
    last = threading.Event()
    results = cores.ahead(lambda n: last.set() if n == 5 else None, range(6))
    next(results)
    assert last.wait(60)  # while nobody asks for it
    assert len(list(results)) == 5


def test_a_caller_that_leaves_waits_for_what_is_under_way_and_no_more_is_begun() -> None:
    begun, go_on, done = threading.Barrier(2, timeout=60), threading.Event(), []

    def work(n: int) -> int:
        if threading.current_thread() is not threading.main_thread():
            begun.wait()
            go_on.wait(60)
        done.append(n)
        return n

    caller = cores.ahead(work, range(1000))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cores, "N_CORES", 2)
        assert next(caller) == 0
        begun.wait()
        go_on.set()
        caller.close()
        n_done = len(done)
    assert n_done < 1000
    assert cores.on_all_cores(abs, [-1, -2]) == [1, 2]
    assert len(done) == n_done


@pytest.mark.parametrize("failing", [0, 5, 99])
def test_what_fails_is_raised(failing: int) -> None:
    def fails(n: int) -> int:
        if n == failing:
            raise LookupError(n)
        return n

    with pytest.raises(LookupError):
        cores.on_all_cores(fails, range(100))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own() -> None:
    assert cores.on_all_cores(abs, [-1, -2, -3]) == [1, 2, 3]
    meeting = threading.Barrier(2, timeout=30)
    child = os.fork()
    if not child:
        try:
            cores.on_all_cores(lambda _: meeting.wait(), range(2))  # needs a second thread
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
