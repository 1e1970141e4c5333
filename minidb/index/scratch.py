"""Memory a thread uses again for what it gathers: fresh pages cost more than the copy into them."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray


class _Scratch(threading.local):
    memory = np.empty(0, np.uint8)


_scratch = _Scratch()


def borrowed(n_bytes: int) -> NDArray[np.uint8]:
    """`(n_bytes,) uint8`, until the next call in this thread."""
    if len(_scratch.memory) < n_bytes:
        _scratch.memory = np.empty(n_bytes, np.uint8)
    return _scratch.memory[:n_bytes]
