"""Speed, recall and footprint of minidb beside its peers, interleaved in one run: `python -m benchmarks --quick`.

Importing this package imports nothing else: `__main__` must set the number of BLAS threads before numpy is loaded.
"""
