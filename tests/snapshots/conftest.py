"""A store with all its doors, once in memory and once on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from snapshot_world import Doors, opened


@pytest.fixture(params=["memory", "durable"])
def doors(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Doors]:
    with opened(":memory:" if request.param == "memory" else tmp_path / "store") as doors:
        yield doors
