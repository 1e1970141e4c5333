"""The way of a collection: made, its points copied by pages, read again on both sides and compared, then finished.

Ids come from the source in ascending order, a page of them is a task: its points are read, and those that are not there
yet are written in one request. So whole pages are there whenever it stops, and nothing needs to be remembered to go on:
with `resume` each page is read on both sides, and only what differs is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, TypeAlias, TypeVar

from minidb.errors import BadRequest
from minidb.migration import settings
from minidb.migration.checksums import checksum, key, rounding, same
from minidb.migration.ends import Busy, End, Json, PointId, Refusal, Unavailable, told_as_it_was
from minidb.migration.paging import in_parallel, paced, pages
from minidb.migration.report import CollectionReport

BLOCK = 1000
"""Points a checksum is of, and ids a page of the first reading has."""
_MOST_REFUSED = 100
_PAUSES_S = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Between requests that had no answer, before it is given up: a server is started again, a line is cut."""

T = TypeVar("T")
_Reasons: TypeAlias = "dict[PointId, str]"
"""Of points that were refused, by id."""


class Counter(Protocol):
    def advance(self, count: int) -> None:
        """`count` more points are done."""


class _NoCounter:
    def advance(self, count: int) -> None:
        """Nobody looks."""


Reporting = Callable[[str, int], AbstractContextManager[Counter]]
"""Shows progress: of what, and how many points there are."""


@dataclass(frozen=True)
class Options:
    """How to migrate.

    Args:
        batch_size: points a request.
        collision: what to do when a collection is there: refuse before anything is written, replace it, or write what
            it lacks.
        parallel: requests at a time.
        points_per_second: not faster than this, in either reading.
        filter: only the points that pass.
    """

    batch_size: int = 100
    collision: Literal["refuse", "recreate", "resume"] = "refuse"
    parallel: int = 1
    points_per_second: float | None = None
    filter: Json | None = None


def migrate(
    source: End,
    target: End,
    names: Sequence[str] | None,
    options: Options,
    reporting: Reporting = lambda label, total: nullcontext(_NoCounter()),
) -> Iterator[CollectionReport]:
    """Copy collections, all or those named, and say of each what became of it.

    Raises:
        BadRequest: an option is out of range, a collection is not here, or is there and must not be; nothing is
            written then.
        MinidbError: one side fails, or refuses many points.
    """
    for name, value in (("batch_size", options.batch_size), ("parallel", options.parallel)):
        if value < 1:
            raise BadRequest(f"{name} must be greater than 0, got {value}")
    if options.points_per_second is not None and not options.points_per_second > 0:
        raise BadRequest(f"points_per_second must be greater than 0, got {options.points_per_second}")
    wanted = wanted_of(source, names)
    with told_as_it_was():
        there = set(target.collections())
    collisions = sorted(there & set(wanted))
    if collisions and options.collision == "refuse":
        raise BadRequest(f"Collections already exist in dest_client: {collisions}")
    for name in wanted:
        yield _Migration(source, target, name, options, reporting).run(is_there=name in there)


def wanted_of(source: End, names: Sequence[str] | None) -> list[str]:
    """The collections of `names`, or all. Raises BadRequest for one that is not there."""
    with told_as_it_was():
        here = source.collections()
    if missing := sorted(set(names or ()) - set(here)):
        raise BadRequest(f"Source client does not have collections: {missing}")
    return here if names is None else list(dict.fromkeys(names))


