"""Names of a package that are loaded when they are first asked for (PEP 562): importing it costs what is used of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def loader(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names are in other modules; each is looked up once.

    Args:
        homes: name → module it is in.
    """

    def load(name: str) -> Any:
        if name not in homes:
            from minidb.errors import hinted, nearest

            error = AttributeError(f"module {package!r} has no attribute {name!r}")
            hint = "" if name.startswith("_") else nearest(name, homes)
            raise hinted(error, hint) if hint else error
        value = getattr(import_module(homes[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
