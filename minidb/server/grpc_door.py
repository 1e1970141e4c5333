"""The gRPC door: carries calls over HTTP/2 to `minidb.grpc`, which answers. Needs the extra `grpc`.

The key is asked for by the same `Gate` as REST's, and lines go to the same access log. The threads are its own: grpcio
keeps one for every call from its head on, also while the message is still to come (`grpc_waiting`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NoReturn

from minidb.errors import MinidbError
from minidb.rest import Api
from minidb.server import access_log
from minidb.server.gate import KEY_HEADERS, Gate
from minidb.server.grpc_connections import AddressLimit, EverySecond
from minidb.server.grpc_waiting import Waiting
from minidb.server.long_work import Busy, LongWork
from minidb.server.settings import Settings

try:
    import grpc
    from google.protobuf.message import DecodeError

    from minidb.grpc import Answer, Asked, Code, Rpc, Service, failure, find, reflection
except ModuleNotFoundError as error:
    if error.name not in ("grpc", "google", "google.protobuf"):
        raise
    raise MinidbError("gRPC needs packages that are not installed: pip install 'minidb-vector[grpc]'") from None

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_MAX_TEXT_BYTES = 2000
"""Of an error's text: it travels percent-encoded among the headers, for which clients have 8 kB."""
_MAX_REFLECTIONS = 4
"""Streams of reflection at a time: each keeps a thread for as long as its client likes."""
_THREADS = 256
_MOST_WAITING = _THREADS - 32
"""Calls whose message has not come; so many threads are left for those that can be answered."""
_ANSWERED_AT_ONCE = 32
"""As many as REST's."""
_PATIENCE_TIMES = 10
"""For a whole message, times that for a piece of a body: of its pieces grpcio tells nothing."""
_MAX_STREAMS = 128
"""Calls of one connection at a time; clients keep more waiting on their side."""


