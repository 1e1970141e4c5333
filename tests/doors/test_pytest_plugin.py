"""The pytest plugin, in runs of pytest of its own."""

from __future__ import annotations

import sys

import pytest
import qdrant_client  # noqa: F401  (pytester forgets what its runs import, and numpy must not be imported twice)


def passes(pytester: pytest.Pytester, **outcomes: int) -> pytest.RunResult:
    """Runs the files made before; all that is not said to fail or be skipped must pass."""
    result = pytester.runpytest_inprocess("-W", "error", "-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(**outcomes)
    return result


def test_each_fixture_is_an_empty_store_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import minidb, pytest, qdrant_client

        @pytest.mark.parametrize("again", [1, 2])
        def test_sync(again, minidb_client, minidb_qdrant_client):
            assert type(minidb_client) is minidb.QdrantClient
            assert type(minidb_qdrant_client) is qdrant_client.QdrantClient
            for client in (minidb_client, minidb_qdrant_client):
                assert client.get_collections().collections == []
                client.create_collection("c", {})

        @pytest.mark.parametrize("again", [1, 2])
        def test_async(again, minidb_async_client, minidb_async_qdrant_client):
            assert type(minidb_async_client) is minidb.AsyncQdrantClient
            assert type(minidb_async_qdrant_client) is qdrant_client.AsyncQdrantClient

            async def work(client):
                assert (await client.get_collections()).collections == []
                await client.create_collection("c", {})

            for client in (minidb_async_client, minidb_async_qdrant_client):
                asyncio.run(work(client))
        """
    )
    passes(pytester, passed=4)


def test_fixtures_close_their_stores(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import asyncio
        import minidb, pytest, qdrant_client

        clients = []

        def test_them(minidb_client, minidb_async_client, minidb_qdrant_client, minidb_async_qdrant_client):
            clients[:] = [minidb_client, minidb_async_client, minidb_qdrant_client, minidb_async_qdrant_client]

        def test_they_are_closed():
            for client in clients:
                with pytest.raises(Exception, match="has been closed"):
                    called = client.get_collections()
                    if asyncio.iscoroutine(called):
                        asyncio.run(called)
        """
    )
    passes(pytester, passed=2)


def test_without_qdrant_client_its_fixtures_skip(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    pytester.makepyfile(
        """
        def test_sync(minidb_qdrant_client): pass
        def test_async(minidb_async_qdrant_client): pass
        def test_own(minidb_client): pass
        """
    )
    result = pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(
        [
            "*minidb_qdrant_client needs qdrant-client: pip install qdrant-client*",
            "*minidb_async_qdrant_client needs qdrant-client: pip install qdrant-client*",
        ]
    )


APP = """
    from qdrant_client import QdrantClient, models

    def add(url):
        client = QdrantClient(url=url)
        if not client.collection_exists("c"):
            client.create_collection("c", models.VectorParams(size=1, distance=models.Distance.DOT))
        client.upsert("c", [models.PointStruct(id=1 + client.count("c").count, vector=[1.0])])
        return client.count("c").count
"""


def test_the_marker_answers_addresses_for_one_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        app=APP,
        test_it="""
        import minidb, pytest, unittest
        from app import add
        from qdrant_client.qdrant_remote import QdrantRemote

        ORIGINAL = QdrantRemote.__init__

        @pytest.fixture
        def client():
            return minidb.QdrantClient(url="http://localhost:6333")

        @pytest.mark.minidb_intercept("http://localhost:6333")
        @pytest.mark.parametrize("again", [1, 2])
        def test_one(again, client):
            assert add("http://localhost:6333") == 1
            assert client.count("c").count == 1

        @pytest.mark.minidb_intercept
        def test_the_usual_address():
            assert add("http://localhost:6333") == 1

        @pytest.mark.minidb_intercept("http://a", "https://b/p")
        @pytest.mark.minidb_intercept("http://c")
        class TestSeveral:
            @pytest.mark.minidb_intercept("http://d", "http://a")
            def test_each_has_its_own_store(self):
                for url in ("http://a", "https://b/p", "http://c", "http://d"):
                    assert (add(url), add(url)) == (1, 2)

        @pytest.mark.minidb_intercept("http://a")
        class TestOfUnittest(unittest.TestCase):
            def setUp(self):
                add("http://a")

            def test_one(self):
                self.assertEqual(add("http://a"), 2)

        def test_without():
            assert QdrantRemote.__init__ is ORIGINAL
        """,
    )
    passes(pytester, passed=6)


def test_the_ini_option_answers_addresses_for_every_test(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nminidb_intercept = http://a https://b:1/p\n")
    pytester.makepyfile(
        app=APP,
        test_it="""
        import pytest
        from app import add

        @pytest.mark.parametrize("url", ["http://a", "https://b:1/p", "http://a"])
        def test_each(url):
            assert add(url) == 1

        @pytest.mark.minidb_intercept("http://c")
        def test_a_marker_adds_to_it():
            assert add("http://a") == add("http://c") == 1
        """,
    )
    passes(pytester, passed=4)


def test_an_address_that_is_none_is_an_error_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.minidb_intercept("ftp://a")
        def test_it(): pass
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*Unknown scheme: ftp*"])


def test_a_run_that_uses_nothing_of_it_imports_next_to_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            assert "minidb.pytest_plugin" in sys.modules
            assert not {"numpy", "pydantic", "httpx", "minidb.client", "minidb.models"} & sys.modules.keys()
        """
    )
    pytester.runpytest_subprocess("-p", "no:hypothesispytest").assert_outcomes(passed=1)


def test_the_marker_and_the_ini_option_explain_themselves(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("--markers").stdout.fnmatch_lines(["@pytest.mark.minidb_intercept(*urls): addresses*"])
    pytester.runpytest_inprocess("--help").stdout.fnmatch_lines(
        ["*minidb_intercept (args):*", "*for every test: addresses*"]
    )
