"""qdrant-edge's BM25 as the oracle, and texts and options worth asking it about."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import qdrant_edge as edge

from minidb.text.data import load
from minidb.text.languages import SNOWBALL_LANGUAGES, STOPWORD_LANGUAGES, stopword_language

TOKENIZERS = ["word", "whitespace", "prefix"]
_SEPARATORS = [*"  \t\n.,;!?-_'\"/’·،。、()", "\u00a0", "\u200b", "\x1c", "\x00", " \u0301"]
_SUFFIXES = "s es ing ed ly ness ation leri lerin ung heit keiten mente ción ов ами ость ική ικό ները".split()  # noqa: SIM905
_ODD = [
    "3.14",
    "42",
    "½",
    "Ⅷ",
    "snake_case",
    "ﬁre",
    "İstanbul",
    "ΟΔΟΣ",
    "ẞ",
    "Ǆ",
    "Ə",
    "ǥ",
    "ǧ",
    "𝔘𝔫𝔦",
    "𐐀𐐁",
    "الْعَرَبِيَّة",
    "שָׁלוֹם",
]
_BLOCKS = [
    (0x20, 0x7F),
    (0xA0, 0x250),
    (0x370, 0x530),
    (0x530, 0x700),
    (0x900, 0xC00),
    (0x1E00, 0x2100),
    (0x3040, 0x3100),
]


def reference(options: dict[str, Any]) -> edge.Bm25:
    """The oracle for the options of a `Document` in JSON form."""
    given = dict(options)
    if "tokenizer" in given:
        given["tokenizer"] = getattr(edge.TokenizerType, given["tokenizer"].capitalize())
    stopwords = given.get("stopwords")
    if isinstance(stopwords, str):
        given["stopwords"] = _language(stopwords)
    elif stopwords is not None:
        given["stopwords"] = edge.StopwordsSet(
            languages={_language(name) for name in stopwords.get("languages", [])},
            custom=set(stopwords.get("custom", [])),
        )
    stemmer = given.get("stemmer")
    if stemmer is not None:
        given["stemmer"] = (
            edge.DisabledStemmer()
            if stemmer["type"] == "none"
            else edge.SnowballParams(getattr(edge.SnowballLanguage, stemmer["language"].capitalize()))
        )
    return edge.Bm25(edge.Bm25Config(**given))


def _language(name: str) -> edge.Language:
    full = stopword_language(name)
    assert full is not None
    return getattr(edge.Language, full.capitalize())


def random_options(rng: random.Random) -> dict[str, Any]:
    """Options in JSON form, each given in about a third of the cases; all of them valid for both sides."""
    languages = [*STOPWORD_LANGUAGES, *STOPWORD_LANGUAGES.values()]
    stemmers = sorted(set(SNOWBALL_LANGUAGES) - {"armenian"})
    options: dict[str, Any] = {
        "language": rng.choice(languages),
        "tokenizer": rng.choice(TOKENIZERS),
        "k": rng.choice([0, 0.5, 1.2, 2, rng.uniform(0, 5)]),
        "b": rng.choice([0, 0.5, 1, rng.random()]),
        "avg_len": rng.choice([1, 10, 256, rng.uniform(0.1, 1000)]),
        "lowercase": rng.random() < 0.5,
        "ascii_folding": rng.random() < 0.6,
        "stopwords": rng.choice(
            [
                {},
                rng.choice(languages),
                {"languages": rng.sample(languages, 2), "custom": ["Foo", "bar", "café", "the"]},
            ]
        ),
        "stemmer": rng.choice([{"type": "none"}, {"type": "snowball", "language": rng.choice(stemmers)}]),
        "min_token_len": rng.choice([0, 1, 2, 3, 5]),
        "max_token_len": rng.choice([0, 1, 3, 6, 20]),
    }
    often = {"language": 0.9, "tokenizer": 0.5}
    return {key: value for key, value in options.items() if rng.random() < often.get(key, 0.25)}


def random_text(rng: random.Random, language: str) -> str:
    """Stopwords of the language and of another, words with suffixes, odd tokens, random characters, odd separators."""
    lists = load()["stopwords"]
    own = lists[stopword_language(language) or "english"]
    other = lists[rng.choice(list(lists))]
    parts: list[str] = []
    for _ in range(rng.choice([0, 1, 3, 10, 40, 80])):
        kind = rng.random()
        if kind < 0.4:
            word = rng.choice(own)
        elif kind < 0.5:
            word = rng.choice(other)
        elif kind < 0.7:
            word = rng.choice(own) + rng.choice(_SUFFIXES)
        elif kind < 0.8:
            word = rng.choice(_ODD)
        else:
            low, high = rng.choice(_BLOCKS)
            word = "".join(chr(rng.randrange(low, high)) for _ in range(rng.randrange(1, 9)))
        style = rng.random()
        parts.append(word.upper() if style < 0.1 else word.title() if style < 0.3 else word)
        parts.append(rng.choice(_SEPARATORS) if rng.random() < 0.3 else " ")
    return "".join(parts)


def same(vector: Any, expected: Any) -> bool:
    """Equal indices and bit-equal float32 values."""
    values = np.array(expected.values, np.float32)
    return list(vector.indices) == expected.indices and np.asarray(vector.values).tobytes() == values.tobytes()
