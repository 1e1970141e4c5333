"""The arithmetic of formulas: each term is a function from candidates to float64 values, for many rows at once.

A term is asked for some positions only, because what Qdrant does not evaluate for a point (behind a zero factor or a
zero numerator) must not raise an error either. Source: lib/segment, rescore_formula/formula_scorer.rs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minidb.errors import BadInput
from minidb.filter.geo import EARTH_RADIUS_M, LonLat
from minidb.filter.json_path import JsonPath
from minidb.query.formula_values import Candidates, Positions, Values, is_number

__all__ = ["Term", "is_number"]

Term = Callable[[Candidates, Positions], Values]
_Ufunc = Callable[..., Any]


def constant(value: float) -> Term:
    return lambda candidates, at: np.full(len(at), value)


def score(prefetch: int) -> Term:
    return lambda candidates, at: candidates.score(prefetch, at)


def condition(number: int) -> Term:
    return lambda candidates, at: candidates.holds(number, at)


def payload_number(path: JsonPath) -> Term:
    return lambda candidates, at: candidates.number(path, at)


def payload_seconds(path: JsonPath) -> Term:
    return lambda candidates, at: candidates.seconds(path, at)


def geo_distance(origin: LonLat, path: JsonPath) -> Term:
    return lambda candidates, at: _haversine_m(origin, *candidates.place(path, at))


def mult(factors: Sequence[Term]) -> Term:
    """The product; once it is zero, later factors are not looked at."""

    def term(candidates: Candidates, at: Positions) -> Values:
        product = np.ones(len(at))
        open_ = np.arange(len(at))
        for factor in factors:
            if not len(open_):
                break
            values = factor(candidates, at[open_])
            is_zero = values == 0.0
            product[open_] = np.where(is_zero, 0.0, product[open_] * values)
            open_ = open_[~is_zero]
        return product

    return term


def total(summands: Sequence[Term]) -> Term:
    def term(candidates: Candidates, at: Positions) -> Values:
        values = np.zeros(len(at))
        for summand in summands:
            values = values + summand(candidates, at)
        return values

    return term


def extreme(pick: _Ufunc, start: float, operands: Sequence[Term]) -> Term:
    """The largest or smallest operand; NaN counts only where there is nothing else."""

    def term(candidates: Candidates, at: Positions) -> Values:
        values = np.full(len(at), start)
        for operand in operands:
            values = np.asarray(pick(values, operand(candidates, at)))
        return values

    return term


def mapped(function: _Ufunc, operand: Term) -> Term:
    return lambda candidates, at: np.asarray(function(operand(candidates, at)))


def finite(function: _Ufunc, spelling: str, operand: Term) -> Term:
    """A function that must give a finite number; `spelling` is how errors write its call."""

    def term(candidates: Candidates, at: Positions) -> Values:
        values = operand(candidates, at)
        results = np.asarray(function(values))
        check_finite(results, lambda bad: f"{spelling.format(rust(values[bad]))} = {rust(results[bad])}")
        return results

    return term


def power(base: Term, exponent: Term) -> Term:
    def term(candidates: Candidates, at: Positions) -> Values:
        bases = base(candidates, at)
        exponents = exponent(candidates, at)
        results = np.power(bases, exponents)
        check_finite(results, lambda bad: f"{rust(bases[bad])}^{rust(exponents[bad])} = {rust(results[bad])}")
        return results

    return term


def div(left: Term, right: Term, by_zero_default: float | None) -> Term:
    """The quotient; where the numerator is zero the denominator is not looked at."""

    def term(candidates: Candidates, at: Positions) -> Values:
        numerators = left(candidates, at)
        results = np.zeros(len(at))
        open_ = np.flatnonzero(numerators != 0.0)
        if not len(open_):
            return results
        tops, bottoms = numerators[open_], right(candidates, at[open_])
        quotients = tops / bottoms
        if by_zero_default is not None:
            quotients[bottoms == 0.0] = by_zero_default
            checked = np.where(bottoms == 0.0, 0.0, quotients)
        else:
            checked = quotients
        check_finite(checked, lambda bad: f"{rust(tops[bad])}/{rust(bottoms[bad])} = {rust(quotients[bad])}")
        results[open_] = quotients
        return results

    return term


def decay(kind: str, x: Term, target: Term | None, shape: float) -> Term:
    """max(0, 1 − λ|x−t|), exp(λ|x−t|) or exp(λ(x−t)²), λ the shape."""

    def term(candidates: Candidates, at: Positions) -> Values:
        difference = x(candidates, at)
        difference = difference - (target(candidates, at) if target is not None else 0.0)
        if kind == "gauss":
            return np.exp(shape * difference * difference)
        distance = np.abs(difference)
        if kind == "exp":
            return np.exp(shape * distance)
        return np.fmax(-shape * distance + 1.0, 0.0)

    return term


def check_finite(values: NDArray[Any], expression: Callable[[int], str]) -> None:
    """Raise Qdrant's error for the first value that is infinite or NaN."""
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise BadInput(f"The expression {expression(int(bad[0]))} produced a non-finite number")


def rust(number: Any) -> str:
    """A float as Rust's `{}` prints it: shortest digits that give it back, never an exponent, no `.0`."""
    value = number if isinstance(number, np.floating) else float(number)
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else ("inf" if value > 0 else "-inf")
    text = format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _haversine_m(origin: LonLat, lons: Values, lats: Values) -> Values:
    """Great-circle distances in metres (the crate `geo`, `Haversine`)."""
    lon, lat = origin
    half_latitudes = np.sin(np.radians(lats - lat) / 2.0)
    half_longitudes = np.sin(np.radians(lons - lon) / 2.0)
    chord = half_latitudes**2 + np.cos(np.radians(lat)) * np.cos(np.radians(lats)) * half_longitudes**2
    distances: Values = EARTH_RADIUS_M * 2.0 * np.arcsin(np.sqrt(chord))
    return distances
