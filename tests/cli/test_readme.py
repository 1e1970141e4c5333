"""The README's Python runs as it stands, one block after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from minidb.cli import main

README = Path(__file__).parents[2] / "README.md"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed[:3]] == ["3", "1", "3"]
    assert "FacetValueHit(value='en', count=2)" in printed[3]
    assert printed[4].startswith("query")
    assert [hit.id for hit in names["by_words"].points] == [2, 0]
    assert names["rescored"].points[0].id == names["hybrid"].points[0].id == 2


def test_every_option_of_the_server_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("options:")[2]))
    section = README.read_text("utf-8").partition("### As a server")[2].partition("\n### ")[0]
    assert options - {"--help"} <= set(re.findall(r"--[a-z-]+", section))
