"""What a migration asks of the places it copies from and to. Knows nothing of what stands behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from minidb.errors import MinidbError

PointId: TypeAlias = int | str
Json: TypeAlias = dict[str, Any]
"""An object as Qdrant's REST interface has it; fields that are null may be there or not."""


REFUSED = (400, 403, 409, 413, 422)
"""Statuses of answers that are a Refusal."""
UNAVAILABLE = (429, 502, 503, 504)
"""Of those that are Unavailable; 429 where it does not say for how long."""


class Refusal(MinidbError):
    """What was asked is impossible there: a setting that is not known, a point that does not fit. Nothing changed."""

    status_code = 400


class Busy(MinidbError):
    """A rate limit; the same request may come again after `seconds`."""

    status_code = 429

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unavailable(MinidbError):
    """No answer, or one that was cut, or of somebody between: what was asked may be done or not, and is asked again.

    Args:
        seconds: when to come back, where that was said.
    """

    status_code = 503

    def __init__(self, reason: Exception, seconds: float | None = None) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.seconds = seconds


@contextmanager
def told_as_it_was() -> Iterator[None]:
    """For who does not ask again: what stands for no answer is raised, not `Unavailable`."""
    try:
        yield
    except Unavailable as error:
        raise error.reason from None


class End(Protocol):
    """A place that holds collections. Methods raise Refusal, Busy and Unavailable where that is the reason, else what
    they like.
    """

    def collections(self) -> list[str]:
        """Names, without aliases."""

    def aliases(self) -> Mapping[str, str]:
        """Of each alias its collection."""

    def info(self, name: str) -> Json:
        """Settings and payload indexes, as `GET /collections/{name}` shows them."""

    def create(self, name: str, body: Json) -> None:
        """As `PUT /collections/{name}`."""

    def update(self, name: str, body: Json) -> None:
        """As `PATCH /collections/{name}`."""

    def delete(self, name: str) -> None: ...

    def create_index(self, name: str, field: str, schema: Any) -> None:
        """As `PUT /collections/{name}/index`; done when it returns."""

    def create_alias(self, name: str, alias: str) -> None: ...

    def count(self, name: str, filter: Json | None) -> int:
        """Exactly."""

    def ids(
        self, name: str, filter: Json | None, limit: int, offset: PointId | None
    ) -> tuple[list[PointId], PointId | None]:
        """A page of ids in ascending order, numbers before UUIDs, and where the next one begins."""

    def points(self, name: str, ids: Sequence[PointId]) -> list[Json]:
        """Those that are there, in any order: `id`, `payload`, `vector`."""

    def write(self, name: str, points: Sequence[Json]) -> None:
        """All of them, or none when one is refused; done when it returns."""
