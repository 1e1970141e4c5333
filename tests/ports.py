"""Ports for servers that need to know theirs before they start."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable

_FIRST_OF_CONNECTIONS = 32_768
"""From here on Linux gives ports to whoever connects: one that is free now may not be a moment later."""


def free_ports(usual: Iterable[int]) -> dict[str, str]:
    """A free port in place of each usual one, as far from each other: a server takes the port after its own, too."""
    wanted = {port + after for port in usual for after in (0, 1)}
    while True:
        shift = random.randrange(1_024 - min(wanted), _FIRST_OF_CONNECTIONS - max(wanted))
        if all(_is_free(port + shift) for port in wanted):
            return {str(port): str(port + shift) for port in wanted}


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
