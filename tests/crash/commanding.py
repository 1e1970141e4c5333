"""Runs a command of minidb's, and is killed at a given request: before it is sent, or when its answer has come.

python commanding.py STEP ARGUMENT …
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import httpx

from minidb.cli import main
from minidb.transport import Transport

Handle = Callable[[Any, httpx.Request], httpx.Response]


def killed_at(step: int) -> Callable[[Handle], Handle]:
    passed = 0

    def pass_by() -> None:
        nonlocal passed
        if passed == step:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    def wrap(handle: Handle) -> Handle:
        def run(self: Any, request: httpx.Request) -> httpx.Response:
            pass_by()
            response = handle(self, request)
            pass_by()
            return response

        return run

    return wrap


if __name__ == "__main__":
    wrap = killed_at(int(sys.argv[1]))
    for transport in (Transport, httpx.HTTPTransport):
        transport.handle_request = wrap(transport.handle_request)  # type: ignore[method-assign]
    sys.exit(main(sys.argv[2:]))
