from __future__ import annotations

from collections.abc import Iterator

import pytest
from provider_service import Service


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()
