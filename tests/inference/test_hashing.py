"""`minidb/hash-N`: stable to the bit, every prefix a vector of its own, lexical likeness."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from minidb import errors, inference
from minidb.inference import hashing
from minidb.inference.hashing import HashEmbedder
from minidb.models.inference import Document, Image, InferenceObject

TEXT = "Recipe for baking chocolate chip cookies: bake, bake, bake! Ünïcødé 数据库 données"


def vector(text, n=256):
    return inference.resolve(Document(text=text, model=f"minidb/hash-{n}"), operation="search")


@pytest.mark.parametrize(
    ("n", "digest"), [(8, "52e3167e38cd8421"), (384, "fa6b4fe6f6d74b9f"), (1000, "f6d436d325a7947b")]
)
def test_the_same_on_every_platform_and_version(n, digest):
    assert hashlib.sha256(vector(TEXT, n).astype("<f4").tobytes()).hexdigest()[:16] == digest


def test_shape_type_and_length():
    made = vector(TEXT, 1001)
    assert (made.shape, made.dtype, made.flags.writeable) == ((1001,), np.float32, False)
    assert np.linalg.norm(made) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("n", [1, 7, 64, 512])
def test_a_prefix_is_the_shorter_models_vector(n):
    head = vector(TEXT, 1024)[:n].astype(np.float64)
    np.testing.assert_allclose(head / np.linalg.norm(head), vector(TEXT, n), atol=1e-7)


def test_update_and_search_agree():
    stored = inference.resolve(Document(text=TEXT, model="MINIDB/hash-256"), operation="update")
    assert np.array_equal(stored, vector(TEXT))


def test_likeness_is_lexical():
    near = vector("chocolate cookies recipe") @ vector(TEXT)
    spelt = vector("chocolat cooky recipes") @ vector(TEXT)
    far = vector("quarterly earnings of shipping companies") @ vector(TEXT)
    assert near > spelt > far + 0.1


@pytest.mark.parametrize("text", ["", " \n", "!?…"])
def test_a_text_without_words_is_a_zero_vector(text):
    assert not vector(text).any()


@pytest.mark.parametrize("name", ["hash-0", "hash-65537", "hash-", "hash-01", "hash-x", "else"])
def test_dimensions_outside_1_to_65536_are_no_models(name):
    with pytest.raises(errors.InferenceError, match=f"minidb/{name}.*1 <= N <= 65536"):
        inference.resolve(Document(text="a", model=f"minidb/{name}"), operation="search")


@pytest.mark.parametrize("n", [1, 65536])
def test_the_ends_of_the_range(n):
    assert vector("word", n).shape == (n,)


@pytest.mark.parametrize(
    "other", [Image(image="x", model="minidb/hash-4"), InferenceObject(object={}, model="minidb/hash-4")]
)
def test_only_text(other):
    with pytest.raises(errors.InferenceError, match=r"Only text input is supported for minidb/hash-4\."):
        inference.resolve(other, operation="search")


def test_a_full_cache_starts_anew(monkeypatch):
    monkeypatch.setattr(hashing, "_CACHE_BYTES", 0)
    small = HashEmbedder(32)
    words = " ".join(f"word{i}" for i in range(100))
    assert np.array_equal(small.vectors([words, words])[1], HashEmbedder(32).vectors([words])[0])
    assert len(small._words) <= 16


def test_long_texts_stay_exact():
    """Sums that float32 could not hold exactly are made in float64."""
    text = "a " * 3 + " ".join(f"w{i}" for i in range(20000))
    row = HashEmbedder(16).vectors([text])[0]
    assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)
    assert np.array_equal(row, HashEmbedder(16).vectors([" ".join(reversed(text.split()))])[0])
