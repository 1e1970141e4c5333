"""The README's Python runs as it stands, one block after the other: services and downloaded models are played."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from minidb.cli import main

README = Path(__file__).parents[2] / "README.md"
KEYS = ("openai", "cohere", "jina", "openrouter", "voyage")


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No network, but all the services of the README; its files, keys and models."""
    import readme_services as played
    from inference.local_models import write_static_model

    from minidb import inference

    services = played.play(monkeypatch)
    monkeypatch.setattr(inference._registry, "_providers", inference._registry._providers)  # to have them back after it
    for name in KEYS:
        monkeypatch.setenv(f"{name}_API_KEY".upper(), f"key-of-{name}")
    monkeypatch.setenv("INFERENCE_TOKEN", "token")
    monkeypatch.chdir(tmp_path)
    played.write_pictures(tmp_path)
    write_static_model(tmp_path / "potion-base-8M")
    return services


def test_the_examples_run(services: Any, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    blocks = [block for block in blocks if not block.startswith("# ")]  # those are files; see test_pytest_plugin.py
    names: dict[str, Any] = {"__name__": "readme"}
    searches = 0
    for statement in ast.parse("".join(blocks)).body:
        names.pop("hits", None)
        exec(compile(ast.Module([statement], []), "README.md", "exec"), names)
        if "hits" in names:
            assert names["hits"][0].id == 2, ast.unparse(statement)  # every question is for the chocolate cake
            searches += 1
    assert searches == 19
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:3]] == ["3", "1", "3"]
    assert "FacetValueHit(value='en', count=2)" in printed[3]
    assert printed[4].startswith("query")
    assert [hit.id for hit in names["by_words"].points] == [2, 0]
    assert names["rescored"].points[0].id == names["hybrid"].points[0].id == 2
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
    section = README.read_text("utf-8").partition("### As a server")[2].partition("\n### ")[0]
    section += (README.parent / "minidb" / "docs" / "grpc.md").read_text("utf-8")
    assert options - {"--help"} <= set(re.findall(r"--[a-z-]+", section))
