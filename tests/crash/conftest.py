"""`--cycles N`: how often the crash tests kill a writer."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cycles", type=int, default=20, help="how many times a writing process is killed (default 20)")


@pytest.fixture
def cycles(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--cycles"))
