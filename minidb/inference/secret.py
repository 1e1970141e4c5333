"""API keys: the object that carries one past everything that prints, logs or stores, and which a request brings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minidb.errors import FormatError
from minidb.models.keys import HIDDEN, is_key_name


class Secret:
    """An API key. Two are equal when the keys are; neither `repr` nor `str` nor pickling gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the outgoing request's header and nothing else."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not written anywhere")


def secrets_in(values: Mapping[str, Any]) -> dict[str, Secret]:
    """The API keys among options or headers, by their names in lower case. None, as `os.environ.get` gives it, is none.

    Raises:
        FormatError: a key that is no text.
    """
    found = {}
    for name, value in values.items():
        if value is None or not is_key_name(name):
            continue
        if not isinstance(value, (str, Secret)):
            raise FormatError(f"invalid type: {type(value).__name__}, expected a string in {name.lower()}")
        found[name.lower()] = Secret(value) if isinstance(value, str) else value
    return found
