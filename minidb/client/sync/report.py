"""What became of a `push` or a `pull`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CollectionSync:
    """What became of one collection."""

    name: str
    written: int
    """Points sent and written."""
    deleted: int
    kept: int
    """Points that stayed as they were at the receiver, being newer by `newest_by`."""
    extra: int
    """Points only the receiver has, which stayed; counted where ids were compared."""
    full: bool
    """Whether all of the collection was looked at: there was no mark, no log, or too short a one."""
    seconds: float
    settings: tuple[str, ...] = ()
    """Of each setting that was changed at the sender and is another one at the receiver, which cannot hold it."""


@dataclass(frozen=True)
class SyncReport:
    """What a `push` or `pull` did, by collection."""

    collections: tuple[CollectionSync, ...]

    @property
    def written(self) -> int:
        """Points written, of all collections."""
        return sum(each.written for each in self.collections)

    @property
    def deleted(self) -> int:
        """Points deleted, of all collections."""
        return sum(each.deleted for each in self.collections)


@dataclass
class Counts:
    """Points so far."""

    written: int = 0
    deleted: int = 0
    kept: int = 0
