"""What names a payload index of a collection, and the kinds there are.

Apart from `lookup`, which knows what such an index answers, because every collection keeps some of this and few filters
are ever asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from numpy.typing import NDArray

from minidb.filter.json_path import JsonPath
from minidb.index.payload.moments import MomentIndex
from minidb.index.payload.places import PlaceIndex
from minidb.index.payload.values import ValueIndex
from minidb.index.payload.words import WordIndex

if TYPE_CHECKING:
    from minidb.text.pipeline import TokenOptions


class PayloadIndex(Protocol):
    """What all payload indexes have in common; immutable."""

    def arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]: ...


class TextSettings(NamedTuple):
    """How a declared text index cuts texts, and whether it answers phrases and scores."""

    tokens: TokenOptions
    phrases: bool = False
    scoring: bool = False


class IndexKey(NamedTuple):
    """Names one index of a collection."""

    kind: str
    """"values", "uuids" (values, UUIDs among them in their canonical form), "moments", "places" or "words"."""
    path: JsonPath
    text: TextSettings | None = None


CLASSES: dict[str, Any] = {
    "values": ValueIndex,
    "uuids": ValueIndex,
    "moments": MomentIndex,
    "places": PlaceIndex,
    "words": WordIndex,
}
