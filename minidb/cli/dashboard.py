"""`minidb dashboard`: a store's page in the browser, served to this machine only, until SIGINT or SIGTERM.

Opens only what is a store already. Called by `main`.
"""

from __future__ import annotations

import argparse
import signal
import webbrowser
from contextlib import closing

from minidb.database import Database
from minidb.errors import NotFound
from minidb.server import Server, Settings


def run(arguments: argparse.Namespace) -> None:
    """Listen on loopback, say where, open the browser, answer until told to stop. Raises NotFound without a store."""
    if not (arguments.path / "data.mdb").is_file():
        raise NotFound(f"there is no store at {arguments.path}")
    settings = Settings(port=arguments.port, web_ui=arguments.web_ui)
    with closing(Database(arguments.path, arguments.durability)) as database, Server(database, settings) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        page = f"{server.url}/dashboard/"
        print(f"minidb shows {arguments.path} at {page}, Ctrl-C ends it", flush=True)
        if not arguments.no_browser:
            webbrowser.open(page)  # it listens already; the first request waits until `run` answers
        server.run()
