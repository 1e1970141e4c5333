"""For PyInstaller, which finds this by the entry point `pyinstaller40`: a frozen program has minidb's data, too."""

from __future__ import annotations

from pathlib import Path


def hook_dirs() -> list[str]:
    """Where `hook-minidb.py` is."""
    return [str(Path(__file__).parent)]
