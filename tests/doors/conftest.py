"""Fixtures of the doors' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli import docs_services

from minidb import address


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[docs_services.Services]:
    """Services, fastembed's models and the picture behind a URL are played, in this process."""
    services = docs_services.play(monkeypatch)
    from minidb.inference import fastembed, weights

    docs_services.write_pictures(tmp_path)
    picture = (tmp_path / "cake.png").read_bytes()
    monkeypatch.setattr("minidb.inference.fetch.fetch", lambda url, rules, context: picture)
    monkeypatch.setattr(address, "_stores", {})
    fastembed.forget()
    weights.unload()
    yield services
    fastembed.forget()
    weights.unload()
