"""The README and every page of minidb/docs run as they stand, twice in one folder: a reader does the same.

Services and downloaded models are played (`docs_services`), nothing leaves this machine. How blocks run: `docs_pages`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from cli import docs_services
from cli.docs_pages import LEFT_TO_CI, PAGES, ROOT, Block, Reading, blocks
from inference.local_models import write_static_model

from minidb import inference
from minidb.cli import main

DOCS = ROOT / "minidb" / "docs"
KEYS = ("openai", "cohere", "jina", "openrouter", "voyage")


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> docs_services.Services:
    """No network, but all the services of the pages; their files, keys and models."""
    services = docs_services.play(monkeypatch)
    monkeypatch.setattr(inference._registry, "_providers", inference._registry._providers)  # to have them back after it
    for name in KEYS:
        monkeypatch.setenv(f"{name}_API_KEY".upper(), f"key-of-{name}")
    monkeypatch.setenv("INFERENCE_TOKEN", "token")
    monkeypatch.chdir(tmp_path)
    docs_services.write_pictures(tmp_path)
    write_static_model(tmp_path / "potion-base-8M")
    return services


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs_and_runs_again(page: Path, services: docs_services.Services) -> None:
    for _ in range(2):
        with Reading(page) as reading:
            reading.run()


def test_what_the_readme_prints(services: docs_services.Services, capsys: pytest.CaptureFixture[str]) -> None:
    with Reading(ROOT / "README.md") as reading:
        reading.run()
    assert capsys.readouterr().out.splitlines()[-1] == repr(
        ["A cake of dark chocolate", "Baking chocolate chip cookies", "Repairing a bicycle chain"]
    )
    assert reading.names["rescored"].points[0].id == 2


def test_every_model_of_the_page_finds_the_cake(
    services: docs_services.Services, capsys: pytest.CaptureFixture[str]
) -> None:
    searches = 0

    def check(names: dict[str, Any], statement: ast.stmt) -> None:
        nonlocal searches
        if (hits := names.pop("hits", None)) is not None:
            assert hits[0].id == 2, ast.unparse(statement)  # every question is for the chocolate cake
            searches += 1

    with Reading(DOCS / "models.md", check) as reading:
        reading.run()
    assert searches == 19
    printed = capsys.readouterr().out.splitlines()
    assert "6 3 {'openai/text-embedding-3-small': 15}" in printed
    assert printed[-4:-1] == ["tokens [2, 1]", "terms [2]", "image [2, 1]"]
    assert printed[-1] == "4 0 {}"
    keys_sent = {host: {each.headers.get("authorization") for each in asked} for host, asked in services.asked.items()}
    assert keys_sent == {
        "api.openai.com": {"Bearer key-of-openai"},
        "api.cohere.com": {"Bearer key-of-cohere"},
        "api.jina.ai": {"Bearer key-of-jina"},
        "openrouter.ai": {"Bearer key-of-openrouter"},
        "ai.mongodb.com": {"Bearer key-of-voyage"},
        "localhost": {None},
    }


def test_every_option_of_the_server_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("options:")[2]))
    told = "".join(page.read_text("utf-8") for page in PAGES)
    assert options - {"--help"} - set(re.findall(r"--[a-z-]+", told)) == set()


def test_the_readme_is_what_a_reader_wants_first() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 250


def test_every_page_is_linked_from_the_readme_and_every_link_leads_somewhere() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [page.name for page in PAGES[1:] if f"minidb/docs/{page.name}" not in readme] == []
    for page in [*PAGES, ROOT / "benchmarks" / "README.md"]:
        for target, anchor in re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text("utf-8")):
            there = page.parent / target if target else page
            assert there.exists(), f"{page.name} links {target}"
            if anchor:
                assert anchor in _anchors(there), f"{page.name} links {target}#{anchor}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_texts_that_name_an_extra_name_this_distribution() -> None:
    names = {"minidb-vector", "."}
    for path in [*PAGES, *(path for room in ("minidb", "benchmarks") for path in (ROOT / room).rglob("*.py"))]:
        asked = re.findall(r"pip install (?:-e )?'([^'\[]+)\[", path.read_text("utf-8"))
        assert set(asked) <= names, path


@pytest.mark.parametrize(
    ("source", "info"),
    [
        ("1 / 0\n", "python"),
        ("exit 3\n", "sh"),
        ("pip install 'minidb-vector[no-such-extra]'\n", "sh"),
        ("func nothing() {}\n", "go from=tests/test_package.py"),
        ("{\n", "json"),
        ("main()\n", "go"),
        pytest.param("x = \n", "toml", marks=pytest.mark.skipif("sys.version_info < (3, 11)")),
    ],
)
def test_a_block_that_fails_is_noticed(source: str, info: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(f"A page\n\n```{info}\n{source}```\n")
    with Reading(page) as reading, pytest.raises(Exception, match=r"page\.md, block in line 4"):
        reading.run()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_block_is_overlooked(page: Path) -> None:
    fences = re.findall(r"^\s*(?:```|~~~)", page.read_text("utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(blocks(page))


def test_blocks_are_found_with_their_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"text\n\n```sh\ntrue\n```\n\n{LEFT_TO_CI}\n```sh\nfalse\n```\n")
    assert blocks(page) == [Block("sh", "true\n", 4, False), Block("sh", "false\n", 9, True)]
