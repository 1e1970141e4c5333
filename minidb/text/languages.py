"""Which languages BM25 knows: thirty with a stopword list, nineteen with a Snowball stemmer, and the names they go by.

Names and aliases are Qdrant's, compared exactly (`"English"` is unknown). Called by `options` and `pipeline`.
"""

from __future__ import annotations

from typing import Final

from minidb.models.inference import LANGUAGE_CODES, Language, SnowballLanguage

STOPWORD_LANGUAGES: Final = {language.value: LANGUAGE_CODES[language.value] for language in Language}
SNOWBALL_LANGUAGES: Final = {language.value: LANGUAGE_CODES[language.value] for language in SnowballLanguage}
_STOPWORDS_BY_NAME = {**{code: name for name, code in STOPWORD_LANGUAGES.items()}, **{n: n for n in STOPWORD_LANGUAGES}}
_SNOWBALL_BY_NAME = {**{code: name for name, code in SNOWBALL_LANGUAGES.items()}, **{n: n for n in SNOWBALL_LANGUAGES}}


def stopword_language(name: str) -> str | None:
    """The full name of the language whose stopword list `name` or its alias means, None when there is none."""
    return _STOPWORDS_BY_NAME.get(name)


def snowball_language(name: str) -> str | None:
    """The full name of the language whose stemmer `name` or its alias means, None when there is none."""
    return _SNOWBALL_BY_NAME.get(name)
