"""The command `minidb`, through `main` and once as a process of its own, on a shortened corpus."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minidb import QdrantClient, __version__
from minidb.cli import demo, main
from minidb.cli.corpus import SENTENCES

N = 150
TIMED = demo._timed


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(demo, "_timed", lambda search, client, question: (search(client, question), 0.25))


def test_a_search_is_timed() -> None:
    hits, ms = TIMED(lambda client, question: [client, question], "client", "question")
    assert hits == ["client", "question"]
    assert ms > 0


def run_demo(path: Path, *more: str) -> int:
    return main(["demo", "--path", str(path), "--durability", "off", "--limit", str(N), *more])


def hits(output: str) -> list[str]:
    return [line for line in output.splitlines() if re.search(r"\d\.\d{3}\s", line)]


def state(output: str) -> str:
    return output.splitlines()[2].split(" in ")[0]


class TestDemo:
    def test_the_second_run_opens_the_store_and_finds_the_same(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run_demo(tmp_path) == 0
        first = capsys.readouterr().out
        monkeypatch.setattr(QdrantClient, "upsert", None)  # would fail
        assert run_demo(tmp_path) == 0
        second = capsys.readouterr().out
        assert (state(first), state(second)) == ("indexed", "opened")
        assert hits(first) == hits(second)
        assert len(hits(first)) >= 3 * len(demo.QUESTIONS)

    def test_without_a_path_nothing_is_left_behind(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["demo", "--limit", str(N)]) == 0
        assert "--path DIR" in capsys.readouterr().out.splitlines()[-1]
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
    def test_interrupted_indexing_is_completed(
        self,
        failure: Any,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        upsert = QdrantClient.upsert

        def fail_at_the_second(self: QdrantClient, name: str, points: Any) -> Any:
            if self.count(name).count:
                raise failure
            return upsert(self, name, points)

        monkeypatch.setattr(demo, "_BATCH", 64)
        with monkeypatch.context() as patch:
            patch.setattr(QdrantClient, "upsert", fail_at_the_second)
            assert run_demo(tmp_path / "broken") == (130 if failure is KeyboardInterrupt else 1)
        message = capsys.readouterr().err
        assert ("interrupted" if failure is KeyboardInterrupt else "No space left") in message

        assert run_demo(tmp_path / "broken") == 0
        recovered = capsys.readouterr().out
        assert run_demo(tmp_path / "whole") == 0
        assert state(recovered) == f"completed ({N - 64} passages were missing)"
        assert hits(recovered) == hits(capsys.readouterr().out)

    def test_another_corpus_is_indexed_anew(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run_demo(tmp_path)
        capsys.readouterr()
        assert main(["demo", "--path", str(tmp_path), "--limit", "50"]) == 0
        assert state(capsys.readouterr().out) == "indexed"
        with QdrantClient(tmp_path) as client:
            assert client.count(demo.COLLECTION).count == 50

    def test_a_collection_of_that_name_made_by_others_is_left_alone(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with QdrantClient(tmp_path) as client:
            client.create_collection(demo.COLLECTION, vectors_config={})
        assert run_demo(tmp_path) == 1
        assert "was not made by the demo" in capsys.readouterr().err

    def test_a_question_of_ones_own_replaces_the_built_in_ones_and_needs_no_quotes(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["demo", "--limit", str(N), "what", "does", "yield", "from", "do"]) == 0
        output = capsys.readouterr().out
        assert "\n1. what does yield from do\n" in output
        assert "\n2. " not in output
        assert demo.QUESTIONS[0] not in output

    def test_a_question_nobody_can_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["demo", "--limit", str(N), "zzzz"]) == 0
        assert "(nothing found)" in capsys.readouterr().out

    @pytest.mark.parametrize("columns", [50, 72, 100, 300])
    def test_every_line_fits_the_terminal(
        self, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["demo", "--limit", str(N)]) == 0
        tables = capsys.readouterr().out.split("\n\n")[1:-2]
        assert len(tables) == len(demo.QUESTIONS)
        assert max(len(line) for table in tables for line in table.splitlines()) <= min(columns, 100)

    @pytest.mark.parametrize("is_terminal", [True, False])
    def test_the_bar_is_drawn_on_terminals_only(self, is_terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        stream = io.StringIO()
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["demo", "--limit", str(N), "question"]) == 0
        assert (f"{N}/{N}" in stream.getvalue()) == is_terminal
        assert bool(stream.getvalue()) == is_terminal

    def test_passages_that_overlap_a_better_hit_are_not_shown(self) -> None:
        with QdrantClient(":memory:") as client:
            demo._ensure_indexed(client, demo._corpus(None)[:200])
            shown = demo._apart(demo.by_both(client, "evaluation of an assignment"))
        places = [(hit.payload["topic"], hit.payload["position"]) for hit in shown if hit.payload]
        assert len(places) > 1
        assert all(
            topic != other or abs(position - before) >= SENTENCES
            for n, (topic, position) in enumerate(places)
            for other, before in places[:n]
        )


class TestInfo:
    def test_collections_are_listed(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        run_demo(tmp_path)
        capsys.readouterr()
        assert main(["info", "--path", str(tmp_path)]) == 0
        head, _, _, _, row = capsys.readouterr().out.splitlines()
        assert "1 collection, " in head
        assert row.split() == (
            f"{demo.COLLECTION} green {N} 0 large 1024 Cosine, small 64 Cosine, bm25 sparse idf".split()
        )

    def test_an_empty_store_has_no_table(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)  # a line is cut where it is too long
        QdrantClient(path="store").close()
        assert main(["info", "--path", "store"]) == 0
        assert re.fullmatch(r".*: 0 collections, \d+\.\d MB on disk\n", capsys.readouterr().out)

    def test_a_path_without_a_store_is_an_error_and_stays_as_it_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["info", "--path", str(tmp_path / "nothing")]) == 1
        assert capsys.readouterr().err == f"minidb: Not found: there is no store at {tmp_path / 'nothing'}\n"
        assert list(tmp_path.iterdir()) == []


class TestUsage:
    @pytest.mark.parametrize(
        "argv",
        [
            [],
            ["bogus"],
            ["info"],
            ["info", "--path", "x", "--url", "y"],
            ["demo", "--limit", "0"],
            ["demo", "--limit", "x"],
            ["demo", "--durability", "x"],
        ],
    )
    def test_wrong_usage_exits_with_2(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit_:
            main(argv)
        assert exit_.value.code == 2
        assert "usage: minidb" in capsys.readouterr().err

    def test_without_a_command_the_commands_are_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main([])
        assert "\n  collections  the names" in capsys.readouterr().err

    def test_options_before_the_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit_:
            main(["--path", "db", "info"])
        assert exit_.value.code == 2
        assert "a command comes first: minidb COMMAND … --path …" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("argv", "hint"),
        [
            (["info", ""], "a name has a character at least"),
            (["count", "c", "--filter", "n < 3"], """; for instance '{"must": [{"key":"""),
            (["count", "c", "--filter", "[]"], """; for instance '{"must": [{"key":"""),
        ],
    )
    def test_a_wrong_argument_is_told_what_was_expected(
        self, argv: list[str], hint: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as exit_:
            main([*argv, "--path", "db"])
        assert exit_.value.code == 2
        assert hint in capsys.readouterr().err

    def test_errors_are_one_line_without_a_traceback(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        assert run_demo(tmp_path / "file") == 1
        assert re.fullmatch(r"minidb: .*file.*\n", capsys.readouterr().err)

    def test_as_a_process(self, tmp_path: Path) -> None:
        def call(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "minidb", *argv]
            return subprocess.run(
                command, capture_output=True, text=True, check=False, env=os.environ | environment, encoding="utf-8"
            )

        assert call("--version").stdout == f"minidb {__version__}\n"
        done = call("demo", "--path", str(tmp_path / "db"), "--limit", str(N), PYTHONIOENCODING="ascii")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.isascii()
        failed = call("info", "--path", str(tmp_path / "missing"))
        assert (failed.returncode, failed.stdout) == (1, "")
        assert "Traceback" not in failed.stderr


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("module", ["minidb.cli", "argparse", "minidb.cli.info", "httpx", "minidb.database", "lmdb"])
def test_an_interrupt_while_modules_are_loaded(module: str, tmp_path: Path) -> None:
    """Loading takes the longest of a short command, so that is where Ctrl-C falls."""
    QdrantClient(tmp_path / "store", durability="off").close()
    program = f"""
import importlib.abc, os, signal, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
import minidb.__main__
sys.modules.pop({module!r}, None)
sys.meta_path.insert(0, Finder())
sys.argv = ["minidb", "info", "--path", {str(tmp_path / "store")!r}]
sys.exit(minidb.__main__.main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) in ((-signal.SIGINT, ""), (130, "minidb: interrupted\n"))
