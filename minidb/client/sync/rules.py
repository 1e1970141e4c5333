"""How two sides are brought together: the options of a `push` or a `pull`, and which of two points is newer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from minidb.errors import BadRequest
from minidb.filter.json_path import JsonPath
from minidb.models.moments import parse_micros


@dataclass(frozen=True)
class Rules:
    """See `QdrantClient.push`."""

    newest_by: str | None = None
    batch_size: int = 256
    mirror: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise BadRequest(f"batch_size must be greater than 0, got {self.batch_size}")
        if self.name == "":
            raise BadRequest("name is empty: give the peer one, or leave it away")
        if self.newest_by is not None:
            JsonPath.parse(self.newest_by)

    def keeps(self, receivers: dict[str, Any] | None, senders: dict[str, Any] | None) -> bool:
        """Whether the receiver's point stays, by the payloads of both."""
        if self.newest_by is None:
            return False
        path = JsonPath.parse(self.newest_by)
        return _is_newer(_first_value(path, receivers), _first_value(path, senders))


def _first_value(path: JsonPath, payload: dict[str, Any] | None) -> Any:
    return next(iter(path.values(payload or {})), None)


def _is_newer(left: Any, right: Any) -> bool:
    """Whether `left` is greater: of two numbers, two dates or two strings; anything is greater than nothing."""
    if left is None or right is None:
        return left is not None
    if isinstance(left, str) and isinstance(right, str):
        dates = parse_micros(left), parse_micros(right)
        if dates[0] is not None and dates[1] is not None:
            return dates[0] > dates[1]
        return left > right
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    return numbers and left > right
