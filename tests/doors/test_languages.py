"""Programs in other languages, each with its own Qdrant client, against `minidb serve` over gRPC.

They are built from their registries into a folder that is thrown away; a language whose toolchain is missing, or whose
registry cannot be reached, is skipped with the reason. Those that take long to build run when they are asked for:

    MINIDB_LANGUAGES=all python -m pytest -rs tests/doors/test_languages.py
    MINIDB_LANGUAGES=go,rust python -m pytest -rs tests/doors/test_languages.py
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from serving import server_process

FOLDER = Path(__file__).parent / "languages"
_MINUTES = 15
_UNREACHABLE = re.compile(
    "ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|no such host|Could not resolve host"
    "|[Uu]nknown host|Temporary failure in name resolution|network is unreachable|i/o timeout|Connection timed out"
)
STEPS = [
    "health", "create", "create again", "upsert words", "upsert texts", "query words", "query texts",
    "short vectors first", "count", "scroll", "wrong dimension", "unknown collection", "delete",
]  # fmt: skip


@dataclass(frozen=True)
class Language:
    """How programs of a language are built and run, in their folder.

    Args:
        tools: the programs it takes.
        is_quick: whether it takes no more than about a minute on a machine that has built nothing before.
    """

    tools: tuple[str, ...]
    build: tuple[str, ...]
    run: tuple[str, ...]
    is_quick: bool


LANGUAGES = {
    "ts": Language(
        ("node", "npm", "npx"),
        ("npm", "install", "--no-save", "--no-audit", "--no-fund", "--no-package-lock"),
        ("npx", "tsx", "main.ts"),
        is_quick=True,
    ),
    "java": Language(
        ("javac", "mvn"),
        ("mvn", "-q", "-B", "-Dstyle.color=never", "compile"),
        ("mvn", "-q", "-B", "-Dstyle.color=never", "exec:java"),
        is_quick=True,
    ),
    "go": Language(("go",), ("go", "build", "-mod=mod", "-o", "recipes", "."), ("./recipes",), is_quick=True),
    "rust": Language(("cargo",), ("cargo", "build", "--quiet"), ("cargo", "run", "--quiet"), is_quick=False),
    "csharp": Language(("dotnet",), ("dotnet", "build"), ("dotnet", "run", "--no-build"), is_quick=False),
}


def _done(command: tuple[str, ...], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0]) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        cwd=folder,
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * _MINUTES,
    )


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_program(name: str, tmp_path: Path) -> None:
    language, wanted = LANGUAGES[name], os.environ.get("MINIDB_LANGUAGES", "")
    missing = [tool for tool in language.tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    if not (language.is_quick if not wanted else wanted == "all" or name in wanted.split(",")):
        pytest.skip(f"takes long to build: MINIDB_LANGUAGES={name} runs it")
    folder = tmp_path / name
    shutil.copytree(FOLDER / name, folder)
    built = _done(language.build, folder)
    if built.returncode and _UNREACHABLE.search(built.stdout + built.stderr):
        pytest.skip("the packages cannot be reached")
    assert built.returncode == 0, built.stdout + built.stderr
    key = "key of the test"
    with server_process(tmp_path, "--memory", env=os.environ | {"MINIDB_API_KEY": key}) as server:
        found = re.search(r"gRPC on 127\.0\.0\.1:(\d+)", server.first_line)
        assert found
        ran = _done(language.run, folder, MINIDB_GRPC_PORT=found[1], MINIDB_API_KEY=key)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = [line for line in ran.stdout.splitlines() if line.startswith(("ok ", "OK"))]
    assert [line.removeprefix("ok ") for line in told if line != "ok vectors come back"] == [*STEPS, "OK"]
    assert "compatib" not in (ran.stdout + ran.stderr).lower(), ran.stderr  # no client warns of the server's version
