"""Which languages BM25 knows: thirty with a stopword list, nineteen with a Snowball stemmer, and the names they go by.

Names and aliases are Qdrant's, compared exactly (`"English"` is unknown). Called by `options` and `pipeline`.
"""

from __future__ import annotations

from typing import Final

STOPWORD_LANGUAGES: Final[dict[str, str]] = {
    "arabic": "ar",
    "azerbaijani": "az",
    "basque": "eu",
    "bengali": "bn",
    "catalan": "ca",
    "chinese": "zh",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hebrew": "he",
    "hinglish": "hi-en",
    "hungarian": "hu",
    "indonesian": "id",
    "italian": "it",
    "japanese": "jp",
    "kazakh": "kk",
    "nepali": "ne",
    "norwegian": "no",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "slovene": "sl",
    "spanish": "es",
    "swedish": "sv",
    "tajik": "tg",
    "turkish": "tr",
}

SNOWBALL_LANGUAGES: Final[dict[str, str]] = {
    "arabic": "ar",
    "armenian": "hy",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hungarian": "hu",
    "italian": "it",
    "norwegian": "no",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "tamil": "ta",
    "turkish": "tr",
}

_STOPWORDS_BY_NAME = {**{code: name for name, code in STOPWORD_LANGUAGES.items()}, **{n: n for n in STOPWORD_LANGUAGES}}
_SNOWBALL_BY_NAME = {**{code: name for name, code in SNOWBALL_LANGUAGES.items()}, **{n: n for n in SNOWBALL_LANGUAGES}}


def stopword_language(name: str) -> str | None:
    """The full name of the language whose stopword list `name` or its alias means, None when there is none."""
    return _STOPWORDS_BY_NAME.get(name)


def snowball_language(name: str) -> str | None:
    """The full name of the language whose stemmer `name` or its alias means, None when there is none."""
    return _SNOWBALL_BY_NAME.get(name)
