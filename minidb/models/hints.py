"""What would have been right, where a value was not what a model takes: the mistakes that are made most.

Called by `base.translate` for the one error a caller gets to see; loaded with the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from inspect import isawaitable
from typing import Any

from minidb.errors import OTHER_WORDS, choice
from minidb.models.faults import NO_OBJECT
from minidb.models.hints_of_values import of_pairs, of_range, of_value

NOT_AWAITED = "it was not awaited: `await` goes before the call that made it"
_POINT = "a point is models.PointStruct(id=…, vector=…, payload={…}), or a dict of these"
_FILTER = "a filter is models.Filter(must=[models.FieldCondition(key={key}, match=models.MatchValue(value={value}))])"
_UUID = "str(uuid.uuid5(uuid.NAMESPACE_URL, {text!r})) makes one of a text"
_QUOTED = re.compile(r"'([^']*)'").findall
_UNKNOWN = re.compile("unknown field `(.*)`", re.DOTALL).fullmatch
_ALMOST_UUID = re.compile("[0-9a-fA-F]{6,}(-[0-9a-fA-F]+){2,}").fullmatch
_MOST_KEYS = 8
_LONGEST = 40


def hint(kind: str, message: str, names: Sequence[str], value: Any, fields: Mapping[Any, Sequence[str]]) -> str:
    """A hint for an error of pydantic's, or "".

    Args:
        kind: pydantic's word for it, or that of `base`.
        names: where it is: names of fields, `[]` for an item of a list.
        value: what was refused; of an unknown field, its value.
        fields: field nobody knows → those its model has.
    """
    last = next((name for name in reversed(names) if name != "[]"), "")
    unknown = _UNKNOWN(message)
    if unknown is not None:
        return _unknown_field(unknown[1], value if kind == "extra_forbidden" else None, fields.get(unknown[1], ()))
    if isawaitable(value):
        return NOT_AWAITED
    if kind == "missing":
        return _missing_field(names, value)
    if "is not a valid point ID" in message:
        return _bad_id(last, value)
    if kind in ("enum", "literal_error"):
        return choice(value, _QUOTED(message.partition(", got ")[0]), "values") if isinstance(value, str) else ""
    if kind == "out_of_range":
        return of_range(message, last)
    if last in ("filter", "must", "should", "must_not", "update_filter"):
        return _filter(value)
    if message.startswith(NO_OBJECT):
        if names[-2:] == ["points", "[]"]:
            return f"{_POINT}; got a {type(value).__name__}"
        if last == "prefetch":
            return "a prefetch is models.Prefetch(query=…, using=…, limit=…)"
        if names[-2:] in (["[]"], ["searches", "[]"]):
            return "a request is models.QueryRequest(query=…, limit=…)"
    return _other_form(kind, message, names, last, value) or of_value(kind, message, list(names), last, value)


def _unknown_field(name: str, value: Any, known: Sequence[str]) -> str:
    if "must_not" in known and not get_close_matches(name, known, 1):
        return _filter({name: value})
    return choice(name, known, "fields") if known else ""


def _missing_field(names: Sequence[str], value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"{_POINT}; got a {type(value).__name__}" if names[:-1] == ["points", "[]"] else ""
    if names == ["query", "model"] and isinstance(next(iter(value.values()), None), list):  # one is called `image`
        return of_pairs(value)
    missing, keys = names[-1], [str(key) for key in list(value)[:_MOST_KEYS]]
    has = f"it has {', '.join(f'`{key}`' for key in keys) or 'nothing'}"
    if get_close_matches(missing, keys, 1) or any(missing in OTHER_WORDS.get(key, ()) for key in keys):
        return f"did you mean `{missing}`? {has}"
    return f"{_POINT}; {has}" if names[:-1] == ["points", "[]"] else has


def _bad_id(last: str, value: Any) -> str:
    if last == "query" and type(value).__name__ in ("Fusion", "Sample"):
        kind = type(value).__name__
        return f"models.{kind}Query({kind.lower()}=models.{kind}.{value.name})"
    if isinstance(value, str):
        text = value[:_LONGEST]
        if text.isascii() and text.isdecimal():
            return f"a number, without quotes: {text}"
        if _ALMOST_UUID(text):
            return f"a UUID has 32 hexadecimal digits, this has {len(text.replace('-', ''))}"
        if last == "query" and text.lower() in _QUERY_WORDS:
            return _QUERY_WORDS[text.lower()]
        if last == "query":
            return f"a string as query is a point's id; to search for a text: models.Document(text={text!r}, model=…)"
        return "the text can stand in the payload; " + _UUID.format(text=text)
    if isinstance(value, float) and value.is_integer() and value >= 0:
        return f"a number with a point is none: int({value})"
    return "an id is a whole number from 0 to 2**64 - 1, or a UUID"


def _filter(value: Any) -> str:
    if isinstance(value, (list, tuple)) or type(value).__name__.endswith("Condition"):
        return "conditions stand in a filter: models.Filter(must=[…])"
    key, wanted = "…", "…"
    if isinstance(value, Mapping) and value:
        name, content = next(iter(value.items()))
        if isinstance(content, Mapping) and len(content) == 1:  # {"color": {"$eq": "red"}}
            content = next(iter(content.values()))
        if isinstance(name, str) and name[:1] not in ("$", ""):
            key = repr(name[:_LONGEST])
            wanted = repr(content[:_LONGEST] if isinstance(content, str) else content)
            wanted = wanted if isinstance(content, (str, int)) else "…"
    return _FILTER.format(key=key, value=wanted)


def _other_form(kind: str, message: str, names: Sequence[str], last: str, value: Any) -> str:
    """Of values that are none of the forms a union has, and of arrays that hold no numbers."""
    if message.startswith("Expected an array of numbers, got dtype"):
        return "array.astype(numpy.float32) makes numbers of what can be read as such"
    if message.startswith("Expected a match with"):
        return f"a match is models.MatchValue(value={value!r})" if isinstance(value, (str, int)) else ""
    if message.startswith("Expected vector params"):
        size = value if type(value) is int else "…"
        return f"models.VectorParams(size={size}, distance=models.Distance.COSINE)"
    if last in ("with_payload", "with_vector", "with_vectors") and isinstance(value, str):
        return f"one goes into a list: [{value[:_LONGEST]!r}]"
    if message.endswith("relative URL without a base") and isinstance(value, str):
        return f"of a file: pathlib.Path({value[:_LONGEST]!r}).resolve().as_uri()"
    if message.startswith("Expected one of create_alias") and "Alias" in type(value).__name__:
        name = type(value).__name__
        return f"models.{name}Operation({name[: -len('Alias')].lower()}_alias=models.{name}(…))"
    if message.startswith("Expected a type or index params") and isinstance(value, type):
        return f"{_SCHEMAS[value.__name__]!r}" if value.__name__ in _SCHEMAS else ""
    if message.endswith("or a type of query") and isinstance(value, Mapping) and value:
        first, content = next(iter(value.items()))
        if isinstance(first, int) or (isinstance(content, Sequence) and not isinstance(content, str)):
            return of_pairs(value)
        return choice(next(iter(value)), _QUERIES, "queries")
    if kind.startswith("float_") and names[-2:] == ["query", "[]"] and isinstance(value, str) and value.isidentifier():
        return f"a query of a named vector: query=[…], using={value!r}"
    if kind.startswith("float_") and isinstance(value, str):
        return "numbers, no texts: [float(number) for number in vector]"
    if last in ("vector", "vectors") and isinstance(value, str):
        return f"to embed a text: models.Document(text={value[:_LONGEST]!r}, model=…)"
    if last in ("vector", "vectors") and value is None and names[-1] != "[]":
        return "a point without vectors has `vector={}`"
    if message.startswith("invalid value") and "integer" in message and "string" not in message:
        if isinstance(value, str) and value.isdecimal():
            return f"a number, without quotes: {value[:_LONGEST]}"
        if isinstance(value, float) and value.is_integer():
            return f"a whole number, without a point: {int(value)}"
    return ""


_SCHEMAS = {
    "int": "integer",
    "str": "keyword",
    "float": "float",
    "bool": "bool",
    "datetime": "datetime",
    "UUID": "uuid",
}
_QUERY_WORDS = {
    "rrf": "models.FusionQuery(fusion=models.Fusion.RRF)",
    "dbsf": "models.FusionQuery(fusion=models.Fusion.DBSF)",
    "random": "models.SampleQuery(sample=models.Sample.RANDOM)",
}
_QUERIES = ("nearest", "recommend", "discover", "context", "order_by", "fusion", "rrf", "formula", "sample")
