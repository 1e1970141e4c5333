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
        seed: runs the small program that the documentation shows, if there is one.
        is_quick: whether it takes no more than about a minute on a machine that has built nothing before.
    """

    tools: tuple[str, ...]
    build: tuple[str, ...]
    run: tuple[str, ...]
    is_quick: bool
    seed: tuple[str, ...] = ()


LANGUAGES = {
    "ts": Language(
        ("node", "npm", "npx"),
        ("npm", "install", "--no-save", "--no-audit", "--no-fund", "--no-package-lock"),
        ("npx", "tsx", "main.ts"),
        is_quick=True,
        seed=("npx", "tsx", "seed.ts"),
    ),
    "java": Language(
        ("javac", "mvn"),
        ("mvn", "-q", "-B", "-Dstyle.color=never", "compile"),
        ("mvn", "-q", "-B", "-Dstyle.color=never", "exec:java"),
        is_quick=True,
        seed=("mvn", "-q", "-B", "-Dstyle.color=never", "exec:java", "-Dexec.mainClass=demo.Seed"),
    ),
    "go": Language(
        ("go",),
        ("go", "build", "-mod=mod", "-o", "./bin/", "./..."),
        ("./bin/recipes",),
        is_quick=True,
        seed=("./bin/seed",),
    ),
    "rust": Language(
        ("cargo",),
        ("cargo", "build", "--quiet"),
        ("cargo", "run", "--quiet", "--bin", "recipes"),
        is_quick=False,
        seed=("cargo", "run", "--quiet", "--bin", "seed"),
    ),
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
        pytest.skip(f"not asked for, or takes long to build: MINIDB_LANGUAGES={name} runs it")
    folder = tmp_path / name
    shutil.copytree(FOLDER / name, folder)
    built = _done(language.build, folder)
    if built.returncode and _UNREACHABLE.search(built.stdout + built.stderr):
        pytest.skip("the packages cannot be reached")
    assert built.returncode == 0, built.stdout + built.stderr
    key = "key of the test"
    with server_process(tmp_path, "--memory", env=os.environ | {"MINIDB_API_KEY": key}) as server:
        where = {"MINIDB_GRPC_PORT": server.grpc_address.rpartition(":")[2], "MINIDB_API_KEY": key}
        ran = _done(language.run, folder, **where)
        shown = _done(language.seed, folder, **where) if language.seed else None
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = [line for line in _lines(ran) if line.startswith(("ok ", "OK"))]
    assert [line.removeprefix("ok ") for line in told if line != "ok vectors come back"] == [*STEPS, "OK"]
    assert "compatib" not in (ran.stdout + ran.stderr).lower(), ran.stderr  # no client warns of the server's version
    if shown is not None:
        assert any(re.match("found .*1", line) for line in _lines(shown)), shown.stdout + shown.stderr


def _lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a program printed, without the colours some tools put around it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()
