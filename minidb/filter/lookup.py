"""Which payload index can answer which clause, what such an index is made from, and the answer itself.

Value, moment and place indexes exist for any path somebody filters on; a text index only where the collection declares
one, because its settings change what matches. Called by `evaluate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from minidb.filter import geo
from minidb.filter.clauses import (
    Check,
    Clause,
    DatetimeRange,
    FilterPoint,
    GeoBox,
    GeoCircle,
    GeoPolygon,
    NumericRange,
    TextMatch,
    ValueIn,
    ValueNotIn,
)
from minidb.filter.index_key import IndexKey, TextSettings
from minidb.filter.json_path import JsonPath, Payload
from minidb.filter.text import contains_phrase
from minidb.index.payload.moments import MomentIndex
from minidb.index.payload.places import Degrees, PlaceIndex
from minidb.index.payload.rows import Rows
from minidb.index.payload.values import ValueIndex
from minidb.index.payload.words import WordIndex
from minidb.models.moments import parse_micros
from minidb.models.vectors import canonical_uuid
from minidb.text.pipeline import TokenOptions, TokenPipeline
from minidb.text.segmenters import BORROWED, BorrowedTerms

Elements: TypeAlias = Callable[[Payload], Sequence[Any]]

_KINDS: dict[type, str] = {
    ValueIn: "values",
    ValueNotIn: "values",
    NumericRange: "values",
    DatetimeRange: "moments",
    GeoBox: "places",
    GeoCircle: "places",
    GeoPolygon: "places",
}


def key_for(
    clause: Clause,
    text_settings: Callable[[JsonPath], TextSettings | None],
    has_uuids: Callable[[JsonPath], bool],
) -> IndexKey | None:
    """The index that answers a clause; None when payloads must be looked at."""
    if isinstance(clause, (ValueIn, ValueNotIn)) and clause.keywords and has_uuids(clause.path):
        return IndexKey("uuids", clause.path)
    if isinstance(clause, TextMatch):
        settings = text_settings(clause.path)
        return None if settings is None else IndexKey("words", clause.path, settings)
    kind = _KINDS.get(type(clause))
    return None if kind is None else IndexKey(kind, cast(ValueIn, clause).path)


def elements_of(key: IndexKey) -> Elements:
    """What the index takes from one payload."""
    path = key.path
    if key.kind == "values":
        return path.elements
    if key.kind == "uuids":
        return lambda payload: [_canonical(element) for element in path.elements(payload)]
    if key.kind == "moments":
        return lambda payload: [
            micros
            for element in path.elements(payload)
            if type(element) is str and (micros := parse_micros(element)) is not None
        ]
    if key.kind == "places":
        return lambda payload: [place for element in path.elements(payload) if (place := geo.as_point(element))]
    assert key.text is not None
    terms = terms_of(key.text)
    return lambda payload: [terms(element) for element in path.elements(payload) if type(element) is str]


def terms_of(settings: TextSettings) -> Callable[[str], list[str]]:
    """A stored text as terms, in order."""
    if settings.tokens.tokenizer in BORROWED:
        return borrowed_terms(settings.tokens).of_document
    pipeline = pipeline_of(settings.tokens)
    return lambda text: [term for raw in pipeline.split(text) for term in pipeline.document_terms(raw)]


def query_terms(settings: TextSettings, clause: TextMatch) -> list[str]:
    """A query as terms, in order; a phrase is cut as a document is, since it must stand in one."""
    text = clause.text
    if clause.mode == "phrase":
        return terms_of(settings)(text)
    if settings.tokens.tokenizer in BORROWED:
        return borrowed_terms(settings.tokens).of_query(text)
    pipeline = pipeline_of(settings.tokens)
    return [term for raw in pipeline.split(text) for term in pipeline.query_terms(raw)]


@lru_cache(maxsize=8)
def borrowed_terms(options: TokenOptions) -> BorrowedTerms:
    return BorrowedTerms(options)


@lru_cache(maxsize=64)
def pipeline_of(options: TokenOptions) -> TokenPipeline:
    return TokenPipeline(options)


def text_check(clause: TextMatch, settings: TextSettings) -> Check:
    """The scalar test of a text clause on a path with a text index."""
    path, terms = clause.path, terms_of(settings)
    wanted = query_terms(settings, clause)
    phrase, distinct = tuple(wanted), frozenset(wanted)

    def holds(text: str) -> bool:
        found = terms(text)
        if clause.mode == "any":
            return not distinct.isdisjoint(found)
        if clause.mode == "all":
            return bool(distinct) and distinct.issubset(found)
        return settings.phrases and contains_phrase(found, phrase)

    def check(payload: Payload, point: FilterPoint | None) -> bool:
        return any(type(element) is str and holds(element) for element in path.elements(payload))

    return check


def with_canonical_uuids(clause: ValueIn | ValueNotIn) -> ValueIn | ValueNotIn:
    """The clause as a uuid index is asked: every spelling of a UUID is the same value."""
    return replace(clause, keywords=frozenset(map(_canonical, clause.keywords)))


def uuid_check(clause: Clause) -> Check:
    """The scalar test of a clause on a path with a uuid index."""
    assert isinstance(clause, (ValueIn, ValueNotIn))
    path, unlike = clause.path, isinstance(clause, ValueNotIn)
    wanted = {(type(value), value) for value in (*clause.keywords, *clause.ints, *getattr(clause, "bools", ()))}

    def holds(element: Any) -> bool:
        if unlike and element is None:
            return False
        value = _canonical(element)
        return (type(value) in (str, int, bool) and (type(value), value) in wanted) != unlike

    return lambda payload, point: any(map(holds, path.elements(payload)))


def _canonical(element: Any) -> Any:
    if type(element) is not str:
        return element
    canonical = canonical_uuid(element)
    return element if canonical is None else canonical


def rows_by_index(index: Any, clause: Clause, key: IndexKey, verify: Callable[[Rows], Rows]) -> Rows:
    """The rows that satisfy a clause, by its index; `verify` keeps those whose payload really does."""
    match clause:
        case ValueIn():
            return cast(ValueIndex, index).rows_in([*clause.keywords, *clause.ints, *clause.bools])
        case ValueNotIn():
            return cast(ValueIndex, index).rows_not_in([*clause.keywords, *clause.ints])
        case NumericRange():
            return _rows_within(cast(ValueIndex, index), clause, verify)
        case DatetimeRange():
            return cast(MomentIndex, index).rows_between(clause.lt, clause.gt, clause.lte, clause.gte)
        case TextMatch():
            assert key.text is not None
            return _rows_by_words(index, clause, key.text, verify)
        case GeoBox() | GeoCircle() | GeoPolygon():
            return cast(PlaceIndex, index).rows_where(_place_test(clause))
        case _:
            raise TypeError(f"no payload index answers {type(clause).__name__}")


def _rows_within(index: ValueIndex, clause: NumericRange, verify: Callable[[Rows], Rows]) -> Rows:
    """The index has numbers as float64: what is a bound there may be none as the integer it is."""
    if not clause.is_exact:
        return index.numbers.rows_between(clause.lt, clause.gt, clause.lte, clause.gte)
    uppers = [float(limit) for limit in (clause.lt, clause.lte) if limit is not None]
    lowers = [float(limit) for limit in (clause.gt, clause.gte) if limit is not None]
    upper, lower = float(np.min(uppers, initial=np.inf)), float(np.max(lowers, initial=-np.inf))
    inside = index.numbers.rows_between(lt=upper, gt=lower, lte=None, gte=None)
    perhaps = np.setdiff1d(index.numbers.rows_between(lt=None, gt=None, lte=upper, gte=lower), inside, True)
    return np.union1d(inside, verify(perhaps)) if len(perhaps) else inside


def _rows_by_words(index: WordIndex, clause: TextMatch, settings: TextSettings, verify: Callable[[Rows], Rows]) -> Rows:
    wanted = query_terms(settings, clause)
    if clause.mode == "any":
        return index.rows_with_any(wanted)
    if clause.mode == "phrase":
        return verify(index.rows_with_all(wanted)) if settings.phrases else np.zeros(0, np.uint32)
    rows = index.rows_with_all(wanted)
    several = index.with_several_texts(rows)  # the terms may stand in different texts of the row
    if not several.any():
        return rows
    kept = np.concatenate([rows[~several], verify(rows[several])])
    kept.sort()
    return kept


def _place_test(clause: GeoBox | GeoCircle | GeoPolygon) -> Callable[[Degrees, Degrees], NDArray[np.bool_]]:
    match clause:
        case GeoBox():
            return lambda lon, lat: _in_box(lon, lat, clause.top_left, clause.bottom_right)
        case GeoCircle():
            return lambda lon, lat: _distances_m(lon, lat, clause.center) < clause.radius_m
        case GeoPolygon():
            return lambda lon, lat: _in_polygon(lon, lat, clause)


def _in_box(lon: Degrees, lat: Degrees, top_left: geo.LonLat, bottom_right: geo.LonLat) -> NDArray[np.bool_]:
    west, east = top_left[0], bottom_right[0]
    across: NDArray[np.bool_] = (lon > west) | (lon < east) if west > east else (lon > west) & (lon < east)
    inside: NDArray[np.bool_] = across & (lat > bottom_right[1]) & (lat < top_left[1])
    return inside


def _distances_m(lon: Degrees, lat: Degrees, center: geo.LonLat) -> Degrees:
    """`geo.haversine_m` on arrays; NaN off the globe."""
    half_lat, half_lon = np.radians(lat - center[1]) / 2.0, np.radians(lon - center[0]) / 2.0
    cosines = np.cos(np.radians(lat)) * np.cos(np.radians(center[1]))
    chord = np.sin(half_lat) ** 2 + cosines * np.sin(half_lon) ** 2
    valid = (chord >= 0.0) & (chord <= 1.0)
    distances = np.full(len(lon), np.nan)
    distances[valid] = geo.EARTH_RADIUS_M * 2.0 * np.arcsin(np.sqrt(chord[valid]))
    return distances


def _in_polygon(lon: Degrees, lat: Degrees, clause: GeoPolygon) -> NDArray[np.bool_]:
    """Those in the exterior's bounding box are looked at one by one."""
    lons, lats = zip(*clause.exterior, strict=True)
    inside: NDArray[np.bool_] = (lon >= min(lons)) & (lon <= max(lons)) & (lat >= min(lats)) & (lat <= max(lats))
    for at in np.flatnonzero(inside).tolist():
        inside[at] = geo.in_polygon((float(lon[at]), float(lat[at])), clause.exterior, clause.interiors)
    return inside
