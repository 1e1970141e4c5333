"""Functions of qdrant-client's that would reach a server, led into this process.

When such a function is called, a copy of it runs that finds something else under a name of its module: in the place of
grpcio a `Grpc`, whose channels are answered here; in the place of what asks a server for its version a function that
asks nobody. All else is qdrant-client's own: options, pools, interceptors, the errors of a closed client. Needs
qdrant-client. Called by `transport`, `interception` and `uploader`.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Sequence
from functools import partial
from inspect import BoundArguments
from types import FunctionType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import grpc
import httpx

if TYPE_CHECKING:
    from minidb.transport import Transport

_MAKING_CHANNELS = ("get_channel", "get_async_channel")


def with_names(function: Callable[..., Any], **names: Any) -> Callable[..., Any]:
    """A copy of a function that finds these in the place of what its module has now."""
    of = cast(FunctionType, function)
    copy = FunctionType(of.__code__, of.__globals__ | names, of.__name__, of.__defaults__, of.__closure__)
    copy.__kwdefaults__ = of.__kwdefaults__
    return copy


def connect_here(remote: Any, transport: Transport) -> None:
    """Have the channels of the client behind one of qdrant-client's answered by a transport."""
    for name in ("_init_grpc_channel", "_init_async_grpc_channel"):  # the latter before there were async clients
        if hasattr(type(remote), name):
            setattr(remote, name, partial(_connect, remote, name, transport))


def _connect(remote: Any, name: str, transport: Transport) -> None:
    with_channels(getattr(type(remote), name), transport)(remote)


def with_channels(function: Callable[..., Any], transport: Transport) -> Callable[..., Any]:
    """A function of qdrant-client's that makes channels, whose channels a transport answers."""
    module, here = cast(FunctionType, function).__globals__, Grpc(transport)
    makers = {name: with_names(module[name], grpc=here) for name in _MAKING_CHANNELS if name in module}
    return with_names(function, **makers)


class Grpc:
    """In the place of grpcio's module, for what makes channels: those of an address are answered here."""

    intercept_channel = staticmethod(grpc.intercept_channel)

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.aio = SimpleNamespace(insecure_channel=self._async_channel, secure_channel=self._secure_async_channel)

    def ssl_channel_credentials(self, **files: bytes | None) -> None:
        """There is nothing to keep secret within a process."""

    def insecure_channel(self, target: str, options: Sequence[tuple[str, Any]], compression: Any = None) -> Any:
        from minidb.grpc_channel import Channel  # takes protobuf's descriptors, which most clients never need

        return Channel(self._transport.answer_rpc, options)

    def secure_channel(self, target: str, credentials: None, *others: Any) -> Any:
        return self.insecure_channel(target, *others)

    def _async_channel(
        self, target: str, options: Sequence[tuple[str, Any]], compression: Any, interceptors: Sequence[Any]
    ) -> Any:
        from minidb.grpc_channel import AsyncChannel

        return AsyncChannel(self._transport.answer_rpc, options, interceptors)

    def _secure_async_channel(self, target: str, credentials: None, *others: Any, **named: Any) -> Any:
        return self._async_channel(target, *others, **named)


def construct(init: Callable[..., None], given: BoundArguments, *, is_here: bool) -> None:
    """Run a constructor of qdrant-client's for `intercept`, by whose function it is called.

    Its warnings are about the line that makes a client, as they are without that function. One that is answered here
    does not ask for a version.
    """
    module, remote = cast(FunctionType, init).__globals__, given.args[0]
    names: dict[str, Callable[..., Any]] = {
        name: partial(_show_further_up, module[name]) for name in _SHOWING if name in module
    }
    if is_here:
        names["get_server_version"] = _version_of_nobody
        if hasattr(remote, "_check_compatibility"):
            remote._check_compatibility = with_names(remote._check_compatibility, get_server_version=_version_of_nobody)
    with_names(init, **names)(*given.args, **given.kwargs)
    vars(remote).pop("_check_compatibility", None)


_SHOWING = ("show_warning", "show_warning_once")


def _show_further_up(show: Callable[..., None], *args: Any, stacklevel: int, **named: Any) -> None:
    """Three functions are between, where there are none: this one, `construct` and its caller."""
    show(*args, stacklevel=stacklevel + 3, **named)


def _version_of_nobody(rest_uri: str, rest_headers: Any, auth: Any = None, *timeout: Any) -> str:
    """In the place of what asks a server for its version: one every client gets along with.

    A client's provider of tokens is asked for one, as it would be: who counts them counts as many.
    """
    if auth is not None:
        next(auth.sync_auth_flow(httpx.Request("GET", rest_uri)))
    return importlib.metadata.version("qdrant-client")
