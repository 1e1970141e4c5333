"""The pages a user reads, as programs: every code block of a page runs, in order, in one folder and one namespace.

| block | what happens |
|---|---|
| `python` | runs; one whose first line is `# name.py` is written to that file instead |
| `sh` | runs under bash; one that ends with `minidb serve …` (or `dashboard`) stays to the page's end, on free ports |
| `toml`, `json` | must parse; `# name.toml` is written to that file |
| `text` | is no code |
| any other | names the file it is an excerpt of, `LANGUAGE from=tests/…`; that file's own test runs it |

A server's ports are those of the block, 6330 to 6349, shifted to free ones; so a page writes them out in full.
Files named `test_*.py` are given to pytest at the end. A comment `<!-- run by .ci/run -->` before a block leaves it to
that script, which takes the block from the page.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ports import free_ports

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "minidb" / "docs").rglob("*.md"))]
LEFT_TO_CI = "<!-- run by .ci/run -->"

_FENCED = re.compile(r"^(?P<before>[^\n]*)\n+```(?P<info>[^\n]*)\n(?P<source>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.(?:py|toml))\n")
_SERVES = re.compile(r"^minidb (?:serve|dashboard)\b(?:[^\n\\]|\\\n)*\Z", re.MULTILINE)
_PORT = re.compile(r"\b63[34]\d\b")
_SECONDS = 120


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is the page's line of its first line of code."""

    info: str
    source: str
    line: int
    left_to_ci: bool

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.source)
        return found[1] if found else None


def blocks(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(
            found["info"],
            found["source"],
            text.count("\n", 0, found.start("source")) + 1,
            found["before"] == LEFT_TO_CI,
        )
        for found in _FENCED.finditer(text)
    ]


class Reading:
    """One run through a page in the current folder. `names` is what its Python has defined so far."""

    def __init__(self, page: Path, after_statement: Callable[[dict[str, Any], ast.stmt], None] | None = None) -> None:
        self.names: dict[str, Any] = {"__name__": page.stem}
        self._page = page
        self._after_statement = after_statement
        self._servers: list[subprocess.Popen[str]] = []
        found = blocks(page)
        if any(_SERVES.search(block.source.rstrip()) for block in found if block.language == "sh"):
            self._ports = free_ports({6333, *(int(port) for each in found for port in _PORT.findall(each.source))})
        else:
            self._ports = {}
        self._blocks = found

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.terminate()
            server.communicate(timeout=_SECONDS)

    def run(self) -> None:
        """Run the blocks. What fails names the page and the line."""
        for block in self._blocks:
            if not block.left_to_ci:
                with self._place(block):
                    self._run(block)
        tests = [block.file for block in self._blocks if block.file and block.file.startswith("test_")]
        if tests:
            self._call([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests])

    def _run(self, block: Block) -> None:
        source = _PORT.sub(lambda found: self._ports.get(found[0], found[0]), block.source)
        if "from=" in block.info:
            _check_excerpt(block)
        elif block.file:
            Path(block.file).write_text(source)
        elif block.language == "python":
            self._run_python(block, source)
        elif block.language == "sh":
            self._run_shell(source)
        elif block.language == "toml":
            _parse_toml(source)
        elif block.language == "json":
            json.loads(source)
        elif block.language != "text":
            raise AssertionError(f"nobody runs a block of {block.language!r}: say from=FILE")

    def _run_python(self, block: Block, source: str) -> None:
        tree = ast.parse(source, self._page.name)
        ast.increment_lineno(tree, block.line - 1)
        for statement in tree.body:
            exec(compile(ast.Module([statement], []), str(self._page), "exec"), self.names)
            if self._after_statement:
                self._after_statement(self.names, statement)

    def _run_shell(self, source: str) -> None:
        source = source.replace("0.0.0.0", "127.0.0.1").rstrip()
        if not _SERVES.search(source):
            self._call(["bash", "-euo", "pipefail", "-c", source])
            return
        source = _SERVES.sub(lambda found: f"exec {found[0]}{self._listen(found[0])}", source)
        server = subprocess.Popen(
            ["bash", "-euc", source], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=_environment()
        )
        self._servers.append(server)
        assert server.stdout
        line = server.stdout.readline()  # it says so once it listens
        assert "http" in line, f"{source} ended"

    def _listen(self, command: str) -> str:
        """The options that keep a server off the usual ports, which the machine may use."""
        return "" if "--port" in command else f" --port {self._ports['6333']}"

    def _call(self, command: list[str]) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS, env=_environment()
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"

    @contextmanager
    def _place(self, block: Block) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            error.args = (f"{self._page.name}, block in line {block.line}: {error}", *error.args[1:])
            raise


def _environment() -> dict[str, str]:
    """This Python first, before it a `pip` that only checks what is asked; curl fails with a 4xx, no browser opens."""
    stand_ins = Path(__file__).parent / "stand_ins"
    path = os.pathsep.join([str(stand_ins), str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "CURL_HOME": str(stand_ins), "BROWSER": "true"}


def _check_excerpt(block: Block) -> None:
    origin = block.info.partition("from=")[2].split()[0]
    assert block.source in (ROOT / origin).read_text("utf-8"), f"{origin} does not contain the block"


def _parse_toml(source: str) -> None:
    if sys.version_info >= (3, 11):
        import tomllib

        tomllib.loads(source)
