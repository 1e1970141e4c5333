"""Declared payload indexes: from a schema, as `create_payload_index` takes it, to the index that serves it."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zlib import crc32

import msgpack

from minidb import models
from minidb.errors import BadInput, FormatError
from minidb.filter.index_key import IndexKey, TextSettings
from minidb.filter.json_path import JsonPath
from minidb.text.languages import snowball_language, stopword_language
from minidb.text.pipeline import TokenOptions, stopwords
from minidb.text.segmenters import BORROWED, BorrowedTerms

_KINDS = {
    "keyword": "values",
    "integer": "values",
    "float": "values",
    "bool": "values",
    "uuid": "values",
    "datetime": "moments",
    "geo": "places",
    "text": "words",
}
RANGE_TYPES = ("integer", "float", "datetime")
MATCH_TYPES = ("keyword", "integer", "uuid", "bool")


def parse_schema(field_name: str, field_schema: Any) -> Any:
    """A schema type or a params model. Raises `FormatError`, `BadInput` for what cannot be indexed."""
    JsonPath.parse(field_name)
    if field_schema is None:
        raise FormatError(f"Unable to infer type for the field '{field_name}'. Please specify `field_type`")
    schema = models.parse(models.PayloadFieldSchema, field_schema)
    text_settings(schema)
    return schema


def schema_type(schema: Any) -> str:
    """ "keyword", "integer", …"""
    if isinstance(schema, (str, dict)):
        return str(schema["type"] if isinstance(schema, dict) else getattr(schema, "value", schema))
    return str(schema.type.value)


def index_key(path: str, schema: Any) -> IndexKey:
    """The index a declared schema is served by."""
    kind = _KINDS[schema_type(schema)]
    return IndexKey(kind, JsonPath.parse(path), text_settings(schema) if kind == "words" else None)


def text_settings(schema: Any) -> TextSettings | None:
    """How a text schema cuts texts; None for the other types."""
    if schema_type(schema) != "text":
        return None
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


def is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False


def canonical(key: IndexKey) -> bytes:
    """The key as bytes that are equal in every process."""
    text: Any = None
    if key.text is not None:
        tokens = key.text.tokens
        text = (
            tokens.tokenizer, tokens.lowercase, tokens.ascii_folding, sorted(tokens.stopwords), tokens.stemmer,
            tokens.min_token_len, tokens.max_token_len, key.text.phrases, key.text.scoring,
        )  # fmt: skip
    packed: bytes = msgpack.packb((key.kind, str(key.path), text))
    return packed


def checkpoint_slot(key: IndexKey) -> int:
    """A number for the key's checkpoint; the canonical bytes in its meta tell collisions."""
    return crc32(canonical(key))


def has_range(schema: Any) -> bool:
    """Whether the index of a schema keeps values in order."""
    return schema_type(schema) in RANGE_TYPES and getattr(schema, "range", None) is not False