class _Migration:
    """Of one collection."""

    def __init__(self, source: End, target: End, name: str, options: Options, reporting: Reporting) -> None:
        self._source = source
        self._target = target
        self._name = name
        self._options = options
        self._reporting = reporting
        self._info = _patiently(partial(source.info, name))
        self._rounding = rounding(self._info)
        self._report = CollectionReport(name)

    def run(self, is_there: bool) -> CollectionReport:
        if is_there and self._options.collision == "recreate":
            _patiently(partial(self._target.delete, self._name))
            is_there = False
        if not is_there:
            self._create()
        self._create_indexes()
        self._page = self._page_size(_patiently(partial(self._target.info, self._name)))
        self._copy(is_there)
        self._verify()
        self._finish()
        return self._report

    def _create(self) -> None:
        """Asked again for want of an answer, it may be there from the first time."""
        try:
            _patiently(partial(self._target.create, self._name, settings.creation(self._info)))
        except Refusal:
            if self._name not in _patiently(self._target.collections):
                raise

    def _create_indexes(self) -> None:
        for field, schema in settings.index_schemas(self._info).items():
            self._try(f"index of {field}", partial(self._target.create_index, self._name, field, schema))

    def _page_size(self, there: Json) -> int:
        """As asked for, unless strict mode allows less."""
        limits = [self._options.batch_size]
        for info, names in ((self._info, ("max_query_limit",)), (there, ("max_query_limit", "upsert_max_batchsize"))):
            strict = info["config"].get("strict_mode_config") or {}
            limits += [strict[name] for name in names if strict.get("enabled") and strict.get(name)]
        return min(limits)

    def _ids(self) -> Iterator[PointId]:
        strict = self._info["config"].get("strict_mode_config") or {}
        limit = min(BLOCK, (strict.get("enabled") and strict.get("max_query_limit")) or BLOCK)
        offset: PointId | None = None
        while True:
            ids, offset = _patiently(partial(self._source.ids, self._name, self._options.filter, limit, offset))
            yield from ids
            if offset is None:
                return

    def _each(self, label: str, size: int, work: Callable[[Sequence[PointId]], T]) -> Iterator[T]:
        """`work` of all ids by pages, in sight."""
        total = _patiently(partial(self._source.count, self._name, self._options.filter))
        tasks = paced(pages(self._ids(), size), self._options.points_per_second)
        with (
            self._reporting(f"{self._name}: {label}", total) as progress,
            closing(in_parallel(lambda ids: (len(ids), work(ids)), tasks, self._options.parallel)) as results,
        ):
            for count, result in results:
                progress.advance(count)
                yield result

    def _read(self, end: End, ids: Sequence[PointId]) -> dict[PointId, Json]:
        """Those that are there, in the order of `ids`."""
        found = {
            key(point["id"]): point
            for page in pages(ids, self._page)
            for point in _patiently(partial(end.points, self._name, page))
        }
        return {id_: found[id_] for id_ in map(key, ids) if id_ in found}

    def _is_same(self, here: Json, there: Json | None) -> bool:
        return there is not None and same(here, there, self._rounding)

    def _copy(self, is_there: bool) -> None:
        """Read what is here, and if something might be there that, too; write what is not the same."""

        def copy(ids: Sequence[PointId]) -> tuple[int, int, _Reasons]:
            here = self._read(self._source, ids)
            there = self._read(self._target, ids) if is_there else {}
            lacking = [point for id_, point in here.items() if not self._is_same(point, there.get(id_))]
            return len(here), len(lacking), self._write(lacking)

        report = self._report
        for n_here, n_lacking, refused in self._each("copied", self._page, copy):
            report.kept += n_here - n_lacking
            report.written += n_lacking - len(refused)
            report.refused |= refused
            if len(report.refused) > _MOST_REFUSED:
                first, reason = next(iter(report.refused.items()))
                raise Refusal(f"more than {_MOST_REFUSED} points are refused, point {first}: {reason}")

    def _write(self, points: Sequence[Json]) -> _Reasons:
        """In one request; when it is refused in ever smaller ones, until it is known which points are, and why."""
        if not points:
            return {}
        try:
            _patiently(partial(self._target.write, self._name, points))
        except Refusal as error:
            if len(points) == 1:
                return {key(points[0]["id"]): str(error)}
            half = len(points) // 2
            return self._write(points[:half]) | self._write(points[half:])
        return {}

    def _verify(self) -> None:
        """Read all points on both sides and compare them, a thousand at a time."""

        def verify(ids: Sequence[PointId]) -> tuple[int, int, list[PointId], list[PointId]]:
            here, there = (self._read(end, ids) for end in (self._source, self._target))
            n_found = len(here.keys() & there.keys())
            if checksum(here.values()) == checksum(there.values()):
                return len(here), n_found, [], []
            missing = [id_ for id_ in here if id_ not in there]
            changed = [id_ for id_ in here if id_ in there and not self._is_same(here[id_], there[id_])]
            return len(here), n_found, missing, changed

        report, n_found = self._report, 0
        for n_checked, n_there, missing, changed in self._each("compared", BLOCK, verify):
            report.blocks += 1
            report.checked += n_checked
            n_found += n_there
            report.missing.add(id_ for id_ in missing if id_ not in report.refused)
            report.changed.add(changed)
        count = _patiently(partial(self._target.count, self._name, self._options.filter))
        report.extra = max(0, count - n_found)

    def _finish(self) -> None:
        """What would be in the way, or lead to half a collection, before its points are there."""
        report = self._report
        if body := settings.completion(self._info):
            self._try("settings", partial(self._target.update, self._name, body))
        aliases, taken = _patiently(self._target.aliases), set(_patiently(self._target.collections))
        for alias, name in _patiently(self._source.aliases).items():
            if name != self._name or aliases.get(alias) == name:
                continue
            if alias in aliases or alias in taken:
                report.settings.append(f"alias {alias}: it is {aliases.get(alias, 'a collection')} there")
            else:
                self._try(f"alias {alias}", partial(self._target.create_alias, name, alias))
        report.settings.extend(settings.differences(self._info, _patiently(partial(self._target.info, self._name))))

    def _try(self, what: str, ask: Callable[[], None]) -> None:
        """What is refused goes to the report."""
        try:
            _patiently(ask)
        except Refusal as error:
            self._report.settings.append(f"{what}: {error}")


def _patiently(ask: Callable[[], T]) -> T:
    """The answer, asked for again while there is a rate limit, and some times where there is none at all.

    Raises what stands for no answer, when that stays so.
    """
    pauses = list(_PAUSES_S)
    while True:
        try:
            return ask()
        except Busy as error:  # noqa: PERF203 - rare
            time.sleep(error.seconds)
        except Unavailable as error:
            if not pauses:
                raise error.reason from None
            time.sleep(max(pauses.pop(0), error.seconds or 0.0))
