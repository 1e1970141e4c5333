"""Matryoshka: one full vector, cut to each size asked for."""

from __future__ import annotations

import numpy as np
import pytest
from counting import Counting, registry_of

from minidb import errors, inference
from minidb.models.inference import Document
from minidb.models.vectors import SparseVector

FULL = np.array([0.6, 0.0, 0.8, 0.0], np.float32)


def resolved(mrl, full=FULL):
    document = {"text": "x", "model": "test/m", "options": {"mrl": mrl}}
    return inference.resolve(document, operation="search", registry=registry_of(Counting(lambda _: full)))


def test_rows_117_128_cut_and_brought_to_unit_length():
    assert resolved(2).tolist() == [1.0, 0.0]
    assert resolved(2).dtype == np.float32
    assert not resolved(2).flags.writeable


def test_row_128_other_lengths_are_kept():
    assert resolved(2, FULL * 2).tolist() == (FULL[:2] * 2).tolist()


@pytest.mark.parametrize(("length", "unit"), [(1 + 9e-4, True), (1 - 9e-4, True), (1 + 2e-3, False), (1 - 2e-3, False)])
def test_row_128_what_counts_as_unit_length(length, unit):
    """Models' own vectors are of unit length to a few digits only."""
    assert np.linalg.norm(resolved(2, FULL * length)) == pytest.approx(1.0 if unit else 0.6 * length, abs=1e-6)


def test_row_128_a_zero_vector_stays():
    assert resolved(1, np.array([0.0, 1.0])).tolist() == [0.0]


def test_rows_119_120_126_sizes_of_one_text_are_one_input():
    embedder = Counting(lambda _: FULL)
    point = {
        "id": 1,
        "vector": {
            "large": {"text": "x", "model": "test/m"},
            "small": {"text": "x", "model": "test/m", "options": {"mrl": 2}},
            "tiny": {"text": "x", "model": "test/m", "options": {"mrl": 1}},
        },
    }
    vectors = inference.resolve([point], operation="update", registry=registry_of(embedder))[0]["vector"]
    assert {name: len(vector) for name, vector in vectors.items()} == {"large": 4, "small": 2, "tiny": 1}
    assert [len(request.inputs) for request in embedder.requests] == [1]
    assert dict(embedder.requests[0].options) == {}


def test_row_125_full_size_is_the_vector_itself():
    assert resolved(4).tolist() == FULL.tolist()


@pytest.mark.parametrize("mrl", [0, -1, True, 2.0, "2", [2]])
def test_row_125_no_size(mrl):
    with pytest.raises(errors.InferenceError, match="option mrl must be an integer of at least 1"):
        resolved(mrl)


def test_row_125_larger_than_the_vector():
    with pytest.raises(errors.InferenceError, match="at most 4, the dimension of test/m, got 5"):
        resolved(5)


def test_row_127_other_options_go_to_the_model():
    embedder = Counting(lambda _: FULL)
    document = {"text": "x", "model": "test/m", "options": {"mrl": 2, "dimensions": 4}}
    inference.resolve(document, operation="search", registry=registry_of(embedder))
    assert dict(embedder.requests[0].options) == {"dimensions": 4}


def test_row_129_each_row_of_a_multivector():
    assert resolved(1, np.array([[0.6, 0.8], [3.0, 4.0]])).tolist() == [[1.0], [3.0]]


@pytest.mark.parametrize("full", [np.array([1, 2], np.int8), np.array([1, 2], np.uint8)])
def test_row_129_not_of_integers(full):
    with pytest.raises(errors.InferenceError, match="mrl needs float vectors"):
        resolved(1, full)


def test_row_129_not_of_sparse_vectors():
    with pytest.raises(errors.InferenceError, match="mrl needs dense vectors"):
        resolved(1, SparseVector(indices=[1], values=[1.0]))
    with pytest.raises(errors.InferenceError, match="mrl needs dense vectors"):
        inference.resolve(Document(text="x", model="bm25", options={"mrl": 4}), operation="search")
