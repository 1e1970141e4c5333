"""The command `minidb`, also as `python -m minidb`: `cli.main`, and no traceback where Ctrl-C falls before it."""

import signal
import sys


def main() -> int:
    """Run the process's command line and return the exit code."""
    ours = signal.getsignal(signal.SIGINT)
    if ours is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is open yet: the process may end where it is
    from minidb.cli import main as run

    if ours is signal.default_int_handler:
        signal.signal(signal.SIGINT, ours)
    return run()


if __name__ == "__main__":
    sys.exit(main())
