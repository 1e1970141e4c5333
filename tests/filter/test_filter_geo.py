"""Geo: boxes, circles and polygons, with their boundaries, against the Rust core."""

from __future__ import annotations

import math
import os
from itertools import pairwise
from typing import Any

import pytest
from filter_oracles import IDS, Rust, ours
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import models as m

from minidb.filter import geo

CASES = int(os.environ.get("MINIDB_FILTER_CASES", "300"))
SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0), (0.0, 0.0))
HOLE = ((2.0, 2.0), (4.0, 2.0), (4.0, 4.0), (2.0, 4.0), (2.0, 2.0))


@pytest.mark.parametrize(
    ("value", "point"),
    [
        ({"lon": 1, "lat": 2.5}, (1.0, 2.5)),
        ({"lon": 200, "lat": 95}, (200.0, 95.0)),
        ({"lon": True, "lat": 1.0}, None),
        ({"lon": "1", "lat": 1.0}, None),
        ({"lon": 1.0}, None),
        ({"lon": 10**400, "lat": 1}, None),
        ([1.0, 2.0], None),
        (None, None),
    ],
)
def test_a_point_is_an_object_with_two_numbers(value: Any, point: Any) -> None:
    assert geo.as_point(value) == point


def test_the_edges_of_a_box_are_outside() -> None:
    assert geo.in_box((1.0, 1.0), (0.0, 2.0), (2.0, 0.0))
    assert not any(geo.in_box(p, (0.0, 2.0), (2.0, 0.0)) for p in [(0.0, 1.0), (2.0, 1.0), (1.0, 0.0), (1.0, 2.0)])


def test_a_box_may_cross_the_antimeridian() -> None:
    assert geo.in_box((179.0, 0.0), (170.0, 10.0), (-170.0, -10.0))
    assert geo.in_box((-179.0, 0.0), (170.0, 10.0), (-170.0, -10.0))
    assert not geo.in_box((0.0, 0.0), (170.0, 10.0), (-170.0, -10.0))


def test_haversine_between_antipodes_is_half_the_circumference() -> None:
    assert geo.haversine_m((0.0, 0.0), (180.0, 0.0)) == pytest.approx(math.pi * geo.EARTH_RADIUS_M)
    assert geo.haversine_m((13.4, 52.5), (13.4, 52.5)) == 0.0
    assert math.isnan(geo.haversine_m((0.0, 85.0), (180.0, 95.0)))


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((5.0, 5.0), True),
        ((0.0, 5.0), False),
        ((10.0, 10.0), False),
        ((3.0, 3.0), False),
        ((2.0, 3.0), False),
        ((1.0, 1.0), True),
        ((11.0, 5.0), False),
    ],
)
def test_edges_of_a_polygon_and_of_its_holes_are_outside(point: geo.LonLat, inside: bool) -> None:
    assert geo.in_polygon(point, SQUARE, [HOLE]) is inside


# Eighths: the core stores payloads as JSON text and reads one double in eight back one unit in the last place off.
degrees = st.integers(-4, 4).map(float) | st.integers(-32, 32).map(lambda eighths: eighths / 8)
points = st.tuples(degrees, degrees)
rings = st.lists(points, min_size=3, max_size=6).map(lambda ring: [*ring, ring[0]])


def _line(ring: list[geo.LonLat]) -> m.GeoLineString:
    return m.GeoLineString(points=[m.GeoPoint(lon=lon, lat=lat) for lon, lat in ring])


@settings(max_examples=CASES, deadline=None)
@given(st.lists(points, min_size=len(IDS), max_size=len(IDS)), rings, st.lists(rings, max_size=2), st.data())
def test_areas_hold_what_the_rust_core_finds_in_them(
    places: list[geo.LonLat], exterior: list[geo.LonLat], interiors: list[list[geo.LonLat]], data: st.DataObject
) -> None:
    on_edge = [((ax + bx) / 2, (ay + by) / 2) for (ax, ay), (bx, by) in pairwise(exterior)]
    places = [data.draw(st.sampled_from([place, *exterior, *on_edge])) for place in places]
    (left, top), (right, bottom) = exterior[:2]
    center = m.GeoPoint(lon=left, lat=top)
    stored = [{"g": {"lon": lon, "lat": lat}} for lon, lat in places]
    core = Rust(stored)
    for clause in (
        {"geo_polygon": m.GeoPolygon(exterior=_line(exterior), interiors=list(map(_line, interiors)))},
        {"geo_bounding_box": m.GeoBoundingBox(top_left=center, bottom_right=m.GeoPoint(lon=right, lat=bottom))},
        {"geo_radius": m.GeoRadius(center=center, radius=data.draw(st.floats(0.0, 1e6)))},
    ):
        filter = m.Filter(must=m.FieldCondition(key="g", **clause))
        assert ours(filter, stored) == core.select(filter)
