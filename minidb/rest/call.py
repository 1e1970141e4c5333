"""What a handler gets to see of a request: the parts of its path, its query parameters, its body as a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qs

from minidb import errors, models
from minidb.database import Database
from minidb.inference import InferenceContext
from minidb.rest.message import Request
from minidb.rest.traffic import Traffic

_MAX_NUMBER = 2**32 - 1
"""A timeout beyond it (136 years) would be more than the system's clocks take."""


class Parameters:
    """The query parameters of a request, each checked when it is asked for; those nobody asks for are ignored."""

    def __init__(self, query: str) -> None:
        self._values = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._values.get(name)
        if value is None:
            return default
        if value not in ("true", "false"):
            raise wrong_parameter(f"provided string was not `true` or `false`: {name}={value}")
        return value == "true"

    def number(self, name: str, minimum: int = 0) -> int | None:
        value = self._values.get(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit()) or len(value) > 20:
            raise wrong_parameter(f"invalid digit found in string: {name}={value}")
        if int(value) > _MAX_NUMBER:
            raise wrong_parameter(f"number too large to fit in target type: {name}={value}")
        if int(value) < minimum:
            raise out_of_range(f"{name}: value {value} invalid, must be {minimum} or larger")
        return int(value)

    def timeout(self, *, nonzero: bool) -> int | None:
        """Seconds; 0 is refused, and among the parameters of a read it is of the wrong shape (`nonzero`)."""
        if nonzero and self.number("timeout") == 0:
            raise wrong_parameter("invalid value: integer `0`, expected a nonzero u64")
        return self.number("timeout", 1)

    def check_ordering(self) -> None:
        """It steers replicas: on one machine it only has to be right."""
        ordering = self.text("ordering")
        if ordering is not None and ordering not in ("weak", "medium", "strong"):
            raise wrong_parameter(f"unknown variant `{ordering}`, expected one of `weak`, `medium`, `strong`")

    def check_consistency(self) -> None:
        """It steers replicas, too: a number of them, a name for one, or nothing."""
        consistency = self.text("consistency")
        if not consistency or consistency in ("majority", "quorum", "all"):
            return
        if not (consistency.isascii() and consistency.isdigit()):
            raise wrong_parameter(f"failed to deserialize read consistency query parameter value '{consistency}'")
        if not consistency.strip("0"):
            raise out_of_range("consistency.factor: value 0 invalid, must be 1 or larger")


def wrong_parameter(text: str) -> errors.MinidbError:
    """A query parameter that is not of the expected form (400)."""
    return errors.FormatError(text).reworded(f"Deserialize error in query parameters: {text}")


def out_of_range(text: str) -> errors.MinidbError:
    """A query parameter whose value is not allowed (422)."""
    return errors.ValidationError(text).reworded(f"Validation error in query parameters: [{text}]")


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way through a handler.

    Args:
        path: the variable parts of the path by name, decoded.
        body: the model the route asks for, None when it has none.
    """

    database: Database
    traffic: Traffic
    request: Request
    path: Mapping[str, str]
    parameters: Parameters
    body: Any
    context: InferenceContext

    @property
    def timeout(self) -> float | None:
        """Seconds the request may take, by its own parameter."""
        return self.context.timeout

    @property
    def collection(self) -> str:
        return self.path["collection_name"]

    def point_id(self) -> int | str:
        """The id in the path: digits are a number, anything else must be a UUID."""
        text = self.path["id"]
        try:
            return models.normalize_id(int(text) if text.isascii() and text.isdigit() else text)
        except (errors.MinidbError, ValueError):  # Python makes no number of thousands of digits
            raise errors.BadInput(f'Can not recognize "{text}" as point id') from None


def standalone(call: Call) -> NoReturn:
    """The handler of what only a cluster can do."""
    raise errors.StandaloneMode


def done(result: models.UpdateResult, wait: bool) -> models.UpdateResult:
    """An update's result as Qdrant words it: who did not ask to wait hears that it was taken, though it is done."""
    return result if wait else models.UpdateResult(result.operation_id, models.UpdateStatus.ACKNOWLEDGED)
