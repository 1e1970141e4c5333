"""The command `minidb`, also as `python -m minidb`: `cli.main`, and no traceback where Ctrl-C falls before it."""

import signal
import sys

_WITHOUT_ARRAYS = {"completion", "-h", "--help", "--version"}
"""What is fast because it loads little; all else needs arrays and JSON."""


def main() -> int:
    """Run the process's command line and return the exit code."""
    ours = signal.getsignal(signal.SIGINT)
    if ours is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is open yet: the process may end where it is
    from minidb.cli import main as run

    if _WITHOUT_ARRAYS.isdisjoint(sys.argv[1:]):
        import numpy  # noqa: F401 - here, since an interrupt while one of these is loaded may end the process by a fault
        import orjson  # noqa: F401

    if ours is signal.default_int_handler:
        signal.signal(signal.SIGINT, ours)
    return run()


if __name__ == "__main__":
    sys.exit(main())
