"""A process that makes snapshots, or restores from them, again and again until it is killed; a line for each.

python restorer.py create|restore PATH URL...
"""

from __future__ import annotations

import sys
from itertools import cycle

from minidb import QdrantClient


def main(what: str, path: str, *urls: str) -> None:
    with QdrantClient(path) as client:
        for url in cycle(urls or [""]):
            if what == "create":
                client.create_snapshot("c")
            else:
                client.recover_snapshot("c", url)
            print(url, flush=True)
            sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
