"""Which models run here, and how large their vectors and their windows are. Called by the doors and by `fastembed`.

Asking needs fastembed, and imports it; no model is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from minidb.errors import InferenceError
from minidb.inference.local import INSTALL, is_installed

ModelKind: TypeAlias = Literal["text", "sparse", "late_interaction", "multimodal", "image"]

CLASSES: Final[dict[ModelKind, str]] = {
    "text": "TextEmbedding",
    "sparse": "SparseTextEmbedding",
    "late_interaction": "LateInteractionTextEmbedding",
    "multimodal": "LateInteractionMultimodalEmbedding",
    "image": "ImageEmbedding",
}
"""fastembed's class for each kind of model; some names stand in two of them, for text and for images."""

MODELS_NOTED: Final = "minidb_models"
"""Key of a collection's metadata: which model each vector is of, as `minidb import` notes it."""

_BUILT_IN = ("qdrant/bm25", "bm25")
_WINDOW = re.compile(r"(\d+)(?: input)? tokens (?:query length )?truncation|context length of (\d+)")
_HASH = re.compile(r"minidb/hash-(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class LocalModel:
    """A model that runs here.

    Args:
        name: as fastembed writes it; any case will do.
        kind: what it makes: dense vectors from text or from images, sparse ones, or one vector per token
            (`late_interaction`, and from images too, `multimodal`).
        dimension: of a dense vector, or of a token's; None for sparse ones.
        context_size: tokens of a text that count, the rest is cut off; None where fastembed does not say.
        requires_idf: whether a sparse vector is to be declared with `modifier="idf"`.
        description: fastembed's.
        size_gb: of the download.
    """

    name: str
    kind: ModelKind
    dimension: int | None
    context_size: int | None
    requires_idf: bool
    description: str
    size_gb: float


def list_models(kind: ModelKind | None = None) -> list[LocalModel]:
    """The models of fastembed, of one kind or of all. `qdrant/bm25` is among them, though it needs no fastembed.

    Raises:
        InferenceError: fastembed is not installed.
    """
    kinds: list[ModelKind] = [*CLASSES] if kind is None else [kind]
    return [_model(kind, entry) for kind in kinds for entry in entries_of(kind)]


def names() -> list[str]:
    """The models that need no key, as far as they can be told: those built in, and fastembed's if it is installed."""
    local = [entry["model"] for kind in CLASSES for entry in entries_of(kind)] if is_installed() else []
    return ["qdrant/bm25", "minidb/hash-256", *(name for name in dict.fromkeys(local) if name.lower() not in _BUILT_IN)]


def get_embedding_size(model: str) -> int:
    """Dimensions of a model's vectors, or of its token vectors: what `VectorParams(size=…)` wants.

    Raises:
        InferenceError: the model is not known here, or its vectors are sparse.
    """
    own = _HASH.fullmatch(model)
    if own is not None:
        return int(own[1])
    sparse = model.lower() in _BUILT_IN
    found = [] if sparse else [entry for entry in list_models() if entry.name.lower() == model.lower()]
    for entry in found:
        if entry.dimension is not None:
            return entry.dimension
    if sparse or found:
        raise InferenceError(f"{model} makes sparse vectors, which have no size")
    raise InferenceError(f"No local embedding model {model!r}; minidb.inference.list_models() names them")


def entries_of(kind: ModelKind) -> list[dict[str, Any]]:
    """What fastembed says of the models of one kind."""
    if not is_installed():
        raise InferenceError(f"local models need fastembed: {INSTALL}")
    import fastembed

    cls = getattr(fastembed, CLASSES[kind], None)
    return [] if cls is None else cls.list_supported_models()


def _model(kind: ModelKind, entry: dict[str, Any]) -> LocalModel:
    description = str(entry.get("description", ""))
    window = _WINDOW.search(description)
    return LocalModel(
        name=str(entry["model"]),
        kind=kind,
        dimension=entry.get("dim"),
        context_size=int(window[1] or window[2]) if window else None,
        requires_idf=bool(entry.get("requires_idf")),
        description=description,
        size_gb=float(entry.get("size_in_GB") or 0.0),
    )
