"""Formulas: the expression of a request, checked once, becomes a function over all candidate rows at a time.

The grammar and its checks stand here; arithmetic is in `formula_terms`, access to payloads and scores in
`formula_values`. Follows lib/segment, rescore_formula/{parsed_formula,formula_scorer}.rs of Qdrant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from minidb import models
from minidb.collection.payload_json import plain_json
from minidb.collection.reads import PointReader
from minidb.errors import BadInput, FormatError
from minidb.filter.conditions import Predicate, compile_condition
from minidb.filter.json_path import JsonPath
from minidb.models.filters import CONDITION_KEYS
from minidb.models.moments import parse_micros
from minidb.query import formula_terms as terms
from minidb.query.formula_terms import Term
from minidb.query.formula_values import Candidates, Defaults
from minidb.query.hits import Hits, Rows, Scores, ranked, union

_CONDITIONS = frozenset(CONDITION_KEYS.values())


@dataclass(frozen=True, slots=True)
class Formula:
    """A checked formula: its value as a function, and what it reads."""

    term: Term
    paths: tuple[JsonPath, ...]
    conditions: tuple[Predicate, ...]
    defaults: Defaults

    def rescored(self, reader: PointReader, lists: Sequence[Hits], limit: int) -> Hits:
        """Every point of the lists, scored anew, best first.

        Raises:
            BadInput: a value is missing or of the wrong type, or a result is not finite.
        """
        rows = union(lists)
        return ranked(reader.view, rows, self.scores(reader, rows, lists), limit)

    def scores(self, reader: PointReader, rows: Rows, lists: Sequence[Hits]) -> Scores:
        """`(n,) float32` values for ascending rows, of which `lists` hold the scores."""
        candidates = Candidates(reader, rows, lists, self.paths, self.conditions, self.defaults)
        with np.errstate(all="ignore"):
            values = self.term(candidates, np.arange(len(rows)))
            scores = values.astype(np.float32)
        terms.check_finite(scores, lambda at: f"{terms.rust(values[at])} as f32 = {terms.rust(scores[at])}")
        return scores


def formula(query: models.FormulaQuery) -> Formula:
    """Check and translate a formula query.

    Raises:
        BadInput: an unknown reserved word, a path or date that cannot be read, impossible decay parameters.
    """
    parser = _Parser()
    term = parser.term(query.formula)
    scores: dict[int, float] = {}
    payload: dict[JsonPath, Any] = {}
    for name, default in plain_json(query.defaults or {}, "defaults").items():
        variable = parse_variable(name)
        if isinstance(variable, JsonPath):
            payload[variable] = default
        elif terms.is_number(default):
            scores[variable] = float(default)
    return Formula(term, tuple(parser.paths), tuple(parser.conditions), Defaults(scores, payload))


def parse_variable(name: str) -> int | JsonPath:
    """A payload path, or the number of the prefetch whose score is meant (`$score` is `$score[0]`)."""
    if not name.startswith("$"):
        try:
            return JsonPath.parse(name)
        except FormatError:
            raise _unparsable("variable ID", name, f"Invalid payload variable: {name}") from None
    try:
        path = JsonPath.parse(name[1:])
    except FormatError:
        raise _unparsable("variable ID", name, f"Invalid reserved variable: {name}") from None
    if path.first != "score":
        raise _unparsable("variable ID", name, f"Invalid reserved word: {name}")
    if not path.rest:
        return 0
    if len(path.rest) == 1 and isinstance(path.rest[0], int):
        return path.rest[0]
    raise _unparsable("variable ID", name, f"Invalid reserved variable: {name}")


def _unparsable(what: str, value: str, why: str) -> BadInput:
    return BadInput(f"Validation failed: failed to parse {what} {value}: {why}")


@dataclass(slots=True)
class _Parser:
    """Translates expressions, gathering the payload paths and conditions they use."""

    paths: dict[JsonPath, None] = field(default_factory=dict)
    conditions: list[Predicate] = field(default_factory=list)

    def term(self, expression: Any) -> Term:
        kind = type(expression).__name__
        if isinstance(expression, str):
            return self._variable(expression)
        if terms.is_number(expression) or not hasattr(expression, "model_fields_set"):
            return terms.constant(_float32(expression))
        if kind in _CONDITIONS:
            self.conditions.append(compile_condition(expression))
            return terms.condition(len(self.conditions) - 1)
        return _EXPRESSIONS[kind](self, expression)

    def _variable(self, name: str) -> Term:
        variable = parse_variable(name)
        return terms.payload_number(self.path(variable)) if isinstance(variable, JsonPath) else terms.score(variable)

    def path(self, path: JsonPath) -> JsonPath:
        self.paths[path] = None
        return path

    def all(self, expressions: Sequence[Any]) -> list[Term]:
        return [self.term(expression) for expression in expressions]

    def geo_distance(self, expression: models.GeoDistance) -> Term:
        origin = expression.geo_distance.origin
        return terms.geo_distance((origin.lon, origin.lat), self.path(JsonPath.parse(expression.geo_distance.to)))

    def datetime(self, expression: models.DatetimeExpression) -> Term:
        micros = parse_micros(expression.datetime)
        if micros is None:
            raise _unparsable("date-time", expression.datetime, "input contains invalid characters")
        return terms.constant(micros / 1_000_000.0)

    def datetime_key(self, expression: models.DatetimeKeyExpression) -> Term:
        return terms.payload_seconds(self.path(JsonPath.parse(expression.datetime_key)))

    def div(self, expression: models.DivExpression) -> Term:
        params = expression.div
        default = None if params.by_zero_default is None else _float32(params.by_zero_default)
        return terms.div(self.term(params.left), self.term(params.right), default)

    def pow(self, expression: models.PowExpression) -> Term:
        return terms.power(self.term(expression.pow.base), self.term(expression.pow.exponent))

    def decay(self, params: models.DecayParamsExpression, kind: str) -> Term:
        shape = _decay_lambda(kind, params.midpoint, params.scale)
        target = None if params.target is None else self.term(params.target)
        return terms.decay(kind, self.term(params.x), target, shape)


def _decay_lambda(kind: str, midpoint: float | None, scale: float | None) -> float:
    """The constant of a decay, from where it is to be at its midpoint (parsed_formula.rs, `decay_params_to_lambda`)."""
    middle = 0.5 if midpoint is None else _float32(midpoint)
    width = 1.0 if scale is None else _float32(scale)
    if kind == "lin":
        if not 0.0 <= middle <= 1.0:
            raise BadInput(
                f"Validation failed: Linear decay midpoint should be in the range [0.0, 1.0], got {terms.rust(middle)}."
            )
    elif middle <= 0.0 or middle >= 1.0:
        raise BadInput(
            f"Validation failed: Decay midpoint should be in the range (0.0, 1.0), got {terms.rust(middle)}."
        )
    if width <= 0.0:
        raise BadInput(f"Validation failed: Decay scale should be non-zero positive, got {terms.rust(width)}.")
    if kind == "lin":
        return (1.0 - middle) / width
    return float(np.log(middle)) / (width if kind == "exp" else width * width)


def _float32(number: float) -> float:
    """Constants of a formula are single precision numbers, what is computed from them is not."""
    with np.errstate(over="ignore"):
        return float(np.float32(number))


_EXPRESSIONS: dict[str, Callable[[_Parser, Any], Term]] = {
    "GeoDistance": _Parser.geo_distance,
    "DatetimeExpression": _Parser.datetime,
    "DatetimeKeyExpression": _Parser.datetime_key,
    "MultExpression": lambda parser, expression: terms.mult(parser.all(expression.mult)),
    "SumExpression": lambda parser, expression: terms.total(parser.all(expression.sum)),
    "MaxExpression": lambda parser, expression: terms.extreme(np.fmax, -np.inf, parser.all(expression.max)),
    "MinExpression": lambda parser, expression: terms.extreme(np.fmin, np.inf, parser.all(expression.min)),
    "NegExpression": lambda parser, expression: terms.mapped(np.negative, parser.term(expression.neg)),
    "AbsExpression": lambda parser, expression: terms.mapped(np.abs, parser.term(expression.abs)),
    "DivExpression": _Parser.div,
    "SqrtExpression": lambda parser, expression: terms.finite(np.sqrt, "√{}", parser.term(expression.sqrt)),
    "PowExpression": _Parser.pow,
    "ExpExpression": lambda parser, expression: terms.finite(np.exp, "exp({})", parser.term(expression.exp)),
    "Log10Expression": lambda parser, expression: terms.finite(np.log10, "log10({})", parser.term(expression.log10)),
    "LnExpression": lambda parser, expression: terms.finite(np.log, "ln({})", parser.term(expression.ln)),
    "AcoshExpression": lambda parser, expression: terms.finite(np.arccosh, "acosh({})", parser.term(expression.acosh)),
    "LinDecayExpression": lambda parser, expression: parser.decay(expression.lin_decay, "lin"),
    "ExpDecayExpression": lambda parser, expression: parser.decay(expression.exp_decay, "exp"),
    "GaussDecayExpression": lambda parser, expression: parser.decay(expression.gauss_decay, "gauss"),
}
