"""Where a user's call comes in: an error that goes back out shows the method that was called, and nothing below it.

Frames of the user's own below it (an iterable of points, a provider) stay. `MINIDB_TRACEBACK=full` in the environment
keeps all of them, for who looks for a fault in here. It costs a call a tenth of a microsecond.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import signature
from types import CodeType, FunctionType, TracebackType
from typing import Any, TypeVar

from minidb.errors import MinidbError, choice, hinted

T = TypeVar("T")
_OURS = frozenset(("minidb", "pydantic", "pydantic_core", "numpy", "lmdb", "httpx", "httpcore", "anyio"))


def public(kind: type[T]) -> type[T]:
    """Marks a part of the client: what it has without an underscore, and its constructor, is a border."""
    for name, method in list(vars(kind).items()):
        if isinstance(method, FunctionType) and (name[0] != "_" or name == "__init__"):
            method.__qualname__ = f"QdrantClient.{name}"  # what a caller knows it by, also in Python's own errors
            setattr(kind, name, _border(method))
    return kind


def _border(method: FunctionType) -> Callable[..., Any]:
    code = method.__code__

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except MinidbError as error:
            shorten(error, code)
            look_at_places(error, method, args)
            raise
        except TypeError as error:
            advise(error, method)
            raise

    return call


def look_at_places(error: MinidbError, method: FunctionType, args: tuple[Any, ...]) -> None:
    """A hint where arguments stand in each other's places.

    Args:
        args: those given by position, the client first.
    """
    names = list(signature(method).parameters)
    if names[1:2] == ["collection_name"] and len(args) > 1 and not isinstance(args[1], (str, type(None))):
        came = type(args[1]).__name__
        if error.hint is None or not error.hint.startswith("the name"):
            error.hinting(f"the name of the collection comes first, a text: {method.__name__}('…', …); got a {came}")
        return
    for name, value in list(zip(names, args, strict=False))[3:]:  # the first two are what a call is about
        if error.message.endswith(f" in {name}"):
            error.hinting(f"by place this is `{name}`: give it by its name, as in {_by_name(names, value)}")


def _by_name(names: list[str], value: Any) -> str:
    kind = type(value).__name__
    meant = {"int": "limit", "Filter": next((name for name in names if name.endswith("filter")), "")}.get(kind)
    return f"{meant}={value if kind == 'int' else '…'}" if meant in names else "limit=10"


def advise(error: TypeError, method: FunctionType) -> None:
    """A hint for an argument nobody knows, or one that lacks, where that is what kept the method from being entered."""
    if any(entry.tb_frame.f_code is method.__code__ for entry in _entries(error)):
        return
    unknown = re.search("unexpected keyword argument '(.*?)'", str(error))
    arguments = [name for name in signature(method).parameters if name not in ("self", "kwargs")]
    hinted(error, choice(unknown[1] if unknown else "", arguments, "arguments"))


def shorten(error: MinidbError, code: CodeType) -> None:
    """Take out of an error's traceback what is between the frame that handles it and that of `code`, and all below."""
    if os.environ.get("MINIDB_TRACEBACK") == "full":
        return
    entries = list(_entries(error))
    at = next((at for at, entry in enumerate(entries) if entry.tb_frame.f_code is code), None)
    if at is None:
        return
    last = max((below for below in range(at, len(entries)) if _is_users(entries[below])), default=at)
    entries[last].tb_next = None
    if at:
        entries[0].tb_next = entries[at]
    cause = error.__cause__
    if cause is not None and not _has_users(cause):
        cause.__traceback__ = None
    while error.__context__ is not None and error.__context__ is not cause and not _has_users(error.__context__):
        error.__context__ = error.__context__.__context__


def _entries(error: BaseException) -> Iterator[TracebackType]:
    entry = error.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_users(entry: TracebackType) -> bool:
    room = str(entry.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
    return room not in _OURS and room not in sys.stdlib_module_names


def _has_users(error: BaseException) -> bool:
    return any(map(_is_users, _entries(error)))
