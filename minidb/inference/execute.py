"""Finds the embedder of each group of a plan and runs the groups, the slow ones side by side.

Where an embedder comes from is decided by the model's name, in a `Registry`. Slow ones are asked through `sharing`,
which may spare them. Called by `inference.resolve`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from minidb.errors import InferenceError, ServiceError
from minidb.inference.context import InferenceContext, out_of_time
from minidb.inference.plan import Group, Input
from minidb.inference.registry import Embedder, Registry
from minidb.inference.settings import InferenceSettings
from minidb.inference.sharing import obtain
from minidb.system.threads import uninterrupted

if TYPE_CHECKING:
    from minidb.inference.cache import EmbeddingCache
    from minidb.inference.secret import Secret
    from minidb.models.vectors import SparseVector

Operation: TypeAlias = Literal["update", "search"]
Embedding: TypeAlias = "NDArray[Any] | SparseVector"  # (d,) dense, (n, d) multivector, or sparse

_MAX_THREADS = 8


@dataclass(frozen=True)
class Request:
    """What an embedder is asked: distinct inputs for one model with one set of options.

    `options` hold neither `mrl` nor keys; keys from the options are in `secrets`, keys from headers in `context.keys`.
    """

    model: str
    inputs: Sequence[Input]
    options: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    operation: Operation
    context: InferenceContext
    settings: InferenceSettings = field(default_factory=InferenceSettings)

    def texts(self) -> list[str]:
        """The inputs of a model that takes text only.

        Raises:
            InferenceError: there is another kind among them, or a text with lone surrogates.
        """
        if any(kind != "text" for kind, _ in self.inputs):
            raise InferenceError(f"Only text input is supported for {self.model}.")
        return self.texts_at(range(len(self.inputs)))

    def texts_at(self, positions: Iterable[int]) -> list[str]:
        """The texts at some positions of the inputs. Raises InferenceError for one with lone surrogates."""
        texts = [self.inputs[position].content for position in positions]
        try:
            for text in texts:
                text.encode()
        except UnicodeEncodeError as error:
            raise InferenceError(f"text is not valid Unicode: {error}") from error
        return texts


def execute(
    groups: Sequence[Group],
    operation: Operation,
    context: InferenceContext,
    registry: Registry,
    settings: InferenceSettings,
    cache: EmbeddingCache | None = None,
) -> list[list[Embedding]]:
    """The vectors of every input of every group. All embedders are found before any is called.

    Raises:
        InferenceError: an unknown model, or whatever an embedder refuses; then nothing is returned.
        Timeout: the context's deadline passed.
    """
    jobs = [
        (registry.embedder(g.model), Request(g.model, g.inputs, g.options, g.secrets, operation, context, settings))
        for g in groups
    ]
    context.usage.add(inputs=sum(len(group.inputs) for group in groups))
    n_slow = sum(embedder.slow for embedder, _ in jobs)
    one_by_one = context.deadline is None and n_slow < 2
    run = partial(_one_after_the_other, jobs, cache) if one_by_one else partial(_at_once, jobs, context, cache)
    # those who wait hold places at providers, connections and others' hopes: Ctrl-C must not fall into that
    return uninterrupted(run) if n_slow else run()


def _one_after_the_other(jobs: Sequence[Job], cache: EmbeddingCache | None) -> list[list[Embedding]]:
    return [_run(*job, cache=cache) for job in jobs]


def _at_once(jobs: Sequence[Job], context: InferenceContext, cache: EmbeddingCache | None) -> list[list[Embedding]]:
    """Slow embedders in threads, the others here meanwhile."""
    from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait  # brings logging along: 10 ms

    run = partial(_run, cache=cache)
    slow = [number for number, (embedder, _) in enumerate(jobs) if embedder.slow]
    results: dict[int, list[Embedding]] = {}
    pool = ThreadPoolExecutor(min(_MAX_THREADS, len(slow)), "minidb-inference") if slow else None
    try:
        futures: dict[int, Future[list[Embedding]]] = {}
        if pool is not None:
            futures = {number: pool.submit(run, *jobs[number]) for number in slow}
        for number, job in enumerate(jobs):
            if number not in futures:
                context.remaining()
                results[number] = run(*job)
        done, late = wait(futures.values(), context.remaining(), FIRST_EXCEPTION)
        for number, future in futures.items():
            if future in done:
                results[number] = future.result()
        if late:
            raise out_of_time()
    finally:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
    return [results[number] for number in range(len(jobs))]


Job = tuple[Embedder, Request]


def _run(embedder: Embedder, request: Request, cache: EmbeddingCache | None) -> list[Embedding]:
    return obtain(embedder, request, cache, _ask) if embedder.slow else _ask(embedder, request)


def _ask(embedder: Embedder, request: Request) -> list[Embedding]:
    request.context.usage.add(calls=1)
    vectors = embedder.embed(request)
    if not hasattr(vectors, "__len__"):
        raise ServiceError(f"{request.model} returned {type(vectors).__name__}, expected a list of vectors")
    if len(vectors) != len(request.inputs):
        raise ServiceError(f"{request.model} returned {len(vectors)} vectors for {len(request.inputs)} inputs")
    try:
        return [_published(vector) for vector in vectors]
    except (TypeError, ValueError) as error:
        raise ServiceError(f"{request.model} returned something that is no vector: {error}") from None


def _published(vector: Any) -> Embedding:
    """A read-only vector: several places of a request, and of later ones, may share it."""
    is_sparse = hasattr(vector, "indices") and hasattr(vector, "values")  # fastembed's, or qdrant-client's, will do
    return _sparse(vector) if is_sparse else _dense(vector)


def _dense(vector: Any) -> NDArray[Any]:
    """(d,) or (n, d), of float32 or of integers of 8 bits."""
    from minidb.models.vectors import as_array

    array = as_array(vector)
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2):
        raise ValueError(f"{array.ndim} dimensions of {array.dtype}")
    if array.dtype.itemsize > 1:
        with np.errstate(over="ignore"):  # infinite, which no collection takes
            array = array.astype(np.float32, copy=False)
    if array.flags.writeable:
        array = array.copy() if array is vector or array.base is not None else array
        array.flags.writeable = False
    return array


def _sparse(vector: Any) -> SparseVector:
    """Checked, unless it is as those made here are."""
    indices, values = vector.indices, vector.values
    if _is_ready(indices, np.uint32) and _is_ready(values, np.float32):
        ready: SparseVector = vector
        return ready
    from minidb.models.vectors import SparseVector

    checked = SparseVector(indices=indices, values=values)
    return read_only_sparse(np.array(checked.indices, np.uint32), np.array(checked.values, np.float32))


def read_only_sparse(indices: NDArray[np.uint32], values: NDArray[np.float32]) -> SparseVector:
    """A sparse vector of arrays that are its own, and known to be of equal length and without an index twice."""
    from minidb.models.vectors import SparseVector

    indices.flags.writeable = values.flags.writeable = False
    return SparseVector.model_construct(indices=indices, values=values)


def _is_ready(array: Any, dtype: type) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == dtype and not array.flags.writeable
