"""Qdrant's own JavaScript client against `minidb serve`: the door works for other languages, too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from serving import PATIENCE_S, server_process

PACKAGE = "@qdrant/js-client-rest@1.19.0"
SCRIPT = Path(__file__).parent / "js" / "client.mjs"
_UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5 * PATIENCE_S)
    if any(code in done.stderr for code in _UNREACHABLE):
        pytest.skip("the npm registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def told(package: Path) -> dict[str, Any]:
    """What the script says after its session with a server."""
    env = os.environ | {"MINIDB_API_KEY": "key of the test"}
    with server_process(package, "--memory", env=env) as server:
        command = ["node", str(SCRIPT), server.url, str(package)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return {"warnings": done.stderr, **json.loads(done.stdout)}


def test_points_are_written_found_and_deleted(told: dict[str, Any]) -> None:
    assert told["created"] is told["dropped"] is True
    assert told["upserted"] == told["indexed"] == told["deleted"] == "completed"
    assert told["nearest"] == [0, 1, 2]
    assert told["filtered"] == [1, 3, 5]
    assert told["batch"] == [[0], [1]]
    assert told["pages"] == [list(range(8)), list(range(8, 16)), list(range(16, 20))]
    assert told["text"] == "ü€😀"
    assert told["left"] == 10
    assert told["collections"] == [{"name": "docs"}]


def test_errors_arrive_with_their_status(told: dict[str, Any]) -> None:
    assert told["createdAgain"] == {"status": 409, "text": "Wrong input: Collection `docs` already exists!"}
    assert told["missing"] == {"status": 404, "text": "Not found: Collection `missing` doesn't exist!"}
    assert told["wrongSize"]["status"] == 400
    assert told["withoutKey"]["status"] == 401


def test_the_client_takes_the_server_for_a_version_it_knows(told: dict[str, Any]) -> None:
    assert "compatib" not in told["warnings"].lower()
