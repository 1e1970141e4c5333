"""Every exception a caller of minidb can meet, each with the status code Qdrant's REST door would answer.

Raised where the fact is known; only `rest/` turns them into HTTP. Knows nothing of the other rooms.

    MinidbError                     500
    ├── BadInput (ValueError)       400  "Wrong input: …"
    │   └── InferenceError          400  (carries provider, status, retry_after)
    ├── BadRequest (ValueError)     400  "Bad request: …"
    ├── FormatError (ValueError)    400  "Format error: …"
    ├── ValidationError (ValueError) 422 "Validation error: [field: why]"
    ├── Forbidden                   403  "Forbidden: …"
    ├── NotFound (KeyError)         404  "Not found: …"
    ├── StandaloneMode              405  there is no cluster
    ├── Timeout (TimeoutError)      408
    ├── AlreadyExists (ValueError)  409  "Wrong input: … already exists!"
    ├── RateLimitExceeded           429  "Rate limiting exceeded: …" (of a provider: inference/providers)
    ├── ServiceError                500  "Service internal error: …"
    │   ├── CorruptionError         500  names the file and, where known, the point
    │   ├── ProviderError           500  of a provider (in inference/providers)
    │   ├── FormatVersionError      500  the store was written by a newer minidb
    │   └── StoreClosed             500
    └── InsufficientStorage (OSError) 507
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

E = TypeVar("E", bound=Exception)


class MinidbError(Exception):
    """Base of all errors; `message` is the text Qdrant would put into `status.error`.

    `hint` says what would have been right, where that is known. It is for who wrote the call: a note below the
    traceback where Python has notes (3.11), else a line below the text. No answer over a network has it.
    """

    hint: str = ""

    status_code: ClassVar[int] = 500
    prefix: ClassVar[str] = ""
    is_of_body: ClassVar[bool] = False
    """Whether REST says that it is an error of the JSON body: in Python there is none."""

    def __init__(self, message: str) -> None:
        self.message = self.prefix + message
        super().__init__(self.message)

    def __str__(self) -> str:  # KeyError would quote the text
        return f"{self.message}\n{self.hint}" if self.hint and sys.version_info < (3, 11) else self.message

    def answer(self) -> str:
        """The text as Qdrant's REST interface gives it."""
        if not self.is_of_body or not self.message.startswith(self.prefix):
            return self.message
        return f"{self.prefix[:-2]} in JSON body: {self.message[len(self.prefix) :]}"

    def hinting(self, text: str) -> Self:
        """The same error with a hint, in place of the one it may have."""
        if sys.version_info >= (3, 11):
            if self.hint in (notes := getattr(self, "__notes__", [])):
                notes.remove(self.hint)
            self.add_note(text)
        self.hint = text
        return self

    def reworded(self, message: str) -> Self:
        """The same error, with exactly this text: where Qdrant's words are others than the class's own."""
        self.message = message
        self.args = (message,)
        return self


class BadInput(MinidbError, ValueError):
    """A request that is well formed but asks for something impossible (wrong dimension, unknown vector name)."""

    status_code = 400
    prefix = "Wrong input: "


class InferenceError(BadInput):
    """An inference object could not be turned into a vector; nothing was written.

    `provider` and `upstream_status` say who refused and how, `retry_after` (seconds) when to come back.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        upstream_status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.upstream_status = upstream_status
        self.retry_after = retry_after


class BadRequest(MinidbError, ValueError):
    """A request whose parts contradict each other (prefetches without a query)."""

    status_code = 400
    prefix = "Bad request: "


class FormatError(MinidbError, ValueError):
    """A request that is not of the expected shape: an unknown field, a wrong type."""

    status_code = 400
    prefix = "Format error: "
    is_of_body = True


class ValidationError(MinidbError, ValueError):
    """A field whose value is out of range; Qdrant answers these with 422."""

    status_code = 422
    prefix = "Validation error: "
    is_of_body = True


class Forbidden(MinidbError):
    """An operation the configuration does not allow."""

    status_code = 403
    prefix = "Forbidden: "


class NotFound(MinidbError, KeyError):
    """A collection, point or vector that does not exist."""

    status_code = 404
    prefix = "Not found: "


class StandaloneMode(MinidbError):
    """An operation on the nodes, shards or replicas of a cluster: minidb is one node and has none of them."""

    status_code = 405

    def __init__(self, message: str = "Qdrant is running in standalone mode") -> None:
        super().__init__(message)


class Timeout(MinidbError, TimeoutError):
    """The request's own `timeout` passed before it was done."""

    status_code = 408


