"""Models that run here, through fastembed: dense, sparse, late interaction, image and multimodal ones.

Names count in any case; the options of an object are arguments of fastembed's constructor (`cache_dir`, `threads`,
`providers`, `cuda`, `device_ids`, `specific_model_path`, `local_files_only`, …). A model is loaded once for each set of
options, at its first use (`weights`), and asked by one thread at a time: it uses all cores by itself. Texts longer than
its window are cut by the model. No prefixes ("query: ") are added. Called by `local`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from minidb.errors import InferenceError
from minidb.inference.catalog import CLASSES, ModelKind, entries_of
from minidb.inference.execute import Embedding, Request, read_only_sparse
from minidb.inference.images import load_images
from minidb.inference.registry import Embedder
from minidb.inference.weights import LoadedModel, files_of, loaded
from minidb.system.processes import open_in_child

_TEXT_KINDS: Final[tuple[ModelKind, ...]] = ("text", "sparse", "late_interaction", "multimodal")
_IMAGE_KINDS: Final[tuple[ModelKind, ...]] = ("image", "multimodal")


class FastEmbed:
    """Every model of fastembed; which one, the request says."""

    slow = True

    def embed(self, request: Request) -> Sequence[Any]:
        """One vector per input, a matrix of one row per token for late interaction; see `Embedder`."""
        _check_options(request)
        by_kind: dict[str, list[int]] = {}
        for position, (kind, _) in enumerate(request.inputs):
            by_kind.setdefault(kind, []).append(position)
        if set(by_kind) - {"text", "image"}:
            raise InferenceError(f"Only text and image input is supported for {request.model}.")
        found: dict[int, Embedding] = {}
        for what, positions in by_kind.items():
            vectors = self._texts(request, positions) if what == "text" else self._images(request, positions)
            found.update(zip(positions, vectors, strict=True))
        return [found[position] for position in range(len(request.inputs))]

    def identity(self, request: Request) -> Mapping[str, Any] | None:
        """fastembed's version, the model, its options, the files of a model of the user's own, the operation."""
        import fastembed

        _check_options(request)
        return {
            "provider": "fastembed",
            "version": getattr(fastembed, "__version__", None),
            "model": request.model.lower(),
            "options": dict(request.options),
            "files": files_of(request.options),
            "operation": request.operation,
        }

    def _texts(self, request: Request, positions: list[int]) -> list[Embedding]:
        kind, entry = _entry(request.model, _TEXT_KINDS, "text")
        texts = request.texts_at(positions)
        model = loaded(kind, entry, request.options)
        vectors: list[Embedding] = []
        for batch in _batches(texts, request):
            if kind == "multimodal":
                vectors += _asked(model, "embed_text", batch, len(batch), request)
            elif request.operation == "search":
                vectors += _asked(model, "query_embed", batch, None, request)
            else:
                vectors += _asked(model, "embed", batch, len(batch), request)
        return vectors

    def _images(self, request: Request, positions: list[int]) -> list[Embedding]:
        kind, entry = _entry(request.model, _IMAGE_KINDS, "image")
        model: LoadedModel | None = None
        vectors: list[Embedding] = []
        for batch in _batches([request.inputs[position].content for position in positions], request):
            images = load_images(batch, request)
            model = model or loaded(kind, entry, request.options)  # a bad image is found before a model is loaded
            method = "embed_image" if kind == "multimodal" else "embed"
            vectors += _asked(model, method, images, len(images), request)
        return vectors


_fastembed = FastEmbed()
_lock = open_in_child(threading.Lock())
_known: dict[str, dict[ModelKind, dict[str, Any]]] = {}


def embedder_for(model: str) -> Embedder | None:
    """The embedder of a model that fastembed lists, whatever the case; else None."""
    return _fastembed if _kinds_of(model) else None


def forget() -> None:
    """Forgets which models there are. Needed only when some were taken away; new ones are found."""
    with _lock:
        _known.clear()


def _kinds_of(model: str) -> dict[ModelKind, dict[str, Any]]:
    """What fastembed says of a model, by kind. The list is asked for again when it does not hold the model."""
    name = model.lower()
    with _lock:
        if name not in _known:
            _known.clear()
            for kind in CLASSES:
                for entry in entries_of(kind):
                    _known.setdefault(str(entry["model"]).lower(), {})[kind] = entry
        return _known.get(name, {})


def _entry(model: str, kinds: Sequence[ModelKind], what: str) -> tuple[ModelKind, dict[str, Any]]:
    listed = _kinds_of(model)
    for kind in kinds:
        if kind in listed:
            return kind, listed[kind]
    other = "image" if what == "text" else "text"
    raise InferenceError(f"Only {other} input is supported for {model}.")


def _asked(model: LoadedModel, method: str, inputs: list[Any], batch_size: int | None, request: Request) -> list[Any]:
    """The vectors of one batch."""
    size = {} if batch_size is None else {"batch_size": batch_size}
    try:
        with model.lock:
            found: Iterable[Any] = getattr(model.model, method)(inputs, **size)
            return [_vector(vector) for vector in found]
    except ValueError as error:
        raise InferenceError(f"{request.model} could not embed this: {error}", provider="fastembed") from error


def _vector(vector: Any) -> Any:
    if not hasattr(vector, "indices"):
        return vector
    indices, values = np.asarray(vector.indices), np.asarray(vector.values)
    order = np.argsort(indices)
    return read_only_sparse(indices[order].astype(np.uint32), values[order].astype(np.float32))


def _batches(inputs: Sequence[Any], request: Request) -> Iterator[list[Any]]:
    """Inputs by as many as the client wants a model to get at once; the deadline is looked at in between."""
    size = request.settings.local_batch_size
    for start in range(0, len(inputs), size):
        request.context.remaining()
        yield list(inputs[start : start + size])


def _check_options(request: Request) -> None:
    if request.options and not request.context.trusted:
        raise InferenceError(f"options of {request.model} are not allowed here: they would reach files of this machine")
