"""Declared text indexes: from the params of a request to the tokens a text is cut into. Called by `declared`."""

from __future__ import annotations

from typing import Any

from minidb import models
from minidb.errors import BadInput
from minidb.filter.index_key import TextSettings
from minidb.text.languages import snowball_language, stopword_language
from minidb.text.pipeline import TokenOptions, stopwords
from minidb.text.segmenters import BORROWED, BorrowedTerms


def settings_of(schema: Any) -> TextSettings:
    """How a text schema cuts texts. Raises `BadInput` for what its tokenizer cannot do."""
    if not isinstance(schema, models.TextIndexParams):
        return TextSettings(TokenOptions())
    tokenizer = "word" if schema.tokenizer is None else schema.tokenizer.value
    options = TokenOptions(
        tokenizer=tokenizer,  # type: ignore[arg-type]  # the enum has the literal's members
        lowercase=schema.lowercase is not False,
        ascii_folding=bool(schema.ascii_folding),
        stopwords=_stopwords(schema.stopwords),
        stemmer=_stemmer(schema.stemmer),
        min_token_len=schema.min_token_len,
        max_token_len=schema.max_token_len,
    )
    scoring = schema.scoring is not None and schema.scoring is not False
    if tokenizer in BORROWED:
        if schema.phrase_matching or scoring:
            raise BadInput(f"minidb has no phrase_matching and no scoring for the tokenizer {tokenizer}")
        BorrowedTerms(options)  # says what to install, before anything is declared
    return TextSettings(options, bool(schema.phrase_matching), scoring)


def _stopwords(given: Any) -> frozenset[str]:
    if given is None:
        return frozenset()
    languages = [given] if isinstance(given, str) else list(given.languages or [])
    words = set() if isinstance(given, str) else set(given.custom or [])
    for language in languages:
        name = stopword_language(str(getattr(language, "value", language)))
        if name is not None:
            words |= stopwords(name)
    return frozenset(words)


def _stemmer(given: Any) -> str | None:
    if not isinstance(given, models.SnowballParams):
        return None
    return snowball_language(given.language.value)
