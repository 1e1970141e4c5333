"""`minidb export` and `minidb import`: what one writes the other reads, and files as other programs write them."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from minidb import QdrantClient, models
from minidb.cli import main


class TestRoundTrips:
    @pytest.mark.parametrize("kind", ["jsonl", "parquet", "arrow"])
    def test_points_of_every_kind(self, kind: str, tmp_path: Path) -> None:
        """The columns of a Parquet file were those of the first 256 points: vectors only later ones have were lost."""
        if kind != "jsonl":
            pytest.importorskip("pyarrow")
        with QdrantClient(tmp_path / "from") as client:
            fill(client)
        store, file = str(tmp_path / "from"), str(tmp_path / f"points.{kind}")
        assert main(["export", "c", file, "--path", store]) == 0
        assert main(["import", "c", file, "--path", str(tmp_path / "to"), "--batch", "500", "--distance", "Dot"]) == 0
        with QdrantClient(tmp_path / "to") as there, QdrantClient(store) as here:
            assert everything(there) == everything(here)

    def test_ids_of_an_npz_are_exact(self, tmp_path: Path) -> None:
        """Small and large numbers together became floats, of which many ids were one."""
        ids = [0, 2**63, 2**64 - 1, 2**64 - 2]
        with QdrantClient(tmp_path / "from") as client:
            client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
            client.upsert("c", [models.PointStruct(id=each, vector=[1]) for each in ids])
        file = str(tmp_path / "v.npz")
        assert main(["export", "c", file, "--path", str(tmp_path / "from")]) == 0
        assert main(["import", "c", file, "--path", str(tmp_path / "to")]) == 0
        with QdrantClient(tmp_path / "to") as client:
            assert [each.id for each in client.scroll("c")[0]] == sorted(ids)

    def test_a_payload_key_called_id_goes_into_a_csv_file(self, tmp_path: Path) -> None:
        """Two columns had the name, and nothing could read the file."""
        with QdrantClient(tmp_path / "from") as client:
            client.create_collection("c", {})
            client.upsert("c", [models.PointStruct(id=7, vector={}, payload={"id": "x", "n": 1})])
        file = tmp_path / "v.csv"
        assert main(["export", "c", str(file), "--path", str(tmp_path / "from")]) == 0
        assert file.read_text().splitlines() == ["point_id,id,n", "7,x,1"]
        assert main(["import", "c", str(file), "--id", "point_id", "--path", str(tmp_path / "to")]) == 0
        with QdrantClient(tmp_path / "to") as client:
            (point,) = client.scroll("c")[0]
        assert (point.id, point.payload) == (7, {"id": "x", "n": 1})


def fill(client: QdrantClient) -> None:
    dot = models.Distance.DOT
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    client.create_collection(
        "c",
        {
            "early": models.VectorParams(size=2, distance=dot),
            "la.te": models.VectorParams(size=3, distance=dot),
            "many": models.VectorParams(size=2, distance=dot, multivector_config=multi),
        },
        {"words": models.SparseVectorParams()},
    )
    points = []
    for n in range(300):
        vector: dict[str, Any] = {"early": [n / 3, 0.1]} if n < 290 else {"la.te": [0.1, n / 7, 1e-30]}
        if n > 280:
            vector |= {"many": [[n / 9, 1]] * (n % 3 + 1), "words": models.SparseVector(indices=[n], values=[n / 7])}
        id_ = 2**63 + n if n < 270 else f"00000000-0000-4000-8000-{n:012}"
        payload = {"n": [n, None, {"ü": "\u2028"}], "id": 5, "vector": "v", "payload": "p", "big": 2**63 - n}
        points.append(models.PointStruct(id=id_, vector=vector, payload=payload if n % 5 else {}))
    client.upsert("c", points)


def everything(client: QdrantClient) -> dict[Any, Any]:
    return {
        record.id: (record.payload, record.vector) for record in client.scroll("c", limit=500, with_vectors=True)[0]
    }


class TestOutput:
    """What is refused before anything is read or made."""

    @pytest.mark.parametrize("command", [["export", "c"], ["snapshot", "create", "c", "--output"]])
    @pytest.mark.parametrize(("file", "said"), [("folder.jsonl", "is a folder"), ("no/f.jsonl", "there is no folder ")])
    def test_where_no_file_can_be(
        self, command: list[str], file: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A long export failed at its end, and a snapshot stayed in the store."""
        (tmp_path / "folder.jsonl").mkdir()
        with QdrantClient(tmp_path / "store") as client:
            client.create_collection("c", {})
        where = ["--path", str(tmp_path / "store")]
        assert main([*command, str(tmp_path / file), *where]) == 1
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
        with QdrantClient(tmp_path / "store") as client:
            assert client.list_snapshots("c") == []


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_streams_that_are_closed(closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `<&-` in a shell."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    monkeypatch.setattr(sys, closed, None)
    assert main(["import", "c", "-", "--path", str(tmp_path / "store")]) == 0


@pytest.mark.parametrize("argv", [["delete", "c", "1"], ["index", "c", "n", "integer"], ["snapshot", "create"]])
def test_a_store_that_may_not_be_written(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text was of an argument of Python's."""
    with QdrantClient(tmp_path / "store") as client:
        client.create_collection("c", {})
    access = os.access
    monkeypatch.setattr(os, "access", lambda at, mode: mode != os.W_OK and access(at, mode))
    assert main([*argv, "--path", str(tmp_path / "store")]) == 1
    assert capsys.readouterr().err.startswith(f"minidb: {tmp_path / 'store'} cannot be written: it is somebody else's")


class TestStrangeFiles:
    def imported(self, tmp_path: Path, file: Path, *argv: str) -> list[tuple[Any, Any]]:
        assert main(["import", "c", str(file), *argv, "--path", str(tmp_path / "store")]) == 0
        with QdrantClient(tmp_path / "store") as client:
            return [(each.id, each.payload) for each in client.scroll("c")[0]]

    def told(self, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str], *argv: str) -> str:
        file = tmp_path / "f.jsonl"
        file.write_bytes(content)
        assert main(["import", "c", str(file), *argv, "--path", str(tmp_path / "store")]) == 1
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        assert not (tmp_path / "store").exists()
        return error

    def test_a_byte_order_mark(self, tmp_path: Path) -> None:
        (tmp_path / "f.jsonl").write_bytes('\ufeff{"id": 1, "t": "é"}\n'.encode())
        assert self.imported(tmp_path, tmp_path / "f.jsonl") == [(1, {"t": "é"})]

    def test_a_long_text_in_a_csv_file(self, tmp_path: Path) -> None:
        (tmp_path / "f.csv").write_text(f"id,t\n1,{'x' * 200_000}\n")
        assert self.imported(tmp_path, tmp_path / "f.csv") == [(1, {"t": "x" * 200_000})]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ('{"id": 1, "t": "é"}\n'.encode("latin-1"), "it has the byte 0xe9; `iconv -f WINDOWS-1252 -t UTF-8`"),
            ('{"id": 1}\n'.encode("utf-16"), "it is not UTF-8, it has the byte 0xff; `iconv -f UTF-16 -t UTF-8`"),
            (b'{\n  "id": 1\n}\n', "line 1, column 1: unexpected end of data (a point has a line of its own: `jq -c "),
            (b'[\n{"id": 1}\n]\n', "(a point has a line of its own: `jq -c "),
        ],
    )
    def test_what_is_no_json_lines(
        self, content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert said in self.told(tmp_path, content, capsys)

    def test_a_column_of_vectors_with_a_typo(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """All rows were imported, without a vector."""
        content = b'{"id": 1, "embedding": [1, 2], "text": "a"}\n'
        error = self.told(tmp_path, content, capsys, "--vector", "embeding")
        assert error.endswith("has a vector in the column embeding (did you mean embedding?)\n")
        error = self.told(tmp_path, content, capsys, "--vector", "q:v")
        assert error.endswith("has a vector in the column q (there are embedding, text)\n")

    def test_points_without_vectors_are_said(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "f.csv").write_text("id,text\n1,a\n")
        self.imported(tmp_path, tmp_path / "f.csv")
        assert "minidb: these points have no vectors. Columns that have some" in capsys.readouterr().err
        argv = ["--document", "text=minidb/hash-8", "--path", str(tmp_path / "other")]
        assert main(["import", "c", str(tmp_path / "f.csv"), *argv]) == 0
        assert "no vectors" not in capsys.readouterr().err

    @pytest.mark.parametrize("id_", ["1.0", "true", "null", "[1]"])
    def test_the_row_of_an_id_that_is_none(self, id_: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "f.jsonl").write_text(f'{{"id": 3, "t": 1}}\n{{"id": {id_}, "t": 1}}\n')
        assert main(["import", "c", str(tmp_path / "f.jsonl"), "--path", str(tmp_path / "store")]) == 1
        assert "minidb: row 2: the id " in capsys.readouterr().err

    def test_times_to_the_nanosecond(self, tmp_path: Path) -> None:
        """As pandas writes them."""
        arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        times = arrow.array([1_700_000_000_123_456_789, None], arrow.timestamp("ns"))
        zoned = arrow.array([1_700_000_000_123_456_789, None], arrow.timestamp("ns", "UTC"))
        parquet.write_table(arrow.table({"id": [1, 2], "t": times, "z": zoned}), tmp_path / "f.parquet")
        at = "2023-11-14T22:13:20.123456"
        assert self.imported(tmp_path, tmp_path / "f.parquet") == [(1, {"t": at, "z": f"{at}+00:00"}), (2, {})]
