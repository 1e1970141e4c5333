"""Reads the `options` of a BM25 document: defaults, aliases, and the errors Qdrant answers.

Keys it does not know are ignored, as a server does. Called by `embed.model_for`; the result is hashable, so that models
are made once per set of options.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn, get_args

from minidb.errors import InferenceError
from minidb.text.languages import snowball_language, stopword_language
from minidb.text.pipeline import TokenOptions, stopwords
from minidb.text.tokenizers import Tokenizer

_TOKENIZERS = tuple(name for name in get_args(Tokenizer) if name != "code")  # text indexes alone have that one
_warned: set[str] = set()


@dataclass(frozen=True)
class Bm25Options:
    """BM25's parameters: `k` ≥ 0 saturates term frequency, `b` in [0, 1] normalises length, `avg_len` > 0 in tokens."""

    k: float = 1.2
    b: float = 0.75
    avg_len: float = 256.0
    tokens: TokenOptions = field(default_factory=TokenOptions)


def parse_options(options: Mapping[str, Any] | None) -> Bm25Options:
    """Validated options from the free-form map of a `Document`; a value of None means the default.

    Raises InferenceError with the text Qdrant's server answers.
    """
    given = {key: value for key, value in _plain(options or {}).items() if value is not None}
    k = _number(given, "k", 1.2)
    b = _number(given, "b", 0.75)
    avg_len = _number(given, "avg_len", 256.0)
    tokens = _token_options(given)
    if not (math.isfinite(k) and k >= 0):
        raise InferenceError(f"BM25 k1 must be finite and >= 0, got {_display(k)}")
    if not 0 <= b <= 1:
        raise InferenceError(f"BM25 b must be finite and in [0.0, 1.0], got {_display(b)}")
    if not (math.isfinite(avg_len) and avg_len > 0):
        raise InferenceError(f"BM25 avg_doc_len must be finite and > 0, got {_display(avg_len)}")
    return Bm25Options(k, b, avg_len, tokens)


def _token_options(given: Mapping[str, Any]) -> TokenOptions:
    tokenizer = given.get("tokenizer", "word")
    if not isinstance(tokenizer, str):
        _refuse_type(tokenizer, "string or map")
    if tokenizer not in _TOKENIZERS:
        _refuse_variant(tokenizer, _TOKENIZERS)
    language = given.get("language", "english")
    if not isinstance(language, str):
        _refuse_type(language, "a string")
    words = _stopwords(given["stopwords"]) if "stopwords" in given else _default_stopwords(language)
    stemmer = _stemmer(given["stemmer"]) if "stemmer" in given else snowball_language(language)
    if not ("stopwords" in given and "stemmer" in given):
        _warn_if_unknown(language)
    return TokenOptions(
        tokenizer=tokenizer,  # type: ignore[arg-type]  # checked against the literal's members above
        lowercase=_flag(given, "lowercase", True),
        ascii_folding=_flag(given, "ascii_folding", False),
        stopwords=words,
        stemmer=stemmer,
        min_token_len=_length(given, "min_token_len"),
        max_token_len=_length(given, "max_token_len"),
    )


def _default_stopwords(language: str) -> frozenset[str]:
    name = stopword_language(language)
    return stopwords(name) if name else frozenset()


def _stopwords(value: Any) -> frozenset[str]:
    """`"english"`, or a map of `languages` and `custom` words, both optional."""
    names: Any
    custom: Any
    if isinstance(value, str):
        names, custom = [value], ()
    elif isinstance(value, Mapping):
        names, custom = value.get("languages") or [], value.get("custom") or []
    else:
        _refuse("data did not match any variant of untagged enum StopwordsInterface")
    words: set[str] = set()
    for part in (names, custom):
        if not _is_strings(part):
            _refuse("data did not match any variant of untagged enum StopwordsInterface")
    for name in names:
        language = stopword_language(name)
        if language is None:
            _refuse("data did not match any variant of untagged enum StopwordsInterface")
        words |= stopwords(language)
    return frozenset(words.union(custom))


def _stemmer(value: Any) -> str | None:
    """`{"type": "snowball", "language": …}` or `{"type": "none"}`."""
    kind, language = (value.get("type"), value.get("language")) if isinstance(value, Mapping) else (None, None)
    if kind == "none":
        return None
    name = snowball_language(language) if isinstance(language, str) else None
    if kind == "snowball" and name:
        return name
    return _refuse("data did not match any variant of untagged enum StemmingAlgorithm")


def _number(given: Mapping[str, Any], key: str, default: float) -> float:
    value = given.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse_type(value, "f64")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _flag(given: Mapping[str, Any], key: str, default: bool) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        _refuse_type(value, "a boolean")
    return value


def _length(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        _refuse_type(value, "usize")
    if value < 0:
        _refuse(f"invalid value: integer `{value}`, expected usize")
    return value


def _is_strings(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(word, str) for word in value)


def _plain(value: Any) -> Any:
    """Pydantic models and enums inside the options as the JSON they stand for."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(part) for part in value]
    return value


def _warn_if_unknown(language: str) -> None:
    if stopword_language(language) or snowball_language(language) or language in _warned:
        return
    _warned.add(language)
    warnings.warn(
        f'BM25 knows no language "{language}": neither stopwords nor a stemmer are applied. To ask for that, set '
        "`stemmer` to {'type': 'none'} and `stopwords` to {}.",
        stacklevel=2,
    )


def _refuse(reason: str) -> NoReturn:
    raise InferenceError(f"Invalid BM25 config: {reason}")


def _refuse_type(value: Any, expected: str) -> NoReturn:
    _refuse(f"invalid type: {_described(value)}, expected {expected}")


def _refuse_variant(value: str, variants: Sequence[str]) -> NoReturn:
    _refuse(f"unknown variant `{value}`, expected one of {', '.join(f'`{variant}`' for variant in variants)}")


def _described(value: Any) -> str:
    """A JSON value in the words of the server's deserialiser."""
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    if isinstance(value, str):
        return 'string "' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "map" if isinstance(value, Mapping) else "sequence"


def _display(value: float) -> str:
    """A float as Rust prints it: no exponent, no trailing `.0`."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else str(value)
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
