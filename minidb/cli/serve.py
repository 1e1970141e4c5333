"""`minidb serve`: a store behind Qdrant's REST and gRPC interfaces, until SIGINT or SIGTERM. Called by `main`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

from minidb.database import Database
from minidb.opening import MEMORY
from minidb.server import Server, Settings, is_loopback, one_blas_thread
from minidb.server.log_lines import LogLines


def run(arguments: argparse.Namespace) -> None:
    """Listen, say where, answer until told to stop, close the store. Refuses what would be open to all by mistake."""
    settings = Settings(
        arguments.host,
        arguments.port,
        arguments.api_key,
        arguments.read_only_api_key,
        tuple(arguments.allow_origins),
        arguments.max_request_mb << 20,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        tls_client_ca=arguments.tls_client_ca,
        max_connections=arguments.max_connections,
        max_connections_per_address=arguments.max_connections_per_address,
        grpc_port=_grpc_port(arguments),
        web_ui=arguments.web_ui,
        snapshot_urls=arguments.snapshot_urls,
    )
    if "" in (settings.api_key, settings.read_only_api_key):
        arguments.refuse("an API key is empty; leave it away, or unset its variable, to need none")
    if not (is_loopback(settings.host) or settings.needs_key or arguments.insecure):
        arguments.refuse(f"anybody who reaches {settings.host} could write: give an --api-key, or say --insecure")
    if settings.snapshot_urls and not (is_loopback(settings.host) or settings.needs_key):
        arguments.refuse("with --snapshot-urls anybody could have this machine ask other servers: give an --api-key")
    location: str | Path = MEMORY if arguments.memory else arguments.path
    with (
        one_blas_thread(),
        closing(Database(location, arguments.durability)) as database,
        _log_to_stderr(),
        Server(database, settings) as server,
    ):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        key = "an API key is needed" if settings.needs_key else "no key is needed"
        grpc = "" if server.grpc_address is None else f" and for gRPC on {server.grpc_address}"
        print(f"minidb listens on {server.url}{grpc}, store {location}, {key}", flush=True)
        server.run()


def _grpc_port(arguments: argparse.Namespace) -> int | None:
    """The port asked for; else the one after REST's, as in Qdrant, when the packages are there."""
    if arguments.no_grpc:
        return None
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its library would print what is an exception here, too
    if arguments.grpc_port is not None:
        return int(arguments.grpc_port)
    is_installed = find_spec("grpc") is not None and find_spec("google") is not None
    if not is_installed:
        return None
    if arguments.port == 65535:
        arguments.refuse("there is no port after 65535: give a --grpc-port, or say --no-grpc")
    return int(arguments.port) + 1 if arguments.port else 0


@contextmanager
def _log_to_stderr() -> Iterator[None]:
    """A line for each request, and warnings of all parts; nothing where there is no stderr."""
    access, others = logging.getLogger("minidb.access"), logging.getLogger()
    access.setLevel(logging.INFO)
    access.propagate = False
    if sys.stderr is None:  # closed; its number may be another file's by now
        access.addHandler(logging.NullHandler())
        yield
        return
    try:
        lines: logging.Handler = LogLines(sys.stderr.fileno())
    except (OSError, AttributeError):  # a stream of somebody's own, which has no descriptor
        lines = logging.StreamHandler()
    access.addHandler(lines)
    others.addHandler(lines)
    try:
        yield
    finally:
        access.removeHandler(lines)
        others.removeHandler(lines)
        lines.close()
