from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for provider_service, whatever pytest's import mode

from provider_service import Service


@pytest.fixture(scope="session")
def _service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()


@pytest.fixture
def service(_service: Service) -> Service:
    """The loopback service, with nothing to answer and nothing received yet."""
    _service.reset()
    return _service
