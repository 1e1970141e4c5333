"""Commands on a store and on a server: the same words, the same answers."""

from __future__ import annotations

import datetime
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from doors.serving import certificate, server_in_a_thread

from minidb import QdrantClient, models
from minidb.cli import COMMANDS, main, transfer
from minidb.cli.target import Target

ROWS = [
    {"id": 1, "text": "A cake of dark chocolate", "minutes": 70},
    {"id": 2, "text": "Bread without kneading", "minutes": 900},
    {"id": 3, "text": "Chocolate chip cookies", "minutes": 35},
]
DOCUMENTS = ["--document", "text=Qdrant/bm25:words", "--document", "text=minidb/hash-64:dense"]
SHORT = json.dumps({"must": [{"key": "minutes", "range": {"lt": 60}}]})

MISSPELT = SHORT.replace("must", "mst")

Call = Callable[..., str]


def _npy(array: Any) -> bytes:
    np.save(stream := io.BytesIO(), array)
    return stream.getvalue()


def _npz(**arrays: Any) -> bytes:
    np.savez(stream := io.BytesIO(), **arrays)
    return stream.getvalue()


@pytest.fixture(params=["--path", "--url"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[str]]:
    """A store in a directory, or behind a server."""
    if request.param == "--path":
        yield ["--path", str(tmp_path / "store")]
        return
    with server_in_a_thread() as url:
        yield ["--url", url]


@pytest.fixture
def call(where: list[str], capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command there and return what it printed; `code` is what it shall exit with."""

    def call(*argv: str, code: int = 0) -> str:
        assert main([*argv, *where]) == code
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return call


@pytest.fixture
def recipes(call: Call, tmp_path: Path) -> Path:
    """The file of recipes, imported."""
    file = tmp_path / "recipes.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    call("import", "recipes", str(file), *DOCUMENTS)
    return file


def found(output: str) -> list[int]:
    return [hit["id"] for hit in json.loads(output)]


class TestSearch:
    def test_a_text_is_embedded_by_the_model_it_was_imported_with(self, call: Call, recipes: Path) -> None:
        assert found(call("search", "recipes", "chocolate", "cake", "--using", "words", "--json")) == [1, 3]
        assert found(call("search", "recipes", "chocolate", "cake", "--using", "dense", "--json"))[0] == 1
        same = call("search", "recipes", "bread", "--using", "dense", "--model", "minidb/hash-64", "--json")
        assert found(same)[0] == 2

    def test_a_point_and_a_filter(self, call: Call, recipes: Path) -> None:
        assert found(call("search", "recipes", "--id", "1", "--using", "words", "--json")) == [3]
        assert found(call("search", "recipes", "cake", "--using", "dense", "--filter", SHORT, "--json")) == [3]
        assert len(found(call("search", "recipes", "cake", "--using", "dense", "--limit", "2", "--json"))) == 2

    def test_a_vector_from_a_file_or_from_standard_input(
        self, call: Call, recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        vector = json.loads(call("get", "recipes", "2", "--with-vectors", "--json"))[0]["vector"]["dense"]
        (tmp_path / "v.json").write_text(json.dumps(vector))
        np.save(tmp_path / "v.npy", np.array(vector))
        for file in ("v.json", "v.npy"):
            search = ("search", "recipes", "--vector", str(tmp_path / file), "--using", "dense", "--json")
            assert found(call(*search))[0] == 2
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(vector).encode())))
        assert found(call("search", "recipes", "--vector", "-", "--using", "dense", "--json"))[0] == 2

    def test_a_table_for_people(self, call: Call, recipes: Path) -> None:
        head, _, first, *_ = call("search", "recipes", "cake", "--using", "words").splitlines()
        assert head.split() == ["id", "score", "payload"]
        assert "text=A cake of dark chocolate minutes=70" in first
        assert call("search", "recipes", "zzz", "--using", "words") == "(nothing found)\n"

    def test_explain_tells_what_a_search_did(self, call: Call, recipes: Path) -> None:
        search = ("search", "recipes", "cake", "--using", "words", "--filter", SHORT, "--explain")
        printed = call(*search)
        assert printed.startswith("query  [")
        assert "clause minutes range" in printed
        assert json.loads(call(*search, "--json")).keys() == {"name", "facts", "micros", "steps"}


class TestLook:
    def test_info_and_collections(self, call: Call, recipes: Path) -> None:
        assert call("collections") == "recipes\n"
        assert json.loads(call("collections", "--json")) == ["recipes"]
        row = call("info").splitlines()[-1]
        assert row.split() == ["recipes", "green", "3", "0", "dense", "64", "Cosine,", "words", "sparse", "idf"]
        assert json.loads(call("info", "--json"))["collections"]["recipes"]["points_count"] == 3
        assert "dense\n        size: 64\n" in call("info", "recipes")
        assert json.loads(call("info", "recipes", "--json"))["config"]["params"]["vectors"]["dense"]["size"] == 64

    def test_get_and_count(self, call: Call, recipes: Path) -> None:
        assert found(call("get", "recipes", "3", "1", "--json")) == [3, 1]
        assert found(call("get", "recipes", "--filter", SHORT, "--json")) == [3]
        assert "dense 64, words 3 terms" in call("get", "recipes", "1", "--with-vectors")
        assert call("count", "recipes") == "3\n"
        assert call("count", "recipes", "--filter", SHORT) == "1\n"
        assert json.loads(call("count", "recipes", "--json")) == {"count": 3}
        assert call("get", "recipes", "1", "77", code=1) == "minidb: no point 77 in recipes\n"

    def test_a_name_with_every_kind_of_character(self, call: Call, recipes: Path) -> None:
        name = "today & #1 é %"
        call("import", name, str(recipes), *DOCUMENTS)
        assert call("count", name) == "3\n"
        assert json.loads(call("collections", "--json")) == ["recipes", name]


class TestChange:
    def test_indexes(self, call: Call, recipes: Path) -> None:
        assert call("index", "recipes") == ""
        assert call("index", "recipes", "minutes", "integer") == "indexed minutes as integer\n"
        assert call("index", "recipes").splitlines()[-1].split() == ["minutes", "integer", "3"]
        assert json.loads(call("index", "recipes", "--json"))["minutes"]["data_type"] == "integer"
        assert call("index", "recipes", "minutes", "--delete") == "deleted the index of minutes\n"
        assert "no index of minutes" in call("index", "recipes", "minutes", "--delete", code=1)

    def test_delete(self, call: Call, recipes: Path) -> None:
        assert call("delete", "recipes", "1", "77") == "deleted 1 of 3 points\n"
        assert call("delete", "recipes", "--filter", SHORT) == "deleted 1 of 2 points\n"
        assert found(call("get", "recipes", "--json")) == [2]
        assert call("delete", "recipes", "--collection") == "deleted the collection recipes\n"
        assert call("collections") == ""

    def test_snapshots_of_a_collection(self, call: Call, recipes: Path, tmp_path: Path) -> None:
        name = call("snapshot", "create", "recipes").strip()
        assert [each["name"] for each in json.loads(call("snapshot", "list", "recipes", "--json"))] == [name]
        assert name in call("snapshot", "list", "recipes")
        file = tmp_path / "recipes.snapshot"
        assert call("snapshot", "create", "recipes", "--output", str(file)) == f"{file}\n"
        assert len(json.loads(call("snapshot", "list", "recipes", "--json"))) == 1
        call("delete", "recipes", "1")
        assert call("snapshot", "restore", "recipes", name) == "restored recipes\n"
        assert call("count", "recipes") == "3\n"
        assert call("snapshot", "restore", "copy", str(file)) == "restored copy\n"
        assert call("count", "copy") == "3\n"

    def test_a_snapshot_of_everything(self, call: Call, recipes: Path, tmp_path: Path) -> None:
        file = tmp_path / "all.snapshot"
        call("snapshot", "create", "--output", str(file))
        call("delete", "recipes", "--collection")
        assert call("snapshot", "restore", str(file)) == "restored the store\n"
        assert call("count", "recipes") == "3\n"


class TestFiles:
    @pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
    def test_what_goes_out_comes_in_again(self, call: Call, recipes: Path, tmp_path: Path, kind: str) -> None:
        if kind != "jsonl":
            pytest.importorskip("pyarrow")
        file = str(tmp_path / f"out.{kind}")
        call("export", "recipes", file)
        call("import", "copy", file)
        both = [call("get", name, "--with-vectors", "--json") for name in ("recipes", "copy")]
        assert json.loads(both[0]) == json.loads(both[1])

    def test_uuids_and_no_vectors(self, call: Call, recipes: Path, tmp_path: Path) -> None:
        uuid = "9b2f3c1e-0000-4000-8000-000000000001"
        file = tmp_path / "in.jsonl"
        file.write_text(json.dumps({"id": uuid, "payload": {"a": [1, {"b": None}]}}) + "\n")
        call("import", "bare", str(file))
        for kind in ("jsonl", "csv"):
            out = str(tmp_path / f"out.{kind}")
            call("export", "bare", out)
            call("import", kind, out)
            assert json.loads(call("get", kind, "--json")) == [{"id": uuid, "payload": {"a": [1, {"b": None}]}}]

    def test_csv_holds_payloads_by_column(self, call: Call, recipes: Path, tmp_path: Path) -> None:
        file = tmp_path / "out.csv"
        call("export", "recipes", str(file), "--filter", SHORT)
        assert file.read_bytes() == b"id,text,minutes\r\n3,Chocolate chip cookies,35\r\n"

    def test_csv_columns_become_vectors_and_payload(self, call: Call, tmp_path: Path) -> None:
        file = tmp_path / "in.csv"
        file.write_text('key,title,n,zip,embedding\n7,"a, b",1.5,01234,"[1, 0]"\n8,,2,x,"[0, 1]"\n')
        call("import", "c", str(file), "--id", "key", "--vector", "embedding")
        assert json.loads(call("get", "c", "--with-vectors", "--json")) == [
            {"id": 7, "payload": {"title": "a, b", "n": 1.5, "zip": "01234"}, "vector": [1.0, 0.0]},
            {"id": 8, "payload": {"n": 2, "zip": "x"}, "vector": [0.0, 1.0]},
        ]

    def test_arrays(self, call: Call, tmp_path: Path) -> None:
        vectors = np.random.default_rng(0).random((600, 8)).astype(np.float16)
        np.save(tmp_path / "a.npy", vectors)
        call("import", "a", str(tmp_path / "a.npy"), "--distance", "Dot", "--batch", "100")
        call("export", "a", str(tmp_path / "b.npy"))
        assert np.array_equal(np.load(tmp_path / "b.npy"), vectors.astype(np.float32))
        np.savez(tmp_path / "c.npz", ids=np.arange(600) + 5, left=vectors, right=vectors[:, :3], n=np.arange(600))
        call("import", "c", str(tmp_path / "c.npz"), "--distance", "Euclid")
        call("export", "c", str(tmp_path / "d.npz"))
        with np.load(tmp_path / "d.npz") as archive:
            assert archive["ids"].tolist() == list(range(5, 605))
            assert np.array_equal(archive["right"], vectors[:, :3].astype(np.float32))
        assert json.loads(call("get", "c", "5", "--json"))[0]["payload"] == {"n": 0}
        assert "choose with --using" not in call("export", "c", str(tmp_path / "e.npy"), "--using", "left")
        assert "holds one vector" in call("export", "c", str(tmp_path / "f.npy"), code=1)
        assert not (tmp_path / "f.npy").exists()

    def test_a_stream_of_arrow(self, call: Call, tmp_path: Path) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({"vector": [[1.0, 2.0], [3.0, 4.0]], "when": ["a", None]})
        with pyarrow.ipc.new_stream(str(tmp_path / "in.arrow"), table.schema) as writer:
            writer.write_table(table)
        call("import", "c", str(tmp_path / "in.arrow"), "--distance", "Dot")
        assert json.loads(call("get", "c", "--with-vectors", "--json")) == [
            {"id": 0, "payload": {"when": "a"}, "vector": [1.0, 2.0]},
            {"id": 1, "payload": {}, "vector": [3.0, 4.0]},
        ]

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("x.jsonl", b'{"id": 1}\n{"id": ', "line 2, column 8: "),
            ("x.jsonl", b"[1]\n", "line 1: expected an object, got an array (`jq -c .[] "),
            ("x.jsonl", b"1\n", "line 1: expected an object, got 1"),
            (
                "x.jsonl",
                b'{"id": "a"}\n',
                "row 1: the id 'a' is no number and no UUID; --id COLUMN takes another column",
            ),
            ("x.csv", b"a,b\n1\n", "line 2: not as many fields as the header"),
            ("x.csv", b"a\n\xff\n", "it is not UTF-8, it has the byte 0xff"),
            ("x.csv", b"a,b,a\n1,2,3\n", "two columns are called 'a'"),
            ("x.csv", b"a;b\n1;2\n", "one column 'a;b'; what separates columns is a comma"),
            ("x.npy", b"no array", "x.npy: it is no file of numpy's, which begin with b'\\x93NUMPY'"),
            ("x.npy", b"", "x.npy: it is no file of numpy's"),
            ("x.npy", _npy(np.zeros((9, 9)))[:-20], "x.npy: it is cut short"),
            ("x.npy", _npy(np.zeros((2, 2, 2, 2))), "vector is float64 of shape (2, 2, 2, 2); a row of numbers is a v"),
            ("x.json", b"[1]\n", "line 1: expected an object, got an array (`jq -c .[] "),
            ("x.csv", b'a,b\n1,"2\n3,4\n', "line 2: a quotation mark is opened and never closed"),
            ("x.csv", "a\nhäßlich\n".encode("latin-1"), "0xe4; `iconv -f WINDOWS-1252 -t UTF-8` makes it so"),
            ("x.csv", "a\nhäßlich\n".encode("utf-16"), "0xff; `iconv -f UTF-16 -t UTF-8` makes it so"),
            ("x.npz", b"", "x.npz: no arrays of numbers: "),
            ("x.npz", b"PK\x03\x04", "x.npz: no arrays of numbers: "),
            ("x.npy", _npy(np.zeros(3)), "vector is float64 of shape (3,); a row of numbers is a vector"),
            ("x.npy", _npy(np.array([["a"]])), "vector is <U1 of shape (1, 1); a row of numbers is a vector"),
            ("x.npz", _npz(n=np.zeros(3)), "no array in it has two dimensions"),
            ("x.npz", _npz(a=np.zeros((2, 2)), n=np.zeros(3)), "its arrays have different lengths"),
            ("x.npz", _npz(a=np.float32(3)), "a is float32 of shape ()"),
            ("x.npz", _npz(a=np.zeros((2, 2)), ids=np.zeros((2, 1))), "ids is float64 of shape (2, 1)"),
            ("x.txt", b"", "--format jsonl|csv"),
            ("x.jsonl", b'{"text": 5}\n', "row 1 has no text in text"),
            ("x.jsonl", b'{"vector": 5}\n', "row 1: a vector is an array of numbers, got 5"),
            ("x.jsonl", b'{"vector": {"a": "b"}}\n', "row 1: a vector is an array of numbers"),
            ("x.jsonl", b'{"id": 1, "payload": "no JSON"}\n', "row 1: the payload is no object"),
            ("x.jsonl", b'{"id": 1, "payload": [1]}\n', "row 1: the payload is no object"),
        ],
    )
    def test_a_file_that_is_none(
        self, where: list[str], call: Call, tmp_path: Path, name: str, content: bytes, message: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        documents = ["--document", "text=Qdrant/bm25:words"] if b"text" in content else []
        error = call("import", "c", str(tmp_path / name), *documents, code=1)
        assert message in error
        assert len(error.splitlines()) == 1
        assert not (tmp_path / "store").exists()  # a mistake makes no store

    def test_a_batch_that_is_refused_leaves_those_before_it(self, call: Call, tmp_path: Path) -> None:
        rows = [{"vector": [1.0, 0.0]}] * 4 + [{"vector": [1.0]}]
        (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        error = call("import", "c", str(tmp_path / "in.jsonl"), "--batch", "3", code=1)
        assert "expected dim: 2, got 1 (rows 4 to 5)" in error
        assert call("count", "c") == "3\n"

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            (
                "x.npy",
                _npy(np.array([[1.0, 2.0], [1.0, np.nan]])),
                "row 2: the vector has nan, which is no finite",
            ),
            (
                "x.npz",
                _npz(left=np.array([[1.0, np.inf]])),
                "row 1: the vector left has inf, which is no",
            ),
            (
                "x.jsonl",
                b'{"vector": [1.0]}\n{"id": -5, "vector": [1.0]}\n',
                "row 2: the id -5 is none; an id is",
            ),
        ],
    )
    def test_the_row_that_was_refused(
        self, call: Call, tmp_path: Path, name: str, content: bytes, message: str
    ) -> None:
        (tmp_path / name).write_bytes(content)
        error = call("import", "c", str(tmp_path / name), code=1)
        assert error.startswith(f"minidb: {message}")
        assert call("collections") == ""

    def test_columns_of_a_table_that_json_has_not(self, call: Call, tmp_path: Path) -> None:
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        from decimal import Decimal

        columns = {"vector": [[1.0], [2.0]], "price": [Decimal("1.50"), Decimal("2.00")]}
        deep = [{"prices": [Decimal("0.25"), None]}, None]
        table = pyarrow.table({**columns, "deep": deep, "when": [datetime.date(2020, 1, 2), None]})
        parquet.write_table(table, tmp_path / "in.parquet")
        call("import", "c", str(tmp_path / "in.parquet"))
        assert json.loads(call("get", "c", "--json")) == [
            {"id": 0, "payload": {"price": 1.5, "deep": {"prices": [0.25, None]}, "when": "2020-01-02"}},
            {"id": 1, "payload": {"price": 2}},
        ]
        parquet.write_table(table.append_column("raw", [[b"x", b"y"]]), tmp_path / "raw.parquet")
        error = call("import", "c", str(tmp_path / "raw.parquet"), code=1)
        assert error == "minidb: row 1: raw: no JSON for bytes, and payloads are JSON\n"

    def test_a_sparse_vector_has_a_name(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text('{"text": "a bicycle"}\n')
        error = call("import", "c", str(tmp_path / "in.jsonl"), "--document", "text=Qdrant/bm25", code=1)
        assert error == (
            "minidb: --document text=Qdrant/bm25: a sparse vector has a name, as in text=Qdrant/bm25:bm25\n"
        )

    def test_a_first_batch_that_is_refused_leaves_no_collection(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text('{"vector": [1.0, 0.0]}\n{"vector": [1.0]}\n')
        error = call("import", "c", str(tmp_path / "in.jsonl"), code=1)
        assert error == "minidb: Wrong input: Vector dimension error: expected dim: 2, got 1 (rows 1 to 2)\n"
        assert call("collections") == ""

    def test_ids_of_another_column_or_none(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "in.csv").write_text("id,n\nfirst,7\n")
        assert "row 1 has no m; it has id, n" in call("import", "c", str(tmp_path / "in.csv"), "--id", "m", code=1)
        call("import", "c", str(tmp_path / "in.csv"), "--id", "n")
        call("import", "c", str(tmp_path / "in.csv"), "--id", "")
        assert json.loads(call("get", "c", "--json")) == [
            {"id": 0, "payload": {"id": "first", "n": 7}},
            {"id": 7, "payload": {"id": "first"}},
        ]

    def test_interrupted_it_leaves_whole_batches_and_once_more_completes_it(
        self, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "in.jsonl").write_text("".join(json.dumps({"vector": [n, 1.0]}) + "\n" for n in range(10)))
        ask, writes = Target.ask, []

        def interrupted(self: Target, method: str, path: str, *rest: Any, **more: Any) -> Any:
            if method == "PUT" and path.endswith("/points"):
                writes.append(path)
                if len(writes) == 3:
                    raise KeyboardInterrupt
            return ask(self, method, path, *rest, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Target, "ask", interrupted)
            error = call("import", "c", str(tmp_path / "in.jsonl"), "--batch", "3", code=130)
        assert "imported 6 points" in error
        assert "minidb: interrupted" in error
        assert call("count", "c") == "6\n"
        call("import", "c", str(tmp_path / "in.jsonl"), "--batch", "3")
        assert call("count", "c") == "10\n"

    def test_an_export_that_fails_leaves_no_file(
        self, call: Call, recipes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def failing(*_: Any, **__: Any) -> Iterator[list[Any]]:
            yield [{"id": 1, "vector": [1.0], "payload": {}}]
            raise KeyboardInterrupt

        (tmp_path / "out.jsonl").write_text("before")
        with monkeypatch.context() as patch:
            patch.setattr(Target, "scroll", failing)
            call("export", "recipes", str(tmp_path / "out.jsonl"), code=130)
        assert (tmp_path / "out.jsonl").read_text() == "before"
        assert not list(tmp_path.glob("*.part"))

    def test_progress_is_a_bar_on_a_terminal_and_a_line_elsewhere(
        self, where: list[str], recipes: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for is_terminal in (True, False):
            stream = io.StringIO()
            monkeypatch.setattr(stream, "isatty", lambda is_terminal=is_terminal: is_terminal)
            monkeypatch.setattr(sys, "stderr", stream)
            assert main(["export", "recipes", "-", *where]) == 0
            assert ("3/3" in stream.getvalue()) == is_terminal
            assert stream.getvalue().startswith("exported 3 of 3 points in ") != is_terminal


def test_standard_input_and_output_between_processes(tmp_path: Path) -> None:
    def command(*argv: str) -> list[str]:
        return [sys.executable, "-m", "minidb", *argv]

    rows = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    store = str(tmp_path / "store")
    subprocess.run(command("import", "a", "-", *DOCUMENTS, "--path", store), input=rows, check=True)
    out = subprocess.run(command("export", "a", "-", "--path", store), stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(command("import", "b", "-", "--path", store), input=out, check=True)
    again = subprocess.run(command("export", "b", "-", "--path", store), stdout=subprocess.PIPE, check=True).stdout
    assert out == again
    assert len(out.splitlines()) == 3


def test_a_store_that_cannot_be_written_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with QdrantClient(tmp_path) as client:
        client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
    monkeypatch.setattr(os, "access", lambda *_: False)
    for command in (["info"], ["count", "c"], ["verify"]):
        assert main([*command, "--path", str(tmp_path)]) == 0
    assert main(["delete", "c", "1", "--path", str(tmp_path)]) == 1
    assert "cannot be written: it is somebody else's" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_in_the_middle_of_an_import(tmp_path: Path) -> None:
    """Rows come without end; after some of them have been taken the process is interrupted."""
    argv = ["import", "c", "-", "--batch", "10", "--path", str(tmp_path / "store")]
    with subprocess.Popen(
        [sys.executable, "-m", "minidb", *argv],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's children ignore it
    ) as process:
        assert process.stdin
        assert process.stderr
        line = json.dumps({"vector": [1.0, 2.0]}) + "\n"
        for _ in range(20_000):  # more than the pipe holds, so that some of it must have been read
            process.stdin.write(line)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.stdin.close()
        error = process.stderr.read()
        assert process.wait() == 130, error
    assert "interrupted" in error
    with QdrantClient(tmp_path / "store") as client:
        assert client.count("c").count % 10 == 0


@pytest.mark.skipif(os.name != "posix", reason="descriptors")
def test_without_an_output(tmp_path: Path) -> None:
    """As by `minidb … >&-`, and some supervisors."""
    QdrantClient(tmp_path / "store", durability="off").close()
    argv = [sys.executable, "-m", "minidb", "collections", "--path", str(tmp_path / "store")]
    done = subprocess.run(argv, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1), check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


class _Other(BaseHTTPRequestHandler):
    """No Qdrant."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def other() -> Iterator[int]:
    """The port of a web server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


class TestLines:
    """Addresses of something else."""

    def told(self, url: str, capsys: pytest.CaptureFixture[str]) -> str:
        assert main(["collections", "--url", url]) == 1
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        return error

    def test_another_server(self, other: int, capsys: pytest.CaptureFixture[str]) -> None:
        url = f"http://127.0.0.1:{other}"
        assert self.told(url, capsys) == f"minidb: {url} answers with 404: Not Found, and not as Qdrant does\n"

    def test_one_without_tls(self, other: int, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.told(f"https://127.0.0.1:{other}", capsys).endswith("(http://, without TLS?)\n")

    def test_one_with_tls(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        cert, key = certificate(tmp_path)
        with server_in_a_thread(tls_cert=cert, tls_key=key) as url:
            trusts = "(SSL_CERT_FILE=FILE trusts its certificate)\n"
            assert self.told(url, capsys).endswith(trusts)
            assert self.told(url.replace("https", "http"), capsys).endswith("(https://, with TLS?)\n")

    def test_a_port_that_was_forgotten(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(self: Any, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("[Errno 111] Connection refused")

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", refuse)
        assert self.told("localhost", capsys).endswith(" (Qdrant's port is 6333: http://localhost:6333)\n")
        assert self.told("http://localhost:1", capsys).endswith("Connection refused\n")

    @pytest.mark.parametrize("command", ["info", "push", "pull", "migrate"])
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("ftp://me:secret@h", "ftp://h is no address (an address begins with http:// or https://)"),
            ("http:/localhost:6333", "is no address (an address begins with http:// or https://)"),
            ("https//h", "is no address (an address begins with http:// or https://)"),
            ("http://[::bad", "http://[::bad is no address: Invalid IPv6 URL"),
            ("http://localhost:99999", "is no address: Port out of range 0-65535"),
            ("http://", "is no address: it has no host, or a space"),
            ("http://a b", "is no address: it has no host, or a space"),
        ],
    )
    def test_what_is_no_address(
        self, command: str, url: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        store = ["--path", str(tmp_path / "store")]
        argv = {"info": ["--url", url], "migrate": ["--to", url, *store]}.get(command, [url, *store])
        error = refused([command, *argv], capsys)
        assert said in error
        assert "secret" not in error
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("key", ["schlüssel", "a\nb"])
    @pytest.mark.parametrize(
        "argv",
        [
            ["info", "--url", "h:1"],
            ["push", "h:1", "--path", "s"],
            ["pull", "h:1", "--path", "s"],
            ["serve", "--memory"],
        ],
    )
    def test_a_key_no_header_can_carry(
        self, argv: list[str], key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = "argument --api-key: an API key has printable ASCII characters only"
        assert refused([*argv, "--api-key", key], capsys).endswith(said)
        monkeypatch.setenv("MINIDB_API_KEY", key)
        assert refused(argv, capsys).endswith(said)

    @pytest.mark.parametrize("command", ["push", "pull"])
    @pytest.mark.parametrize("peer", ["127.0.0.1:1", "127.0.0.1", "localhost:1/", "[::1]:1", "http://127.0.0.1:1"])
    def test_an_address_without_a_scheme_is_asked(
        self, command: str, peer: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It was a store in this process's memory, gone when the command ended, and all was said to be written."""
        with QdrantClient(tmp_path / "store") as client:
            client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
        assert main([command, peer, "--path", str(tmp_path / "store")]) == 1
        error = capsys.readouterr().err
        assert f"minidb: {peer if '//' in peer else f'http://{peer}'} does not answer: [Errno " in error

    def test_what_a_server_says_to_push(self, other: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with QdrantClient(tmp_path / "store") as client:
            client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
        push = ["--path", str(tmp_path / "store")]
        url = f"http://127.0.0.1:{other}"
        assert main(["push", url, *push]) == 1
        assert capsys.readouterr().err == f"minidb: {url} answers with 404: Not Found, and not as Qdrant does\n"
        with server_in_a_thread(api_key="right") as url:
            assert main(["push", url, "--api-key", "wrong", *push]) == 1
        assert capsys.readouterr().err == f"minidb: {url} answers with 401: Invalid API key or JWT\n"
        cert, key = certificate(tmp_path)
        with server_in_a_thread(tls_cert=cert, tls_key=key) as url:
            assert main(["push", url, *push]) == 1
            assert capsys.readouterr().err.endswith("(SSL_CERT_FILE=FILE trusts its certificate)\n")

    @pytest.mark.parametrize("path", ["backup", "./localhost", "a/b:1"])
    def test_a_directory_of_any_name(
        self, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a").mkdir()
        with QdrantClient("./store") as client:
            client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
        for argv in (["push", path], ["migrate", "--resume", "--to", path], ["pull", path]):
            assert main([*argv, "--path", "store"]) == 0
        assert (tmp_path / path / "data.mdb").is_file()


class TestCertificates:
    @pytest.mark.parametrize("arguments", [["--no-grpc"], []])
    def test_a_file_that_is_none_is_named(
        self, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        cert, key = map(str, certificate(tmp_path))
        (tmp_path / "empty").touch()
        serve = ["serve", "--memory", "--port", "0", *arguments]
        for argv, said in (
            (["--tls-cert", "none.pem", "--tls-key", key], "No such file or directory: 'none.pem'"),
            (["--tls-cert", cert, "--tls-key", "none.pem"], "No such file or directory: 'none.pem'"),
            (["--tls-cert", cert], f"{cert}, which shall have its key, too, is no certificate: "),
            (["--tls-cert", key], f"{key}, which shall have its key, too, is no certificate: "),
            (["--tls-cert", cert, "--tls-key", key, "--tls-client-ca", str(tmp_path / "empty")], "has no certificates"),
        ):
            assert main([*serve, *argv]) == 1
            printed = capsys.readouterr()
            assert said in printed.err
            assert printed.out == ""


class TestMistakes:
    @pytest.mark.parametrize(
        ("argv", "message"),
        [
            (["serch", "c"], "(did you mean search?)"),
            (["search", "c", "x", "--limt", "3"], "unrecognized arguments: --limt 3 (did you mean --limit?)"),
            (["index", "c", "n", "kyword"], "(did you mean keyword?)"),
            (["snapshot", "craete", "c"], "(did you mean create?)"),
            (["snapshot", "create", "c", "--ouput", "x"], "(did you mean --output?)"),
            (["completion", "fsh"], "(did you mean fish?)"),
            (["search", "c"], "give a TEXT, or a --vector, or an --id"),
            (["delete", "c"], "give ids, or a --filter, or --collection"),
            (["count", "c", "--filter", "{"], "argument --filter: no JSON: "),
            (["count", "c", "--filter", "[]"], "argument --filter: expected an object, got '[]'"),
            (["import", "c", "f", "--document", "text"], "expected COLUMN=MODEL or COLUMN=MODEL:NAME, got 'text'"),
            (["index", "c", "n"], "a SCHEMA is missing: keyword, integer, "),
            (["import", "--collection", "c", "f"], "(COLLECTION goes without --: COLLECTION FILE)"),
            (["count", "c", "--path", ""], "argument --path: it is empty; the working directory is ."),
        ],
    )
    def test_the_nearest_right_argument(
        self, argv: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert message in refused([*argv, "--path", str(tmp_path)], capsys)
        assert list(tmp_path.iterdir()) == []

    def test_the_nearest_collection_and_vector(
        self, call: Call, where: list[str], recipes: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call("import", "zoo", str(recipes), *DOCUMENTS)
        missing = "minidb: Not found: Collection `{}` doesn't exist! ({})\n"
        assert call("count", "recpes", code=1).endswith("Collection `recpes` doesn't exist! (did you mean recipes?)\n")
        assert call("count", "q", code=1).endswith(missing.format("q", "collections here: recipes, zoo")[8:])
        assert "unknown field `mst` in filter (did you mean must?)" in call(
            "count", "zoo", "--filter", MISSPELT, code=1
        )
        error = refused(["search", "recipes", "x", "--using", "wrds", *where], capsys)
        assert error.endswith("recipes has no vector wrds (did you mean words?)")
        assert "--using dense or --using words" in refused(["search", "recipes", "x", *where], capsys)

    @pytest.mark.parametrize("name", ["info", "serve", "demo", "count"])
    def test_a_file_is_no_store(self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "file").touch()
        argv = [name, "--path", str(tmp_path / "file"), *(["c"] if name == "count" else [])]
        assert main(argv) == 1
        assert capsys.readouterr().err == f"minidb: {tmp_path / 'file'} is a file; a store is a directory\n"

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1", "127.0.0.1:1"])
    def test_nobody_there(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["info", "--url", url]) == 1
        assert "http://127.0.0.1:1 does not answer: " in capsys.readouterr().err

    def test_somebody_else_there(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        page = httpx.Response(200, text="<html>")
        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda self, request: page)
        assert main(["collections", "--url", "http://127.0.0.1:1"]) == 1
        assert capsys.readouterr().err == "minidb: http://127.0.0.1:1 answers, but not as Qdrant does\n"

    def test_what_json_cannot_hold(self, call: Call, tmp_path: Path) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({"vector": [[1.0]], "n": [b"bytes"]})
        with pyarrow.ipc.new_stream(str(tmp_path / "in.arrow"), table.schema) as writer:
            writer.write_table(table)
        assert "payloads are JSON" in call("import", "c", str(tmp_path / "in.arrow"), code=1)

    def test_a_key(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        with server_in_a_thread(api_key="secret") as url:
            assert main(["info", "--url", url]) == 1
            assert "401" in capsys.readouterr().err
            assert main(["info", "--url", url, "--api-key", "secret"]) == 0
            monkeypatch.setenv("QDRANT_API_KEY", "secret")
            assert main(["info", "--url", url]) == 0


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_every_command_is_in_it(self, shell: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["completion", shell]) == 0
        script = capsys.readouterr().out
        assert [name for name in COMMANDS if name not in script] == []
        assert "document" in script

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["minidb", "se"], ["search", "serve"]),
            (["minidb", "search", "docs", "--li"], ["--limit"]),
            (["minidb", "index", "docs", "n", "key"], ["keyword"]),
            (["minidb", "snapshot", "res"], ["restore"]),
        ],
    )
    def test_bash_completes(
        self, words: list[str], expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["completion", "bash"])
        script = capsys.readouterr().out
        ask = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _minidb; echo ${{COMPREPLY[@]}}"
        done = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout.split() == expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("minidb se", ["search", "serve"]),  # no file where a command stands
        ("minidb count --path ''", ["sea food", "set.csv"]),
        ("minidb import c se", ["sea food", "set.csv"]),
        ("minidb import c --format p", ["parquet"]),
    ],
)
def test_bash_completes_files_where_they_stand(
    words: str, expected: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sea food").mkdir()
    (tmp_path / "set.csv").touch()
    main(["completion", "bash"])
    ask = (
        f"COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _minidb; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    script = f"set -u\n{capsys.readouterr().out}\n{ask}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert (sorted(done.stdout.splitlines()), done.stderr) == (expected, "")


def test_bench_says_how_fast(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--points", "300", "--size", "8", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert len(measured) == 4
    assert all(value > 0 for value in measured.values())


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as exit_:
            main([name, "--help"])
        assert exit_.value.code == 0
        assert f"usage: minidb {name}" in capsys.readouterr().out


def test_a_model_whose_name_has_a_colon() -> None:
    assert transfer._document_column("a=openai-compatible/nomic:latest:dense") == (
        "a",
        "openai-compatible/nomic:latest",
        "dense",
    )
    assert transfer._document_column("a=Qdrant/bm25") == ("a", "Qdrant/bm25", "")


def test_multivectors_go_out_and_in(tmp_path: Path) -> None:
    config = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    with QdrantClient(tmp_path / "store") as client:
        params = models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=config)
        client.create_collection("c", {"tokens": params})
        client.upsert("c", [models.PointStruct(id=1, vector={"tokens": [[1, 2], [3, 4]]})])
    where = ["--path", str(tmp_path / "store")]
    assert main(["export", "c", str(tmp_path / "out.jsonl"), *where]) == 0
    assert main(["import", "d", str(tmp_path / "out.jsonl"), "--distance", "Dot", *where]) == 0
    with QdrantClient(tmp_path / "store") as client:
        assert client.retrieve("d", [1], with_vectors=True)[0].vector == {"tokens": [[1.0, 2.0], [3.0, 4.0]]}


def test_every_command_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "minidb" / "docs" / "command-line.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"| `{name}" not in page] == []
