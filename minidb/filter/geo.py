"""Points on the sphere: which payload values are geo points, and boxes, circles and polygons that hold them.

Follows the Rust crate `geo` as Qdrant uses it, boundaries included. Coordinates are degrees, (lon, lat) in this order.
Called by conditions, geo indexes and the formula's `geo_distance`; knows nothing of payload paths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, TypeAlias

LonLat: TypeAlias = tuple[float, float]
Ring: TypeAlias = tuple[LonLat, ...]

_NUMBERS: Final = (float, int)  # exact types: bool is no coordinate

EARTH_RADIUS_M: Final = 6_371_008.8
"""IUGG mean radius, the one of `geo::Haversine`."""


def as_point(value: Any) -> LonLat | None:
    """(lon, lat) of a payload value `{"lon": number, "lat": number}`, else None.

    Coordinates off the globe are taken as they are: Qdrant checks the range in queries only.
    """
    if type(value) is not dict:
        return None
    lon: Any = value.get("lon")
    lat: Any = value.get("lat")
    if type(lon) not in _NUMBERS or type(lat) not in _NUMBERS:
        return None
    try:
        return float(lon), float(lat)
    except OverflowError:
        return None


def haversine_m(a: LonLat, b: LonLat) -> float:
    """Great-circle distance in metres; NaN where the formula has no value (coordinates off the globe)."""
    latitude_a, latitude_b = math.radians(a[1]), math.radians(b[1])
    half_latitudes = math.sin(math.radians(b[1] - a[1]) / 2.0)
    half_longitudes = math.sin(math.radians(b[0] - a[0]) / 2.0)
    chord = half_latitudes**2 + math.cos(latitude_a) * math.cos(latitude_b) * half_longitudes**2
    if not 0.0 <= chord <= 1.0:
        return math.nan
    return EARTH_RADIUS_M * 2.0 * math.asin(math.sqrt(chord))


def in_box(point: LonLat, top_left: LonLat, bottom_right: LonLat) -> bool:
    """Strictly inside the box; a left edge east of the right edge means a box across the antimeridian."""
    lon, lat = point
    west, east = top_left[0], bottom_right[0]
    inside = (lon > west or lon < east) if west > east else west < lon < east
    return inside and bottom_right[1] < lat < top_left[1]


def in_polygon(point: LonLat, exterior: Ring, interiors: Sequence[Ring]) -> bool:
    """Inside the exterior ring and outside every interior one; on an edge of any of them is not inside."""
    return _winding(point, exterior) not in (0, None) and all(_winding(point, hole) == 0 for hole in interiors)


def _winding(point: LonLat, ring: Ring) -> int | None:
    """How often a closed ring winds around the point, None when the point lies on it."""
    x, y = point
    winding = 0
    for (x1, y1), (x2, y2) in pairwise(ring):
        if y1 <= y <= y2 or y2 <= y <= y1:
            side = _orientation(x1, y1, x2, y2, x, y)
            if side == 0:
                if min(x1, x2) <= x <= max(x1, x2):
                    return None
            elif y1 <= y < y2:
                winding += side > 0
            elif y2 <= y < y1:
                winding -= side < 0
    return winding


def _orientation(x1: float, y1: float, x2: float, y2: float, x: float, y: float) -> float:
    """Sign of the turn (x1, y1) → (x2, y2) → (x, y), exact where rounding could hide it."""
    left, right = (x1 - x) * (y2 - y), (y1 - y) * (x2 - x)
    turn = left - right
    if abs(turn) > 4e-16 * (abs(left) + abs(right)):  # Shewchuk's bound for orient2d is 3.33e-16
        return turn
    ex, ey = Fraction(x), Fraction(y)
    exact = (Fraction(x1) - ex) * (Fraction(y2) - ey) - (Fraction(y1) - ey) * (Fraction(x2) - ex)
    return (exact > 0) - (exact < 0)
