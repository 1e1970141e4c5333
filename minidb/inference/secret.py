"""API keys: what one is called, and the object that carries it past everything that prints, logs or stores."""

from __future__ import annotations

from typing import Any

_KEY_SUFFIX = "-api-key"


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
        return "***"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a Secret is not written anywhere")


def is_key_name(name: str) -> bool:
    """Whether an option or a header carries an API key (`openai-api-key`, …), by Qdrant's rule."""
    return name.lower().endswith(_KEY_SUFFIX)
