"""`minidb serve`: a store behind Qdrant's REST interface, until SIGINT or SIGTERM. Called by `main`."""

from __future__ import annotations

import argparse
import logging
import signal
from contextlib import closing
from pathlib import Path

from minidb.database import MEMORY, Database
from minidb.server import Server, Settings, is_loopback, one_blas_thread


def run(arguments: argparse.Namespace) -> None:
    """Listen, say where, answer until told to stop, close the store. Refuses what would be open to all by mistake."""
    settings = Settings(
        arguments.host,
        arguments.port,
        arguments.api_key,
        arguments.read_only_api_key,
        tuple(arguments.allow_origins),
        arguments.max_request_mb << 20,
        arguments.web_ui,
    )
    if "" in (settings.api_key, settings.read_only_api_key):
        arguments.refuse("an API key is empty; leave it away, or unset its variable, to need none")
    if not (is_loopback(settings.host) or settings.needs_key or arguments.insecure):
        arguments.refuse(f"anybody who reaches {settings.host} could write: give an --api-key, or say --insecure")
    location: str | Path = MEMORY if arguments.memory else arguments.path
    with (
        one_blas_thread(),
        closing(Database(location, arguments.durability)) as database,
        Server(database, settings) as server,
    ):
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        _log_to_stderr()
        key = "an API key is needed" if settings.needs_key else "no key is needed"
        print(f"minidb listens on {server.url}, store {location}, {key}", flush=True)
        server.run()


def _log_to_stderr() -> None:
    access = logging.getLogger("minidb.access")
    access.setLevel(logging.INFO)
    access.propagate = False
    access.addHandler(logging.StreamHandler())
