"""Programs in other languages, each with its own Qdrant client, against `minidb serve` over gRPC.

Ours, and all snippets of Qdrant's page on inference (`seed_programs.py`) in Go, Java and Rust. They are built from
their registries into a folder that is thrown away; a language whose toolchain is missing, or whose registry cannot be
reached, is skipped with the reason. Those that take long to build run when they are asked for:

    MINIDB_LANGUAGES=all python -m pytest -rs tests/doors/test_languages.py
    MINIDB_LANGUAGES=go,rust python -m pytest -rs tests/doors/test_languages.py
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import seed_programs
import seed_snippets
from cli import docs_services
from serving import grpc_port, server_process, serving

from minidb import QdrantClient

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
        snippets: runs those of Qdrant's page, where they are written for gRPC.
        is_quick: whether it takes no more than about a minute on a machine that has built nothing before.
    """

    tools: tuple[str, ...]
    build: tuple[str, ...]
    run: tuple[str, ...]
    is_quick: bool
    seed: tuple[str, ...] = ()
    snippets: tuple[str, ...] = ()


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
        snippets=("mvn", "-q", "-B", "-Dstyle.color=never", "exec:java", "-Dexec.mainClass=snippets.Snippets"),
    ),
    "go": Language(
        ("go",),
        ("go", "build", "-mod=mod", "-o", "./bin/", "./..."),
        ("./bin/recipes",),
        is_quick=True,
        seed=("./bin/seed",),
        snippets=("./bin/snippets",),
    ),
    "rust": Language(
        ("cargo",),
        ("cargo", "build", "--quiet"),
        ("cargo", "run", "--quiet", "--bin", "recipes"),
        is_quick=False,
        seed=("cargo", "run", "--quiet", "--bin", "seed"),
        snippets=("cargo", "run", "--quiet", "--bin", "snippets"),
    ),
    "csharp": Language(
        ("dotnet",),
        ("dotnet", "build"),
        ("dotnet", "run", "--no-build"),
        is_quick=False,
        seed=("dotnet", "run", "--project", "seed"),
    ),
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


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds a language's programs, all of them at once, and gives their folder; skips the test if that cannot be."""

    @functools.cache
    def build(name: str) -> Path:
        language, wanted = LANGUAGES[name], os.environ.get("MINIDB_LANGUAGES", "")
        missing = [tool for tool in language.tools if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"{', '.join(missing)} is not installed")
        if not (language.is_quick if not wanted else wanted == "all" or name in wanted.split(",")):
            pytest.skip(f"not asked for, or takes long to build: MINIDB_LANGUAGES={name} runs it")
        folder = tmp_path_factory.mktemp("languages") / name
        shutil.copytree(FOLDER / name, folder)
        if name in seed_programs.WRITE:
            seed_programs.WRITE[name](folder)
        done = _done(language.build, folder)
        if done.returncode and _UNREACHABLE.search(done.stdout + done.stderr):
            pytest.skip("the packages cannot be reached")
        assert done.returncode == 0, done.stdout + done.stderr
        return folder

    return build


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_program(name: str, built: Callable[[str], Path], tmp_path: Path) -> None:
    language, folder = LANGUAGES[name], built(name)
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


@pytest.mark.parametrize("name", seed_programs.WRITE)
def test_the_snippets_of_qdrants_page(
    name: str, built: Callable[[str], Path], services: docs_services.Services, caplog: pytest.LogCaptureFixture
) -> None:
    folder = built(name)
    key = None if name == "rust" else seed_snippets.KEY  # most of Rust's bring none
    with (
        QdrantClient(":memory:") as client,
        serving(client._database, api_key=key, grpc_port=0) as server,
    ):
        for topic, settings in seed_snippets.COLLECTIONS.items():
            client.create_collection(topic, **settings)
        with caplog.at_level(logging.INFO, "minidb.access"):
            ran = _done(LANGUAGES[name].snippets, folder, MINIDB_GRPC_PORT=str(grpc_port(server)))
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert all(client.count(topic).count == 1 for topic in seed_snippets.COLLECTIONS)
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "minidb.access"]
    calls = [(line["route"], line["status"]) for line in lines if line["method"] == "GRPC"]
    assert [call for call in calls if call[0] != "/qdrant.Qdrant/HealthCheck"] == [
        (f"/qdrant.Points/{rpc}", 0) for rpc in _rpcs_of_the_snippets()
    ]
    assert len(re.findall(r"\b[Nn]um\W+1\b", ran.stdout + ran.stderr)) == 2  # two of them show what they found
    asked = Counter({host: len(requests) for host, requests in services.asked.items()})
    assert asked == sum((Counter(of_topic) for of_topic in seed_snippets.ASKED.values()), Counter())


def _rpcs_of_the_snippets() -> list[str]:
    """What they call, in their order; most of them throw the answer away."""
    rpcs = {"upsert": ["Upsert"], "query": ["Query"], "models": ["Upsert"]}
    return [rpc for name in seed_snippets.snippets("go") for rpc in rpcs.get(name.split()[-1], ["Upsert", "Query"])]


def _lines(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a program printed, without the colours some tools put around it."""
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout).splitlines()
