"""`minidb dashboard`: a store's page in the browser, served to this machine only, until SIGINT or SIGTERM.

Opens only what is a store already. Called by `main`.
"""

from __future__ import annotations

import argparse
import signal
import webbrowser
from contextlib import closing

from minidb.cli import Commands, add_durability, add_web_ui, port
from minidb.cli.places import directory
from minidb.database import Database


def add_dashboard(commands: Commands) -> None:
    """Its arguments."""
    summary = "look at a store in the browser"
    dashboard = commands.add_parser("dashboard", help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    dashboard.add_argument("--path", type=directory, metavar="DIR", required=True, help="the store's directory")
    dashboard.add_argument("--port", type=port, default=0, help="default: a free one")
    dashboard.add_argument("--no-browser", action="store_true", help="only print the address")
    add_web_ui(dashboard)
    add_durability(dashboard)
    dashboard.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Listen on loopback, say where, open the browser, answer until told to stop. Raises NotFound without a store."""
    from minidb.cli.target import check_store  # completion needs none of it
    from minidb.server import Server, Settings

    check_store(arguments.path)
    settings = Settings(port=arguments.port, web_ui=arguments.web_ui)
    with closing(Database(arguments.path, arguments.durability)) as database, Server(database, settings) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        page = f"{server.url}/dashboard/"
        print(f"minidb shows {arguments.path} at {page}, Ctrl-C ends it", flush=True)
        if not arguments.no_browser:
            webbrowser.open(page)  # it listens already; the first request waits until `run` answers
        server.run()
    return 0
