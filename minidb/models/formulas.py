"""Formulas: the expressions a formula query computes its scores with; `minidb.query` evaluates and checks them."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import StrictStr, model_validator
from typing_extensions import Self, TypeAliasType

from minidb.models.base import Model, one_of, tag
from minidb.models.bounded import Items
from minidb.models.faults import out_of_range
from minidb.models.filters import CONDITION_KEYS, Condition, GeoPoint
from minidb.models.numbers import Number


class GeoDistanceParams(Model):
    """From a place to the one at a payload path."""

    origin: GeoPoint
    to: StrictStr


class GeoDistance(Model):
    """A distance on the globe, in metres."""

    geo_distance: GeoDistanceParams


class DatetimeExpression(Model):
    """A fixed point in time, as seconds."""

    datetime: StrictStr


class DatetimeKeyExpression(Model):
    """The point in time at a payload path, as seconds."""

    datetime_key: StrictStr


class MultExpression(Model):
    """A product."""

    mult: "Items[Expression]"


class SumExpression(Model):
    """A sum."""

    sum: "Items[Expression]"


def _some_operands(operands: Sequence[Any], name: str) -> None:
    if not operands:
        raise out_of_range("must have at least 1 operand", name)


class MaxExpression(Model):
    """The largest of its operands."""

    max: "Items[Expression]"

    @model_validator(mode="after")
    def _some(self) -> Self:
        _some_operands(self.max, "max")
        return self


class MinExpression(Model):
    """The smallest of its operands."""

    min: "Items[Expression]"

    @model_validator(mode="after")
    def _some(self) -> Self:
        _some_operands(self.min, "min")
        return self


class NegExpression(Model):
    """The negative."""

    neg: "Expression"


class AbsExpression(Model):
    """The absolute value."""

    abs: "Expression"


class DivParams(Model):
    """A quotient, and its value when `right` is 0."""

    left: "Expression"
    right: "Expression"
    by_zero_default: Number | None = None


class DivExpression(Model):
    """A quotient."""

    div: DivParams


class SqrtExpression(Model):
    """The square root."""

    sqrt: "Expression"


class PowParams(Model):
    """Base and exponent."""

    base: "Expression"
    exponent: "Expression"


class PowExpression(Model):
    """A power."""

    pow: PowParams


class ExpExpression(Model):
    """e to the power of."""

    exp: "Expression"


class Log10Expression(Model):
    """The decimal logarithm."""

    log10: "Expression"


class LnExpression(Model):
    """The natural logarithm."""

    ln: "Expression"


class AcoshExpression(Model):
    """The inverse hyperbolic cosine."""

    acosh: "Expression"


class DecayParamsExpression(Model):
    """1 where `x` equals `target` (0), falling to `midpoint` (0.5) at a distance of `scale` (1)."""

    x: "Expression"
    target: "Expression | None" = None
    scale: Number | None = None
    midpoint: Number | None = None


class LinDecayExpression(Model):
    """A decay along a line."""

    lin_decay: DecayParamsExpression


class ExpDecayExpression(Model):
    """A decay along an exponential curve."""

    exp_decay: DecayParamsExpression


class GaussDecayExpression(Model):
    """A decay along a bell curve."""

    gauss_decay: DecayParamsExpression


_KEYS = {
    "geo_distance": "GeoDistance",
    "datetime": "DatetimeExpression",
    "datetime_key": "DatetimeKeyExpression",
    "mult": "MultExpression",
    "sum": "SumExpression",
    "max": "MaxExpression",
    "min": "MinExpression",
    "neg": "NegExpression",
    "abs": "AbsExpression",
    "div": "DivExpression",
    "sqrt": "SqrtExpression",
    "pow": "PowExpression",
    "exp": "ExpExpression",
    "log10": "Log10Expression",
    "ln": "LnExpression",
    "acosh": "AcoshExpression",
    "lin_decay": "LinDecayExpression",
    "exp_decay": "ExpDecayExpression",
    "gauss_decay": "GaussDecayExpression",
}
_CONDITIONS = frozenset(CONDITION_KEYS.values())


def _expression_kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "variable"
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)) or hasattr(value, "__float__"):
        return "number"
    if type(value).__name__ in _CONDITIONS or (
        isinstance(value, dict) and (not value or not CONDITION_KEYS.keys().isdisjoint(value))
    ):
        return "condition"
    return None


Expression = TypeAliasType(
    "Expression",
    Annotated[
        Annotated[Number, tag("number")]
        | Annotated[StrictStr, tag("variable")]
        | Annotated[Condition, tag("condition")]
        | Annotated[GeoDistance, tag("GeoDistance")]
        | Annotated[DatetimeExpression, tag("DatetimeExpression")]
        | Annotated[DatetimeKeyExpression, tag("DatetimeKeyExpression")]
        | Annotated[MultExpression, tag("MultExpression")]
        | Annotated[SumExpression, tag("SumExpression")]
        | Annotated[MaxExpression, tag("MaxExpression")]
        | Annotated[MinExpression, tag("MinExpression")]
        | Annotated[NegExpression, tag("NegExpression")]
        | Annotated[AbsExpression, tag("AbsExpression")]
        | Annotated[DivExpression, tag("DivExpression")]
        | Annotated[SqrtExpression, tag("SqrtExpression")]
        | Annotated[PowExpression, tag("PowExpression")]
        | Annotated[ExpExpression, tag("ExpExpression")]
        | Annotated[Log10Expression, tag("Log10Expression")]
        | Annotated[LnExpression, tag("LnExpression")]
        | Annotated[AcoshExpression, tag("AcoshExpression")]
        | Annotated[LinDecayExpression, tag("LinDecayExpression")]
        | Annotated[ExpDecayExpression, tag("ExpDecayExpression")]
        | Annotated[GaussDecayExpression, tag("GaussDecayExpression")],
        one_of(f"a number, a variable, a condition, or one of {', '.join(_KEYS)}", _KEYS, _expression_kind),
    ],
)
