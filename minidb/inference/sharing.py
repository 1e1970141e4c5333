"""Asks an embedder for as little as possible: what the cache has is taken from there, what another call is having made
just now is waited for, and only the rest is asked for. Called by `execute` for embedders that wait for something.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minidb.inference.flights import Flights
from minidb.inference.identity import Identified, digests, is_lasting
from minidb.system.processes import around_fork

if TYPE_CHECKING:
    from minidb.inference.cache import EmbeddingCache
    from minidb.inference.execute import Embedding, Request
    from minidb.inference.registry import Embedder

_flights = Flights()


def _after_fork_in_child() -> None:
    global _flights
    _flights = Flights()  # those who make what is under way are not there


around_fork(in_child=_after_fork_in_child)


def obtain(
    embedder: Embedder,
    request: Request,
    cache: EmbeddingCache | None,
    ask: Callable[[Embedder, Request], list[Embedding]],
) -> list[Embedding]:
    """One vector per input of the request.

    Args:
        embedder: asked for what is nowhere else; for all of it unless it has an `identity`.
        request: of distinct inputs.
        cache: None for none. A hit spares the work, not the key: an embedder without its key refuses before.
        ask: has an embedder embed a request.
    """
    identity = embedder.identity(request) if isinstance(embedder, Identified) else None
    if identity is None:
        return ask(embedder, request)
    keys = digests(identity, list(request.inputs))
    found = _cached(request, keys, cache) if cache is not None else {}
    missing = [position for position in range(len(keys)) if position not in found]
    if missing:
        found.update(_made(embedder, request, [(p, keys[p]) for p in missing], ask, cache))
    return [found[position] for position in range(len(keys))]


def _cached(request: Request, keys: Sequence[bytes | None], cache: EmbeddingCache) -> dict[int, Embedding]:
    lasting = [p for p, key in enumerate(keys) if key is not None and is_lasting(request.inputs[p])]
    vectors = cache.get_many([key for p in lasting if (key := keys[p]) is not None])
    found = {p: vector for p, vector in zip(lasting, vectors, strict=True) if vector is not None}
    request.context.usage.add(hits=len(found))
    return found


def _made(
    embedder: Embedder,
    request: Request,
    wanted: list[tuple[int, bytes | None]],
    ask: Callable[[Embedder, Request], list[Embedding]],
    cache: EmbeddingCache | None,
) -> dict[int, Embedding]:
    def make(numbers: list[int]) -> list[Embedding]:
        positions = [wanted[number][0] for number in numbers]
        part = request
        if len(positions) < len(request.inputs):
            part = replace(request, inputs=[request.inputs[p] for p in positions])
        vectors = ask(embedder, part)
        if cache is not None:
            kept = zip(numbers, part.inputs, vectors, strict=True)
            cache.put_many([(k, v) for n, given, v in kept if (k := wanted[n][1]) is not None and is_lasting(given)])
        return vectors

    common = (id(embedder), _circumstances(request))
    flights: list[Hashable] = [(*common, object() if key is None else key) for _, key in wanted]
    vectors, shared = _flights.run(flights, make, request.context)
    request.context.usage.add(shared=shared)
    return dict(zip([position for position, _ in wanted], vectors, strict=True))


def _circumstances(request: Request) -> Hashable:
    """What must be equal, besides the digests, for one call to use another's work: keys, rights, patience."""
    context = request.context
    patience: list[Any] = [repr(request.options.get(name)) for name in ("timeout", "max_retries", "batch_size")]
    keys = frozenset({**context.keys, **request.secrets}.items())
    return (request.operation, context.trusted, request.settings, keys, *patience)
