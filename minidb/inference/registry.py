"""Who makes the vectors of which model: an embedder is one method, and a model's name decides where it comes from.

Providers and local models register here and are unknown to the rest of minidb.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from minidb.errors import InferenceError, ServiceError, choice

if TYPE_CHECKING:
    from minidb.inference.execute import Request


class Embedder(Protocol):
    """Makes one vector per input, in their order. `slow` says whether it waits for something, so that threads pay.

    With a method `identity` (`identity.Identified`) its work is shared between calls and may be cached.
    """

    slow: bool

    def embed(self, request: Request) -> Sequence[Any]: ...


Provider: TypeAlias = (
    "Callable[[str], Embedder | None]"  # from a model's name to its embedder, None if it has no such model
)


class Registry:
    """Which provider makes the vectors of which models, by the beginning of the model's name."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}

    def register(self, prefix: str, provider: Provider) -> None:
        """Route models whose name begins with `prefix`, whatever the case, to `provider`.

        The longest prefix is asked first, the empty one last. A prefix registered again is replaced.
        """
        self._providers = {**self._providers, prefix.lower(): provider}

    def embedder(self, model: str) -> Embedder:
        """The embedder of a model.

        Raises:
            InferenceError: nobody has it; what there is is named.
            ServiceError: what its provider gives is no embedder.
        """
        try:
            embedder = self.find(model)
        except InferenceError as error:  # nobody else had it, and what might have is not installed
            raise error.hinting(self._nearest(model)) from error.__cause__
        if embedder is None:
            raise InferenceError(
                f"No embedding model {model!r}. Built in are qdrant/bm25 and minidb/hash-N (1 <= N <= 65536); "
                "others can be added with minidb.inference.register_provider."
            ).hinting(self._nearest(model))
        _check(embedder, model)
        return embedder

    def find(self, model: str, below: str | None = None) -> Embedder | None:
        """The embedder of a model, if there is one; with `below`, of those with a shorter prefix than that."""
        name = model.lower()
        for prefix in sorted(self._providers, key=len, reverse=True):
            if name.startswith(prefix) and (below is None or len(prefix) < len(below)):
                embedder = self._providers[prefix](model)
                if embedder is not None:
                    return embedder
        return None

    def _nearest(self, model: str) -> str:
        """A hint: the nearest name there is, be it only that of the provider which is written otherwise."""
        from difflib import get_close_matches

        from minidb.inference.catalog import names

        maker, _, rest = model.partition("/")
        makers = [prefix[:-1] for prefix in self._providers if prefix.endswith("/")]
        if guess := _with_maker(model, makers, names()):
            return f"did you mean `{guess}`?"
        near = get_close_matches(maker.lower(), makers, 1, 0.8) if rest and maker.lower() not in makers else []
        return choice(model, [*(f"{maker}/{rest}" for maker in near), *names()], "models")


_FAMILIES = {"text-embedding-": "openai", "embed-": "cohere", "voyage-": "voyage", "jina-": "jinaai"}
"""How names of providers' models begin, as their own documentation has them: without the provider."""


def _with_maker(model: str, makers: Collection[str], known: Iterable[str]) -> str:
    """The name of a model that is written without who makes it, or with a colon, if it is one that can be asked."""
    maker, colon, rest = model.partition(":")
    if colon and maker.lower() in makers:
        return f"{maker.lower()}/{rest}"
    for beginning, owner in _FAMILIES.items():
        if model.lower().startswith(beginning) and owner in makers:
            return f"{owner}/{model}"
    return next((name for name in known if name.lower().endswith(f"/{model.lower()}")), "")


def _check(embedder: Embedder, model: str) -> None:
    lacking = [name for name in ("embed", "slow") if not hasattr(embedder, name)]
    if lacking:
        raise ServiceError(
            f"the provider of {model!r} gave {type(embedder).__name__}: expected an embedder, with `embed(request)` "
            f"and `slow`, or None; it has no `{lacking[0]}`"
        )
