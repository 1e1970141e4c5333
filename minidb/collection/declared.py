"""Declared payload indexes: from a schema, as `create_payload_index` takes it, to the index that serves it."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgpack

from minidb import models
from minidb.errors import FormatError
from minidb.filter.index_key import IndexKey, TextSettings
from minidb.filter.json_path import JsonPath
from minidb.models.vectors import canonical_uuid

_KINDS = {
    "keyword": "values",
    "integer": "values",
    "float": "values",
    "bool": "values",
    "uuid": "uuids",
    "datetime": "moments",
    "geo": "places",
    "text": "words",
}
RANGE_TYPES = ("integer", "float", "datetime")
MATCH_TYPES = ("keyword", "integer", "uuid", "bool")


def spelled(path: str) -> str:
    """The spelling by which the schema of a path is kept: `"a"` is `a`. Raises `FormatError` for what is no path."""
    return str(JsonPath.parse(path))


def parse_schema(field_name: str, field_schema: Any) -> Any:
    """A schema type or a params model. Raises `FormatError`, `BadInput` for what cannot be indexed."""
    JsonPath.parse(field_name)
    if field_schema is None:
        text = f"Unable to infer type for the field '{field_name}'. Please specify `field_type`"
        raise FormatError(text).hinting(
            'as in field_schema="keyword"; others are integer, float, bool, datetime, uuid, geo, text'
        )
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
    from minidb.collection.declared_text import settings_of

    return settings_of(schema)


def is_uuid(value: Any) -> bool:
    return isinstance(value, str) and canonical_uuid(value) is not None


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
