"""Inference objects: text, an image or anything else in the place of a vector, with the model that shall embed it.

Only their shape is known here; `minidb.inference` resolves them.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeAlias

from pydantic import StrictStr
from typing_extensions import TypeAliasType

from minidb.models.base import Bool, Model, StrEnum, one_of, tag
from minidb.models.bounded import Items
from minidb.models.keys import HIDDEN, is_key_name
from minidb.models.numbers import Number, UInt


class TokenizerType(StrEnum):
    """How text is split into tokens."""

    PREFIX = "prefix"
    WHITESPACE = "whitespace"
    WORD = "word"
    MULTILINGUAL = "multilingual"
    CODE = "code"


LANGUAGE_CODES: Final[dict[str, str]] = {
    "arabic": "ar",
    "armenian": "hy",
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
    "tamil": "ta",
    "turkish": "tr",
}
"""Languages by name, and the codes that stand for them."""
_NAMES = {code: name for name, code in LANGUAGE_CODES.items()}


class _Language(StrEnum):
    """A language by its name; its code stands for it."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        name = _NAMES.get(value) if isinstance(value, str) else None
        return None if name is None else cls._value2member_map_.get(name)


class Language(_Language):
    """Languages that have a stop word list."""

    ARABIC = "arabic"
    AZERBAIJANI = "azerbaijani"
    BASQUE = "basque"
    BENGALI = "bengali"
    CATALAN = "catalan"
    CHINESE = "chinese"
    DANISH = "danish"
    DUTCH = "dutch"
    ENGLISH = "english"
    FINNISH = "finnish"
    FRENCH = "french"
    GERMAN = "german"
    GREEK = "greek"
    HEBREW = "hebrew"
    HINGLISH = "hinglish"
    HUNGARIAN = "hungarian"
    INDONESIAN = "indonesian"
    ITALIAN = "italian"
    JAPANESE = "japanese"
    KAZAKH = "kazakh"
    NEPALI = "nepali"
    NORWEGIAN = "norwegian"
    PORTUGUESE = "portuguese"
    ROMANIAN = "romanian"
    RUSSIAN = "russian"
    SLOVENE = "slovene"
    SPANISH = "spanish"
    SWEDISH = "swedish"
    TAJIK = "tajik"
    TURKISH = "turkish"


class SnowballLanguage(_Language):
    """Languages that have a Snowball stemmer."""

    ARABIC = "arabic"
    ARMENIAN = "armenian"
    DANISH = "danish"
    DUTCH = "dutch"
    ENGLISH = "english"
    FINNISH = "finnish"
    FRENCH = "french"
    GERMAN = "german"
    GREEK = "greek"
    HUNGARIAN = "hungarian"
    ITALIAN = "italian"
    NORWEGIAN = "norwegian"
    PORTUGUESE = "portuguese"
    ROMANIAN = "romanian"
    RUSSIAN = "russian"
    SPANISH = "spanish"
    SWEDISH = "swedish"
    TAMIL = "tamil"
    TURKISH = "turkish"


class Snowball(StrEnum):
    """The kind of a Snowball stemmer's settings."""

    SNOWBALL = "snowball"


class NoStemmer(StrEnum):
    """The kind of settings that switch stemming off."""

    NONE = "none"


class SnowballParams(Model):
    """Stem with Snowball in one language."""

    type: Snowball
    language: SnowballLanguage


class DisabledStemmerParams(Model):
    """Do not stem."""

    type: NoStemmer


def _stemmer_kind(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return {"snowball": "SnowballParams", "none": "DisabledStemmerParams"}.get(kind) if isinstance(kind, str) else None


StemmingAlgorithm = TypeAliasType(
    "StemmingAlgorithm",
    Annotated[
        Annotated[SnowballParams, tag("SnowballParams")]
        | Annotated[DisabledStemmerParams, tag("DisabledStemmerParams")],
        one_of("a stemmer of type snowball or none", {}, _stemmer_kind, ("SnowballParams", "DisabledStemmerParams")),
    ],
)


class StopwordsSet(Model):
    """Stop words of several languages, and own ones."""

    languages: Items[Language] | None = None
    custom: Items[StrictStr] | None = None


StopwordsInterface = TypeAliasType(
    "StopwordsInterface",
    Annotated[
        Annotated[Language, tag("Language")] | Annotated[StopwordsSet, tag("StopwordsSet")],
        one_of(
            "a language or an object with languages and custom",
            {"languages": "StopwordsSet", "custom": "StopwordsSet"},
            lambda value: "Language" if isinstance(value, str) else "StopwordsSet" if value == {} else None,
            ("Language",),
        ),
    ],
)


class Bm25Config(Model):
    """Settings of the built-in BM25 embedder, given as a document's options."""

    k: Number | None = 1.2
    b: Number | None = 0.75
    avg_len: Number | None = 256
    tokenizer: TokenizerType | None = None
    language: StrictStr | None = None
    lowercase: Bool | None = None
    ascii_folding: Bool | None = None
    stopwords: StopwordsInterface | None = None
    stemmer: StemmingAlgorithm | None = None
    min_token_len: UInt | None = None
    max_token_len: UInt | None = None


DocumentOptions: TypeAlias = Annotated[
    Annotated[dict[str, Any], tag("options")] | Annotated[Bm25Config, tag("Bm25Config")],
    one_of(
        "an object of options",
        {"avg_len": "Bm25Config"},
        lambda value: "options" if isinstance(value, dict) else None,
    ),
]


class _Object(Model):
    """Base of what is embedded: a repr shows no API key, which may be among the options."""

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            options = self.__dict__.get("options")
            if name == "options" and isinstance(options, dict):
                value = {name: HIDDEN if is_key_name(name) else option for name, option in options.items()}
            yield name, value


class Document(_Object):
    """Text to embed with `model`."""

    text: StrictStr
    model: StrictStr
    options: DocumentOptions | None = None


class Image(_Object):
    """An image (URL, path, base64 or bytes) to embed with `model`."""

    image: Any
    model: StrictStr
    options: dict[str, Any] | None = None


class InferenceObject(_Object):
    """Anything else to embed with `model`."""

    object: Any
    model: StrictStr
    options: dict[str, Any] | None = None
