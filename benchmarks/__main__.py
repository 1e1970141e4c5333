"""`python -m benchmarks`: settle how many threads numpy's products may use, then run the command line.

One BLAS thread, unless the environment already says otherwise: single queries are compared, and two processes' worth of
BLAS threads on few cores measure the scheduler instead.
"""

import os
import sys

for _variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

if __name__ == "__main__":
    from benchmarks.cli import main

    sys.exit(main())
