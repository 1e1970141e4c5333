"""`python -m minidb`, the same as the command `minidb`."""

import sys

from minidb.cli import main

if __name__ == "__main__":
    sys.exit(main())
