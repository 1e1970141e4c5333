from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "providers")]  # for local_models, counting, …, whatever pytest's import mode

from local_models import ImageServer, image_server, write_static_model  # noqa: E402


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model that the real fastembed loads as minishlab/potion-base-8M."""
    return write_static_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def images() -> Iterator[ImageServer]:
    """A loopback server of images."""
    with image_server() as server:
        yield server


@pytest.fixture
def fresh_models() -> Iterator[None]:
    """No model is loaded or known before, none of the test's afterwards."""
    from minidb.inference import fastembed, weights

    fastembed.forget()
    weights.unload()
    yield
    fastembed.forget()
    weights.unload()
