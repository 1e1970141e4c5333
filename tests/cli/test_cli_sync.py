"""`minidb push` and `minidb pull` between directories and servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors.serving import place, store_or_server

from minidb import QdrantClient, models
from minidb.cli import main


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with QdrantClient(tmp_path / "store", durability="off") as client:
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.upsert("c", [models.PointStruct(id=each, vector=[each, 1], payload={"t": 1}) for each in range(5)])
    return tmp_path / "store"


@pytest.fixture(params=["store", "server"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with store_or_server(request.param, tmp_path / "other") as found:
        yield found


def test_there_and_back(store: Path, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["push", other, "--path", str(store)]) == 0
    assert capsys.readouterr().out.startswith("c: 5 written, 0 deleted (")
    where = place(other)
    assert main(["delete", "c", "1", *where]) == 0
    capsys.readouterr()
    assert main(["pull", other, "c", "--path", str(store), "--newest-by", "t", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert (report["name"], report["written"], report["deleted"]) == ("c", 0, 1)
    assert main(["pull", other, "--path", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.startswith("c: 4 written")
    assert main(["count", "c", "--path", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out == "4\n"


def test_what_only_the_other_side_has(store: Path, other: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["push", other], ["delete", "c", "1"], ["push", other, "--mirror", "--name", "other"]):
        capsys.readouterr()
        assert main([*command, "--path", str(store)]) == 0
    assert capsys.readouterr().out.startswith("c: 4 written, 1 deleted")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["push", "{store}2", "none"], "does not have collections: ['none']"),
        (["push", "{store}"], "both are the same store"),
        (["pull", "{store}/nothing"], "there is no store at"),
        (["push", "http://127.0.0.1:1"], "Connection refused"),
    ],
)
def test_refusals(store: Path, argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*(each.format(store=store) for each in argv), "--path", str(store)]) == 1
    assert said in capsys.readouterr().err
