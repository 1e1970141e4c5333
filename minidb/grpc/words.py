"""Enums as Qdrant's REST interface spells them, both ways, and the one error of everything malformed."""

from __future__ import annotations

import re
from functools import cache

from minidb.errors import BadInput
from minidb.grpc.table import table

_AS_THEY_ARE = ("Distance", "ReplicaState")
_LEFT_OUT = ("Datatype", "Memory", "ReadConsistency")
"""Enums whose number 0 says nothing."""
_MALFORMED = {
    "BinaryQuantizationEncoding": "Unknown binary quantization encoding",
    "BinaryQuantizationQueryEncoding.Setting": "Unknown binary quantization query encoding",
    "CompressionRatio": "Unknown compression ratio",
    "Datatype": "Cannot convert datatype: {}",
    "Distance": "Malformed distance parameter, unexpected value: {}",
    "Fusion": "invalid fusion type value {}",
    "MaxOptimizationThreads.Setting": "Invalid MaxOptimizationThreads setting: unknown enumeration value {}",
    "Memory": "Cannot convert memory placement: {}",
    "Modifier": "Cannot convert sparse modifier: {}",
    "MultiVectorComparator": "Unknown multi vector comparator",
    "QuantizationType": "Unknown quantization type",
    "ReadConsistencyType": "invalid read consistency type value {}",
    "RecommendStrategy": "Unknown recommend strategy: {}",
    "Sample": "invalid sample type value {}",
    "ShardingMethod": "Cannot convert ShardingMethod: {0}, error: unknown enumeration value {0}",
    "TokenizerType": "unknown tokenizer type",
    "TurboQuantBitSize": "Unknown turbo quantization bit size",
    "WriteOrderingType": "cannot convert ordering: {}",
}
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def malformed(text: str) -> BadInput:
    """A message that is no request, in exactly these words."""
    return BadInput(text).reworded(text)


@cache
def _words(enum: str) -> dict[int, str | None]:
    words: dict[int, str | None] = {}
    for name, number in table().enums[enum].items():
        if name.startswith("Unknown"):
            continue
        plain = name.removeprefix(enum)
        words[number] = plain if enum in _AS_THEY_ARE else _HUMP.sub("_", plain).lower()
    if enum in _LEFT_OUT:
        words[0] = None
    return words


@cache
def _numbers(enum: str) -> dict[str, int]:
    return {word: number for number, word in _words(enum).items() if word is not None}


def word(enum: str, number: int) -> str | None:
    """REST's word for a value of an enum; None for one that says nothing.

    Raises:
        BadInput: the enum has no such number, or the number stands for "unknown".
    """
    try:
        return _words(enum)[number]
    except KeyError:
        if enum == "Distance" and number == 0:
            raise malformed("Malformed distance parameter: UnknownDistance") from None
        raise malformed(_MALFORMED.get(enum, f"Malformed {enum} value: {{}}").format(number)) from None


def known_word(enum: str, number: int) -> str | None:
    """The same where a number that the enum does not have says nothing, too."""
    return _words(enum).get(number)


def number(enum: str, word: str) -> int:
    """The value of an enum that REST spells so."""
    return _numbers(enum)[word]