class GrpcDoor:
    """Listens from the moment it is made; answers from `start` to `stop`.

    Args:
        settings: address and TLS among them.
        long_work: where calls are answered that may take long.

    Raises:
        OSError: the address cannot be listened on, or a file of the certificate not be read.
    """

    def __init__(self, api: Api, settings: Settings, long_work: LongWork) -> None:
        waiting = Waiting(_MOST_WAITING, _PATIENCE_TIMES * settings.patience_s)
        self._streams = Waiting(_MAX_REFLECTIONS, _PATIENCE_TIMES * settings.patience_s)
        handlers = (_Handlers(Service(api), Gate(settings), waiting, self._streams, long_work),)
        options = (
            ("grpc.max_receive_message_length", settings.max_request_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # else two servers would share a port, and nobody would know who answers
            ("grpc.http2.max_ping_strikes", 0),  # Go's client pings every 10 s, calls or not
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.max_concurrent_streams", _MAX_STREAMS),
            ("grpc.max_allowed_incoming_connections", settings.max_connections),  # from accept on
            ("grpc.server_handshake_timeout_ms", round(settings.patience_s * 1000)),  # TLS's and HTTP/2's
        )
        self._threads = ThreadPoolExecutor(_THREADS, "minidb-grpc")
        self._server = grpc.server(self._threads, handlers=handlers, options=options)
        self._host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"{self._host}:{settings.grpc_port}"
        try:
            if settings.tls_cert is None:
                self._port = self._server.add_insecure_port(address)
            else:
                self._port = self._server.add_secure_port(address, _credentials(settings, settings.tls_cert))
        except RuntimeError:
            raise OSError(f"cannot listen on {address} for gRPC: is the port taken?") from None
        self._addresses = AddressLimit(self._port, settings.max_connections_per_address)
        self._limits = EverySecond(self._addresses.check, waiting.check, self._streams.check)

    @property
    def address(self) -> str:
        """Where it listens: host and port."""
        return f"{self._host}:{self._port}"

    def start(self) -> None:
        self._server.start()
        self._limits.start()

    def begin_stop(self, patience_s: float) -> threading.Event:
        """Take no more calls; what is given is set once those that run are over, or their time is. A stream of
        reflection that asks nothing just now is over at once.
        """
        ended: threading.Event = self._server.stop(patience_s)
        self._streams.close()
        return ended

    def stop(self) -> None:
        """Give up whatever still waits for its client, and wait for the work that runs."""
        self._server.stop(0).wait()
        self._limits.stop()
        self._threads.shutdown()


def _credentials(settings: Settings, cert: str) -> grpc.ServerCredentials:
    chain, ca = Path(cert).read_bytes(), settings.tls_client_ca
    key = chain if settings.tls_key is None else Path(settings.tls_key).read_bytes()
    root = None if ca is None else Path(ca).read_bytes()
    return grpc.ssl_server_credentials([(key, chain)], root, require_client_auth=root is not None)


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Which function answers which endpoint. None of them raises: an exception would be the client's UNKNOWN.

    All take a stream of messages, also where there is to be one: so the key is asked for before anything else has come.
    """

    def __init__(self, service: Service, gate: Gate, waiting: Waiting, streams: Waiting, long_work: LongWork) -> None:
        self._service = service
        self._gate = gate
        self._waiting, self._streams = waiting, streams
        self._long_work = long_work
        self._answering = threading.BoundedSemaphore(_ANSWERED_AT_ONCE)
        self._reflections = threading.BoundedSemaphore(_MAX_REFLECTIONS)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        endpoint: str = details.method
        rpc = find(endpoint)
        if rpc is not None:
            return grpc.stream_unary_rpc_method_handler(partial(_unary, endpoint, partial(self._answer, rpc)))
        if endpoint == reflection.HEALTH_CHECK:
            return grpc.stream_unary_rpc_method_handler(partial(_unary, endpoint, self._check))
        package = reflection.REFLECTIONS.get(endpoint)
        if package is None:
            return None  # UNIMPLEMENTED
        return grpc.stream_stream_rpc_method_handler(partial(self._reflect, package))

    def _answer(self, rpc: Rpc, messages: Iterator[bytes], context: grpc.ServicerContext) -> Answer:
        headers = _headers(context)
        try:
            self._gate.check_key(rpc.route, headers)
        except MinidbError as error:
            return self._service.refuse(rpc, error)
        message = self._next(messages, context, self._waiting)
        if isinstance(message, Answer):
            return message
        passed_on = {name: value for name, value in headers.items() if name not in KEY_HEADERS}

        def answer() -> Answer:
            return self._service.answer(rpc, Asked(message, passed_on, timeout=context.time_remaining()))

        if rpc.route.is_long:
            try:
                return self._long_work.submit(answer).result()
            except Busy as error:
                return self._service.refuse(rpc, error)
        with self._answering:
            return answer()

    def _check(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Answer:
        message = self._next(messages, context, self._waiting)
        return message if isinstance(message, Answer) else reflection.check(message)

    def _next(self, messages: Iterator[bytes], context: grpc.ServicerContext, waiting: Waiting) -> bytes | Answer:
        """The next message; an answer where there is none, or the call has been given up by either side."""
        with waiting.of(context.cancel) as is_given_up:
            try:
                return next(messages)
            except StopIteration:
                return _GIVEN_UP if is_given_up() or not context.is_active() else _NO_MESSAGE
            except grpc.RpcError as error:
                # grpcio keeps it with the call, which its traceback holds: such a call would count among the streams of
                # its connection until the collector comes, and 128 of them let no other in.
                error.__traceback__ = None
                return _GIVEN_UP

    def _reflect(self, package: str, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        try:
            self._gate.check_key(None, _headers(context))
        except MinidbError as error:
            _abort(context, failure(error))
        if not self._reflections.acquire(blocking=False):
            _abort(context, Answer(Code.RESOURCE_EXHAUSTED, text="too many streams of reflection"))
        try:
            while not isinstance(message := self._next(messages, context, self._streams), Answer):
                yield reflection.reflect(package, message)
        except DecodeError:
            _abort(context, Answer(Code.INTERNAL, text="failed to decode Protobuf message"))
        finally:
            self._reflections.release()


_GIVEN_UP = Answer(Code.CANCELLED)
_NO_MESSAGE = Answer(Code.UNIMPLEMENTED, text="the call requires exactly one request message")


def _unary(
    endpoint: str,
    answer: Callable[[Iterator[bytes], grpc.ServicerContext], Answer],
    messages: Iterator[bytes],
    context: grpc.ServicerContext,
) -> bytes:
    """One call: the reply's bytes, or its end without any; a line in the access log either way."""
    started = time.perf_counter()
    answered = answer(messages, context)
    access_log.write("GRPC", endpoint, int(answered.code), started, len(answered.reply))
    if answered.code is not Code.OK:
        _abort(context, answered)
    return answered.reply


def _abort(context: grpc.ServicerContext, answer: Answer) -> NoReturn:
    context.set_trailing_metadata(answer.metadata)
    text = answer.text.encode()[:_MAX_TEXT_BYTES].decode(errors="ignore")
    context.abort(_CODES[answer.code], text)
    raise AssertionError("abort returns never")


def _headers(context: grpc.ServicerContext) -> dict[str, str]:
    """Metadata as REST's headers come: bytes read as Latin-1. Binary ones mean nothing here."""
    found = context.invocation_metadata() or ()
    return {name: value.encode().decode("latin-1") for name, value in found if isinstance(value, str)}