class AlreadyExists(MinidbError, ValueError):
    """A collection or alias of that name is already there."""

    status_code = 409
    prefix = "Wrong input: "


class RateLimitExceeded(MinidbError):
    """Too many requests, here or at a provider; `retry_after` in seconds where known."""

    status_code = 429
    prefix = "Rate limiting exceeded: "

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceError(MinidbError):
    """minidb itself, or the machine below it, failed."""

    prefix = "Service internal error: "


class CorruptionError(ServiceError):
    """Stored bytes do not match their checksum or length; the text names the file and, where known, the point."""


class FormatVersionError(ServiceError):
    """The directory was written by a newer minidb."""


class StoreClosed(ServiceError):
    """A call on a client after `close()`."""

    def __init__(self) -> None:
        super().__init__("this client has been closed")
        self.hinting("calls come before close(), inside the `with` block; a new QdrantClient opens the store again")


class InsufficientStorage(MinidbError, OSError):
    """The disk is full; the write was rolled back and the store stays readable."""

    status_code = 507
    prefix = "Service internal error: "


def hinted(error: E, hint: str) -> E:
    """One of Python's errors with a hint: a note, or on Python 3.10 a line below the text."""
    if sys.version_info >= (3, 11):
        error.add_note(hint)
    else:
        error.args = (f"{error}\n{hint}",)
    return error


def nearest(given: str, known: Iterable[str]) -> str:
    """A hint with the nearest of many names, or ""."""
    return _meant(_closest(given, known))


def choice(given: str, known: Iterable[str], what: str) -> str:
    """A hint for a name that is not there: the nearest one, and which there are.

    Args:
        what: the known ones in the plural: "vectors", "collections".
    """
    names = list(islice(known, _MOST_COMPARED))
    wanted = str(given)[:_LONGEST]
    folded = {name.lower(): name for name in names}
    near = [folded[name.lower()] for name in OTHER_WORDS.get(wanted.lower(), ()) if name.lower() in folded]
    guess = _meant(near or _closest(wanted, names))
    shown = ", ".join(f"`{name}`" if name else "the unnamed one" for name in names[:_MOST_SHOWN])
    more = ", …" if len(names) > _MOST_SHOWN else ""
    return f"{guess}{guess and ' '}{what} here: {shown or 'none'}{more}"


def _closest(given: str, known: Iterable[str]) -> list[str]:
    """The name that is most alike, whatever its case, if any is."""
    from difflib import get_close_matches  # takes as long to import as many a query

    folded = {name.lower(): name for name in known}
    return [folded[name] for name in get_close_matches(given.lower(), folded, 1)]


def _meant(names: list[str]) -> str:
    return f"did you mean `{names[0]}`?" if names else ""


OTHER_WORDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("query_vector", "query_vectors", "query_texts", "query_embeddings", "vector"), ("query",)),
    **dict.fromkeys(("top", "top_k", "k", "n_results", "n"), ("limit",)),
    **dict.fromkeys(("where", "filter", "expr"), ("query_filter", "scroll_filter", "count_filter", "facet_filter")),
    **dict.fromkeys(("dim", "dims", "dimension", "dimensions"), ("size",)),
    **dict.fromkeys(("embedding", "values"), ("vector",)),
    **dict.fromkeys(("metadata", "metadatas", "document", "properties"), ("payload",)),
    **dict.fromkeys(("ids", "point_ids"), ("points", "points_selector")),
    **dict.fromkeys(("points", "selector"), ("points_selector",)),
    **dict.fromkeys(("vectors", "documents", "data", "records"), ("vectors_config", "points")),
    **dict.fromkeys(("string", "str", "tag"), ("keyword",)),
    **dict.fromkeys(("l2", "euclidean"), ("Euclid",)),
    **dict.fromkeys(("ip", "inner_product"), ("Dot",)),
    **dict.fromkeys(("persist_directory", "persist_path", "directory", "db_path", "uri"), ("path",)),
    "table_name": ("collection_name",),
    "metric": ("distance",),
    "field": ("field_name", "key"),
    "schema": ("field_schema",),
    "ef": ("hnsw_ef",),
    "min": ("gte",),
    "max": ("lte",),
    "number": ("float",),
    "int": ("integer",),
}
"""What other libraries, and older versions of Qdrant's, call things: their word → ours."""

_LONGEST = 80
_MOST_COMPARED = 500
_MOST_SHOWN = 8
