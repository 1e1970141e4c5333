"""What the page asks for: its files, plans, maps, models, the table of routes; and the command that opens it."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from serving import PATIENCE_S, server_in_a_thread

import minidb
from minidb import QdrantClient, models
from minidb.cli import main
from minidb.query.projection import principal

FOLDER = Path(minidb.__file__).parent / "server" / "dashboard"
API = "/dashboard/api/collections/docs"


@pytest.fixture(params=["memory", "durable"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with server_in_a_thread(":memory:" if request.param == "memory" else tmp_path) as url:
        vectors = {
            "a": {"size": 3, "distance": "Euclid"},
            "m": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
        }
        assert httpx.put(f"{url}/collections/docs", json={"vectors": vectors, "sparse_vectors": {"s": {}}}).is_success
        points = [
            {
                "id": at,
                "vector": {
                    "a": [at, 0, 0],
                    "m": [[at, 1], [at, -1]],
                    "s": {"indices": [5, 4_000_000_000], "values": [at, 1]},
                },
                "payload": {"n": at, "tags": ["even", "x"] if at % 2 == 0 else [], "deep": {"k": "v"}},
            }
            for at in range(20)
        ]
        assert httpx.put(
            f"{url}/collections/docs/points", json={"points": [*points, {"id": 99, "vector": {}}]}
        ).is_success
        yield url


class TestFiles:
    def test_the_page_is_small_and_lets_nothing_in_from_elsewhere(self, url: str) -> None:
        assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 80_000
        for file in FOLDER.iterdir():
            answer = httpx.get(f"{url}/dashboard/{file.name}")
            assert answer.content == file.read_bytes()
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert "://" not in file.read_text().replace("http://www.w3.org/2000/svg", "")
        moved = httpx.get(f"{url}/dashboard")
        assert (moved.status_code, moved.headers["location"]) == (307, "dashboard/")
        assert httpx.get(f"{url}/dashboard/").text == (FOLDER / "index.html").read_text()

    @pytest.mark.parametrize(
        "name",
        ["../settings.py", "%2e%2e/settings.py", "..%2fsettings.py", "no.js", "%00", ".", "x" * 300, "a/" * 3000],
    )
    def test_nothing_beside_the_files_is_given(self, url: str, name: str) -> None:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))  # sends a path as it is
        connection.request("GET", f"/dashboard/{name}")
        assert connection.getresponse().status == 404
        connection.close()

    def test_files_need_no_key_and_all_they_ask_does(self) -> None:
        with server_in_a_thread(api_key="k") as url:
            assert httpx.get(f"{url}/dashboard/").status_code == 200
            for path in ("/collections", "/dashboard/api/routes", f"{API}/models"):
                assert httpx.get(url + path).status_code == 401
            assert httpx.get(f"{url}/dashboard/api/routes", headers={"api-key": "k"}).status_code == 200

    def test_another_page_can_take_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "assets").mkdir()
        (tmp_path / "index.html").write_text("<p>theirs")
        (tmp_path / "assets" / "x.js").write_text("1")
        with server_in_a_thread(web_ui=tmp_path) as url:
            assert httpx.get(f"{url}/dashboard/").text == "<p>theirs"
            assert httpx.get(f"{url}/dashboard/assets/x.js").headers["content-type"].startswith("text/javascript")
            assert httpx.get(f"{url}/dashboard/app.js").status_code == 404


class TestRoutes:
    def test_a_plan_is_a_tree_in_the_words_of_the_api(self, url: str) -> None:
        body = {"query": [1, 0, 0], "using": "a", "filter": {"must": [{"key": "n", "range": {"lt": 5}}]}}
        root = httpx.post(f"{url}/collections/docs/points/query/explain", json=body).json()["result"]
        steps, waiting = [], [root]
        while waiting:
            steps.append(waiting.pop())
            waiting += steps[-1]["steps"]
        assert {'n range {"lt": 5.0}'} == {step["facts"]["clause"] for step in steps if step["name"] == "clause"}
        assert all(step["micros"] <= root["micros"] for step in steps)

    @pytest.mark.parametrize("using", ["a", "m", "s"])
    def test_a_map_has_the_points_that_have_the_vector(self, url: str, using: str) -> None:
        found = httpx.post(f"{url}{API}/map", json={"using": using, "color_by": "tags"}).json()["result"]
        assert (found["ids"], found["total"]) == (list(range(20)), 20)
        assert found["values"] == ["even", None] * 10
        np.testing.assert_allclose(np.abs(np.diff(found["x"])), 1, rtol=1e-5)  # they lie on a line, one apart
        assert found["explained"] == pytest.approx([1, 0], abs=1e-6)

    def test_a_map_takes_a_filter_and_a_limit(self, url: str) -> None:
        few = {"using": "a", "filter": {"must": [{"key": "n", "range": {"gte": 10}}]}, "limit": 4, "color_by": "n"}
        found = httpx.post(f"{url}{API}/map", json=few).json()["result"]
        assert found["total"] == 10
        assert len(found["ids"]) == 4
        assert found["ids"] == found["values"]
        nothing = httpx.post(f"{url}{API}/map", json={"using": "a", "filter": {"must": [{"has_id": [99]}]}})
        assert nothing.json()["result"] == {"ids": [], "x": [], "y": [], "values": [], "explained": [0, 0], "total": 0}

    @pytest.mark.parametrize(
        ("body", "status"),
        [({"using": "zz"}, 400), ({"using": "a", "limit": 0}, 422), ({"using": "a", "limit": 5001}, 422),
         ({"using": "a", "color_by": "a["}, 400), ({"usin": "a"}, 400)],
    )  # fmt: skip
    def test_wrong_maps_are_refused(self, url: str, body: dict[str, object], status: int) -> None:
        assert httpx.post(f"{url}{API}/map", json=body).status_code == status

    def test_models_that_fit_are_named(self, url: str) -> None:
        found = httpx.get(f"{url}{API}/models").json()["result"]
        assert found["a"][0] == "minidb/hash-3"
        assert found["s"][0] == "qdrant/bm25"
        assert found["m"] == []
        metadata = {"minidb_models": {"a": "openai/text-embedding-3-small", "s": 5, "x": "minidb/hash-3"}}
        httpx.patch(f"{url}/collections/docs", json={"metadata": metadata}).raise_for_status()
        found = httpx.get(f"{url}{API}/models").json()["result"]
        assert found["a"][:2] == ["openai/text-embedding-3-small", "minidb/hash-3"]  # noted by `minidb import`
        assert found["s"][0] == "qdrant/bm25"
        assert set(found) == {"a", "s", "m"}

    def test_the_table_of_routes_is_whole(self, url: str) -> None:
        table = httpx.get(f"{url}/dashboard/api/routes").json()["result"]
        assert {"method": "PUT", "path": "/collections/{collection_name}/points", "writes": True} in table
        assert {"method": "POST", "path": f"{API.replace('docs', '{collection_name}')}/map", "writes": False} in table


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix])
def test_the_map_is_the_plane_of_largest_variance(kind: type) -> None:
    random = np.random.default_rng(3)
    matrix = (random.standard_normal((200, 40)) * np.r_[9, 5, np.ones(38)] + 3).astype(np.float32)
    coordinates, shares = principal(kind(matrix))
    centred = matrix.astype(np.float64) - matrix.mean(axis=0, dtype=np.float64)
    left, lengths, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(coordinates), np.abs(left[:, :2] * lengths[:2]), rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(shares, lengths[:2] ** 2 / (lengths**2).sum(), rtol=1e-3)


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (5, 1), (3, 4)])
def test_a_map_of_few_or_equal_points(shape: tuple[int, int]) -> None:
    coordinates, shares = principal(np.full(shape, 7, np.float32))
    assert coordinates.shape == (shape[0], 2)
    np.testing.assert_allclose(coordinates, 0, atol=1e-5)
    assert shares == (0.0, 0.0)


class TestCommand:
    def test_it_shows_a_store(self, tmp_path: Path) -> None:
        with QdrantClient(tmp_path / "db") as client:
            client.create_collection("docs", models.VectorParams(size=2, distance=models.Distance.DOT))
        command = [sys.executable, "-m", "minidb", "dashboard", "--path", str(tmp_path / "db"), "--no-browser"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                address = next(word for word in process.stdout.readline().split() if word.startswith("http")).rstrip(
                    ","
                )
                assert httpx.get(address, timeout=PATIENCE_S).status_code == 200
                assert "docs" in httpx.get(address.replace("/dashboard/", "/collections"), timeout=PATIENCE_S).text
                process.terminate()
                assert process.wait(PATIENCE_S) == 0
            finally:
                process.kill()

    def test_what_is_no_store_or_no_page_is_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["dashboard", "--path", str(tmp_path / "none"), "--no-browser"]) == 1
        assert "there is no store at" in capsys.readouterr().err
        assert not (tmp_path / "none").exists()
        with pytest.raises(SystemExit):
            main(["serve", "--memory", "--web-ui", str(tmp_path)])
        assert "index.html" in capsys.readouterr().err
