"""Real servers for tests, each on a free loopback port: in a thread of this process, or `minidb serve` as its own."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from minidb.database import Database
from minidb.opening import MEMORY
from minidb.server import Server, Settings

PATIENCE_S = 60


@contextmanager
def server_in_a_thread(location: str | Path = MEMORY, **settings: Any) -> Iterator[str]:
    """The server's URL; it has stopped when the block is left."""
    with closing(Database(location, "off")) as database, serving(database, **settings) as server:
        yield server.url


@contextmanager
def store_or_server(kind: str, path: Path) -> Iterator[str]:
    """What a command may have at its other side: a "store" that is to be made at the path, or a "server"."""
    if kind == "store":
        yield str(path)
        return
    with server_in_a_thread() as url:
        yield url


def place(of: str) -> list[str]:
    """The option of a command for a store's directory, or an address."""
    return ["--url" if "://" in of else "--path", of]


@contextmanager
def serving(database: Database, **settings: Any) -> Iterator[Server]:
    """A server of this database; it has stopped when the block is left."""
    with Server(database, Settings(port=0, **settings)) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def grpc_port(server: Server) -> int:
    """Where it answers gRPC."""
    assert server.grpc_address is not None
    return int(server.grpc_address.rpartition(":")[2])


@dataclass
class Process:
    """A server that runs as a process. Its input and output are pipes, its log goes to a file."""

    url: str
    first_line: str
    popen: subprocess.Popen[str]
    log: Path

    @property
    def grpc_address(self) -> str:
        """Host and port of the gRPC door."""
        found = re.search(r"for gRPC on (\S+:\d+),", self.first_line)
        assert found, self.first_line
        return found[1]

    @property
    def output(self) -> IO[str]:
        assert self.popen.stdout is not None
        return self.popen.stdout

    def tell(self, line: str) -> None:
        """Write a line to its input."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(line + "\n")
        self.popen.stdin.flush()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(PATIENCE_S)


@contextmanager
def server_process(
    folder: Path, *arguments: str, program: Sequence[str] = ("-m", "minidb"), env: dict[str, str] | None = None
) -> Iterator[Process]:
    """`minidb serve` with these arguments, or another Python program that ends up in it."""
    log = folder / "server.log"
    with log.open("w") as stderr:
        popen = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=env,
        )
    with popen:
        try:
            assert popen.stdout is not None
            line = popen.stdout.readline()
            found = re.search(r"http://\S+:\d+", line)
            assert found, line + log.read_text()
            yield Process(found[0], line, popen, log)
        finally:
            popen.kill()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end


def certificate(folder: Path) -> tuple[Path, Path]:
    """Of localhost, by itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
