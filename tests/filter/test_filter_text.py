"""Words: where text is cut and how phrases are found, against the Rust core."""

from __future__ import annotations

import os

import pytest
from filter_oracles import IDS, Rust, ours
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import models as m

from minidb.filter.text import contains_phrase, words

CASES = int(os.environ.get("MINIDB_FILTER_CASES", "300"))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("snake_case don't 3.5", ["snake", "case", "don", "t", "3", "5"]),
        ("Straße 東京", ["straße", "東京"]),
        ("हिंदी भाषा", ["हिंदी", "भाषा"]),
        ("ΟΔΟΣ İ", ["οδος".replace("σ", "σ")[:-1] + "ς", "i̇"]),
        ("", []),
        (" _-", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, tokens: list[str]) -> None:
    assert words(text) == tokens


def test_a_phrase_is_consecutive() -> None:
    tokens = ["a", "b", "a", "b", "c"]
    assert contains_phrase(tokens, ("a", "b", "c"))
    assert not contains_phrase(tokens, ("a", "c"))
    assert not contains_phrase(tokens, ())
    assert not contains_phrase(["a"], ("a", "a"))


letters = st.sampled_from("aAbBßſKΣσςİıée\u0301ाि्東ｱ１²ⅷⒶ_- .'،٣\u00a0\u200d") | st.characters(
    exclude_categories=["Cs", "Cn"]
)
texts = st.text(letters, max_size=12)


@settings(max_examples=CASES, deadline=None)
@given(st.lists(texts, min_size=len(IDS), max_size=len(IDS)), texts)
def test_finds_what_the_rust_core_finds(stored: list[str], query: str) -> None:
    payloads = [{"t": text} for text in [*stored[:-2], query.upper(), f"{stored[0]} {query.lower()}"]]
    core = Rust(payloads)
    for match in (m.MatchText(text=query), m.MatchTextAny(text_any=query), m.MatchPhrase(phrase=query)):
        filter = m.Filter(must=m.FieldCondition(key="t", match=match))
        assert ours(filter, payloads) == core.select(filter)
