"""What became of a collection on its way: how many points, and all that is not there as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from minidb.migration.ends import PointId

_MOST_NAMED = 10


@dataclass
class Tally:
    """A number of points, and the first of them by id."""

    count: int = 0
    first: list[PointId] = field(default_factory=list)

    def add(self, ids: Iterable[PointId]) -> None:
        for id_ in ids:
            self.count += 1
            if len(self.first) < _MOST_NAMED:
                self.first.append(id_)

    def __str__(self) -> str:
        more = ", …" if self.count > len(self.first) else ""
        return f"{_points(self.count)} ({', '.join(map(str, self.first))}{more})"


@dataclass
class CollectionReport:
    """One collection after its migration.

    `written` points were sent, `kept` were there already as they should be. `checked` points in `blocks` of a thousand
    were compared afterwards by checksum; `missing` and `changed` ones were found then. `extra` points are there and
    not here. `refused` says why a point was not taken, by id. `settings` are lines about what differs in the
    collection itself: configuration, payload indexes, aliases.
    """

    name: str
    written: int = 0
    kept: int = 0
    checked: int = 0
    blocks: int = 0
    missing: Tally = field(default_factory=Tally)
    changed: Tally = field(default_factory=Tally)
    extra: int = 0
    refused: dict[PointId, str] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)

    @property
    def has_all_points(self) -> bool:
        """Whether the points there are those that are here."""
        return not (self.missing.count or self.changed.count or self.extra or self.refused)

    @property
    def is_whole(self) -> bool:
        """Whether nothing at all differs."""
        return self.has_all_points and not self.settings

    def lines(self) -> Iterator[str]:
        """For people: a summary, and a line for all that differs."""
        kept = f", {self.kept:,} were there" if self.kept else ""
        blocks = f"{self.blocks:,} checksum{'' if self.blocks == 1 else 's'} of {_points(self.checked)}"
        verdict = "all as here" if self.has_all_points else "NOT all as here"
        yield f"{self.name}: {_points(self.written)} written{kept}; {blocks}: {verdict}"
        for id_, reason in self.refused.items():
            yield f"  refused: point {id_}: {reason}"
        if self.missing.count:
            yield f"  missing: {self.missing}"
        if self.changed.count:
            yield f"  different: {self.changed}"
        if self.extra:
            yield f"  only there: {_points(self.extra)}"
        yield from (f"  {line}" for line in self.settings)


def _points(count: int) -> str:
    return f"{count:,} point{'' if count == 1 else 's'}"
