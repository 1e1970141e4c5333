"""Splitting, halving and putting together again."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidb import errors
from minidb.inference import InferenceContext
from minidb.inference.providers.batching import (
    Item,
    Limits,
    estimate_tokens,
    run,
    run_parts,
    split,
    text_item,
)

ITEMS = st.lists(st.builds(Item, st.integers(), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=40)
LIMITS = st.builds(Limits, st.integers(1, 10), st.none() | st.integers(1, 100), st.integers(1, 100))


@given(ITEMS, LIMITS)
def test_batches_keep_the_order_and_the_limits(items, limits):
    batches = split(items, limits)
    assert [item for batch in batches for item in batch] == items
    for batch in batches:
        assert 1 <= len(batch) <= limits.items
        if len(batch) > 1:
            assert sum(item.bytes for item in batch) <= limits.bytes
            assert limits.tokens is None or sum(item.tokens for item in batch) <= limits.tokens


@given(ITEMS, LIMITS)
def test_no_two_neighbours_would_fit_into_one(items, limits):
    batches = split(items, limits)
    for left, right in pairwise(batches):
        joined = [*left, right[0]]
        assert (
            len(joined) > limits.items
            or sum(item.bytes for item in joined) > limits.bytes
            or (limits.tokens is not None and sum(item.tokens for item in joined) > limits.tokens)
        )


@pytest.mark.parametrize(
    ("text", "real"),  # tokens as cl100k counts them
    [("", 0), ("Recipe for baking chocolate chip cookies", 6), ("今天天气很好", 7), ("Привет, как дела?", 7)],
)
def test_estimates_are_not_below_the_truth(text, real):
    assert real <= estimate_tokens(text) <= 3 * real + 3


def test_a_text_counts_its_bytes():
    assert text_item("aé").bytes == 3
    assert text_item("\ud800").bytes == 3
    assert text_item("abc", {"text": "abc"}).content == {"text": "abc"}


def vectors(numbers):
    return [np.array([number], np.float32) for number in numbers]


@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 5))
def test_vectors_come_back_in_order_whatever_is_halved(count, batch_size, accepted):
    def send(numbers):
        if len(numbers) > accepted:
            raise errors.InferenceError("too many inputs", upstream_status=400)
        return vectors(numbers)

    items = [Item(number, 1) for number in range(count)]
    made = run(items, Limits(batch_size), send, InferenceContext())
    assert [vector[0] for vector in made] == list(range(count))


@pytest.mark.parametrize(
    ("status", "text", "halved"),
    [
        (413, "anything", True),
        (400, "Requested 350000 tokens, max 300000 tokens per request", True),
        (400, "The max allowed tokens per submitted batch is 120000. Your batch has 130000 tokens", True),
        (400, "invalid request: total number of texts must be at most 96 - received 97", True),
        (422, "batch size 64 > maximum allowed batch size 32", True),
        (400, "This model's maximum context length is 8192 tokens", False),
        (400, "invalid model", False),
        (404, "too many tokens", False),
        (None, "too many tokens", False),
    ],
)
def test_which_refusals_halve_a_batch(status, text, halved):
    calls = []

    def send(numbers):
        calls.append(numbers)
        raise errors.InferenceError(text, upstream_status=status)

    with pytest.raises(errors.InferenceError):
        run([Item(1, 1), Item(2, 1)], Limits(9), send, InferenceContext())
    assert calls == ([[1, 2], [1]] if halved else [[1, 2]])


def test_parts_are_scattered_back():
    def run_part(part, positions):
        return vectors([position * (10 if part == "b" else 1) for position in positions])

    assert [v[0] for v in run_parts(["a", "b", "a", "b"], run_part)] == [0, 10, 2, 30]


def test_a_deadline_ends_the_waiting_for_batches():
    release = threading.Event()

    def send(numbers):
        release.wait(60)
        return vectors(numbers)

    with pytest.raises(errors.Timeout):
        run([Item(1, 1), Item(2, 1)], Limits(1), send, InferenceContext(timeout=0.05))
    release.set()
