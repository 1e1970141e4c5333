"""The page in a real browser: every view with data, empty, with an error, with a key; keyboard, dark, 360 pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from browsing import chromium
from serving import server_in_a_thread

from minidb import QdrantClient, models

LARGE_ID = 2**63 + 12345
ODD = "&lt; %41 'x'#"
SCREENSHOTS = os.environ.get("MINIDB_SCREENSHOTS")
"""A folder to put pictures of every view into, for people to look at."""
WAIT_MS = 120_000
NARROWER = "[...document.querySelectorAll('.scroll')].every((card) => card.scrollWidth <= card.clientWidth)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hundred texts with dense, BM25 and multivectors; an empty collection; one of a hostile name."""
    path = tmp_path_factory.mktemp("page") / "store"
    with QdrantClient(path, durability="off") as client:
        client.create_collection(
            "docs",
            {
                "text": models.VectorParams(size=64, distance=models.Distance.COSINE),
                "tokens": models.VectorParams(
                    size=4,
                    distance=models.Distance.DOT,
                    multivector_config=models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM),
                ),
            },
            sparse_vectors_config={"bm25": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
        client.create_payload_index("docs", "year", models.PayloadSchemaType.INTEGER)
        client.create_payload_index("docs", "lang", models.PayloadSchemaType.KEYWORD)
        words = [
            "python yield generator",
            "rust borrow checker",
            "vector search engine",
            "bread <img src=x onerror=alert(1)>",
        ]
        random = np.random.default_rng(0)
        client.upsert(
            "docs",
            [
                models.PointStruct(
                    id=LARGE_ID if at == 299 else at,
                    vector={
                        "text": models.Document(text=f"{words[at % 4]} {at}", model="minidb/hash-64"),
                        "bm25": models.Document(text=f"{words[at % 4]} {at}", model="qdrant/bm25"),
                        "tokens": random.standard_normal((3, 4)).tolist(),
                    },
                    payload={"text": f"{words[at % 4]} {at}", "year": 2000 + at % 7, "lang": ["en", "de"][at % 2]},
                )
                for at in range(300)
            ],
        )
        client.create_collection("empty", models.VectorParams(size=2, distance=models.Distance.DOT))
        client.create_collection(ODD, models.VectorParams(size=2, distance="Dot"))
    return path


class Reader:
    """A tab, what went wrong in it, and short ways to look around."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.problems: list[str] = []
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: self.problems.append("a script ran: " + dialog.message))

    def open(self, place: str = "") -> Any:
        self.page.goto(f"{self.url}/dashboard/#/{place}")
        self.settled()
        return self.page

    def settled(self) -> None:
        self.page.wait_for_function(
            "() => document.querySelector('#main').children.length && !document.querySelector('[aria-busy]')"
        )

    def main(self) -> str:
        self.settled()
        return str(self.page.inner_text("#main"))

    def picture(self, name: str) -> None:
        if SCREENSHOTS:
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)

    def is_within_the_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.fixture(scope="module")
def url(store: Path) -> Iterator[str]:
    with server_in_a_thread(store) as url:
        yield url


@pytest.fixture
def reader(browser: Any, url: str) -> Iterator[Reader]:
    context = browser.new_context(viewport={"width": 1200, "height": 800}, color_scheme="light")
    reader = Reader(context.new_page(), url)
    yield reader
    assert reader.problems == []
    context.close()


def test_collections_are_listed_and_lead_to_their_points(reader: Reader) -> None:
    page = reader.open()
    text = reader.main()
    assert "300" in text
    assert "bm25 sparse idf" in text
    assert "year integer" in text
    assert " kB" in text
    assert ODD in text
    reader.picture("collections")
    page.click("text=docs")
    page.wait_for_selector("table.points")
    assert "300 points" in reader.main()
    page.go_back()
    page.wait_for_selector("text=Payload indexes")
    page.get_by_text(ODD).click()
    page.wait_for_selector("text=No points yet")


def test_points_are_filtered_ordered_and_paged(reader: Reader) -> None:
    page = reader.open("collection/docs/points")
    page.fill("#filter", "lang = en, year >= 2005")
    page.press("#filter", "Enter")
    page.wait_for_selector("text=page 1 · 42 points")
    reader.picture("points")
    page.fill("#filter", "")
    page.select_option("select", "desc:year")
    seen: list[str] = []
    for number in range(1, 13):
        page.wait_for_selector(f"text=page {number} · 300 points")
        seen += page.locator("td[data-label=id]").all_inner_texts()
        if number < 12:
            page.click("text=Next →")
    assert len(seen) == 300
    assert set(seen) == {*map(str, range(299)), str(LARGE_ID)}
    page.click("text=← Previous")
    page.wait_for_selector("text=page 11 · 300 points")
    page.fill("#filter", "what is this")
    page.press("#filter", "Enter")
    page.wait_for_selector("[role=alert]")
    assert "Cannot read" in reader.main()
    reader.picture("points-error")
    page.fill("#filter", "lang = fr")
    page.press("#filter", "Enter")
    page.wait_for_selector("text=No point satisfies the filter.")


def test_a_point_shows_payload_vectors_and_neighbours(reader: Reader) -> None:
    reader.open(f"collection/docs/point/{LARGE_ID}")
    text = reader.main()
    assert f"docs / {LARGE_ID}" in text
    assert '"text": "bread <img src=x onerror=alert(1)> 299"' in text
    assert "64 dimensions, length 1.000" in text
    assert "mean of 3 tokens of 4 dimensions" in text
    assert text.count("Neighbours") == 3
    assert reader.page.locator("ol.hits li").count() >= 20
    reader.picture("point")


def test_search_shows_the_vectors_side_by_side_with_their_plans(reader: Reader) -> None:
    page = reader.open("collection/docs/search")
    assert not page.is_checked("label:has-text('tokens') input[type=checkbox]"), (
        "no model makes vectors of four numbers"
    )
    page.fill("#query", "yield generator")
    page.press("#query", "Control+Enter")
    page.wait_for_selector("section h2")
    reader.settled()
    assert page.locator("section h2").all_inner_texts() == ["text", "bm25", "hybrid (RRF)"]
    for hits in page.locator("section ol.hits").all():
        assert "python yield generator" in hits.inner_text().split("\n")[2]
    page.click("section >> nth=2 >> text=Plan")
    assert "inverted index" in page.locator("section >> nth=2").inner_text()
    reader.picture("search")
    page.select_option("select", "vector")
    page.fill("#query", '{"indices": [1, 2], "values": [1, 2]}')
    page.press("#query", "Control+Enter")
    page.wait_for_selector("text=No hits.")
    page.select_option("select", "id")
    page.fill("#query", "no-id")
    page.press("#query", "Control+Enter")
    page.wait_for_selector("text=neither a number nor a UUID")
    page.fill("#query", str(LARGE_ID))
    page.press("#query", "Control+Enter")
    page.wait_for_selector("section ol.hits")


def test_the_map_is_drawn_coloured_and_walked_by_keyboard(reader: Reader) -> None:
    page = reader.open("collection/docs/map")
    page.wait_for_selector("canvas")
    offered = page.evaluate("[...document.querySelector('input[list]').list.options].map((each) => each.value)")
    assert offered == ["year", "lang", "text"]
    page.fill("input[list]", "lang")
    page.press("input[list]", "Enter")
    page.wait_for_selector("text=en (150)")
    reader.settled()
    page.focus("canvas")
    page.press("canvas", "ArrowRight")
    page.wait_for_selector(".tip:not([hidden])")
    reader.picture("map")
    page.press("canvas", "Enter")
    page.wait_for_selector("text=Neighbours")
    reader.open("collection/empty/map")
    assert "No point has this vector" in reader.main()


def test_the_console_sends_requests_and_has_the_routes(reader: Reader) -> None:
    page = reader.open("console")
    page.select_option("select >> nth=0", "POST /collections/{collection_name}/points/count")
    page.fill("input.mono", "/collections/docs/points/count")
    page.click("text=Send >> nth=0")
    page.wait_for_selector("text=200 in")
    assert '"count": 300' in page.inner_text("pre")
    assert page.title() == "console · minidb"
    reader.picture("console")
    assert page.locator("option:has-text('(writes)')").count() > 20
    page.fill("input.mono", "///example.org/collections")
    page.click("text=Send >> nth=0")
    page.wait_for_selector("text=That is another server.")


def test_errors_and_unknown_places_are_told(reader: Reader) -> None:
    reader.open("collection/nothing/points")
    assert "Collection `nothing` doesn't exist!" in reader.main()
    assert reader.page.inner_text("h1") == "nothing"
    reader.picture("missing")
    reader.open("no/such/page")
    assert "There is no such page." in reader.main()
    reader.open("collection/docs/toString")
    assert "There is no such page." in reader.main()
    reader.page.click("text=All collections")
    reader.page.wait_for_selector("text=Payload indexes")
    assert any("404" in problem for problem in reader.problems)  # the browser's own note of the answer
    reader.problems.clear()


def test_the_keyboard_is_enough(reader: Reader) -> None:
    page = reader.open()
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.points")
    reader.settled()
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.wait_for_selector("#query")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_selector("text=Console >> nth=1")


@pytest.mark.parametrize("place", ["", "collection/docs/points", "collection/docs/point/1", "collection/docs/search",
                                   "collection/docs/map", "collection/docs/info", "console"])  # fmt: skip
def test_a_narrow_dark_screen(browser: Any, url: str, place: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    reader = Reader(context.new_page(), url)
    page = reader.open(place)
    assert reader.is_within_the_window()
    assert page.evaluate(NARROWER), "cut off within its card"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    reader.picture("narrow-" + (place.replace("/", "-") or "collections"))
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    assert reader.problems == []
    context.close()


def test_a_key_is_asked_for_and_kept_for_the_tab_only(browser: Any, store: Path) -> None:
    with server_in_a_thread(store, api_key="let-me-in") as url:
        context = browser.new_context()
        reader = Reader(context.new_page(), url)
        page = reader.open()
        assert "needs an API key" in reader.main()
        page.fill("#key", "wrong")
        page.press("#key", "Enter")
        page.wait_for_selector("text=Invalid API key or JWT")
        reader.picture("key")
        page.fill("#key", "let-me-in")
        page.press("#key", "Enter")
        page.wait_for_selector("text=Payload indexes")
        assert "let-me-in" not in page.url
        assert page.evaluate("JSON.stringify(localStorage)") == "{}"
        page.click("text=Forget key")
        page.wait_for_selector("#key")
        context.close()


def test_nothing_is_asked_of_other_machines(browser: Any, url: str) -> None:
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    Reader(page, url).open("collection/docs/search")
    assert len(asked) > 10
    assert {httpx.URL(address).netloc for address in asked} == {httpx.URL(url).netloc}
    page.close()
