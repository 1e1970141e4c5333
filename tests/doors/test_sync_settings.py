"""What a collection is set to follows with `push` and `pull`: what changed at the sender, and only that."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import qdrant_client
from doors.test_sync import NAME, create, done, fill, peer, points, state  # noqa: F401 - a fixture is among them
from qdrant_client.http.exceptions import UnexpectedResponse

from minidb import QdrantClient, models
from minidb.migration.clients import ClientEnd

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect", "ignore:Failed to obtain server")


def is_local(client: Any) -> bool:
    """Whether it is qdrant-client's local mode, which has no payload indexes."""
    return isinstance(client, qdrant_client.QdrantClient) and not hasattr(client._client, "rest_uri")


def indexes(client: Any) -> dict[str, str]:
    schema = client.get_collection(NAME).payload_schema
    return {field: str(getattr(index.data_type, "value", index.data_type)) for field, index in schema.items()}


def aliases(client: Any) -> dict[str, str]:
    return dict(ClientEnd(client).aliases())


def set_alias(client: Any, alias: str, name: str | None = NAME) -> None:
    end = ClientEnd(client)
    end.delete_alias(alias) if name is None else end.create_alias(name, alias)


def lines(report: Any) -> tuple[str, ...]:
    (collection,) = report.collections
    settings: tuple[str, ...] = collection.settings
    return settings


class TestPush:
    def test_indexes_made_changed_and_dropped(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        client.push(peer)
        for field, kind in (("n", "integer"), ("tag", "keyword"), ("n", "float"), ("tag", None)):
            if kind is None:
                client.delete_payload_index(NAME, field)
            else:
                client.create_payload_index(NAME, field, kind)
            report = client.push(peer)
            assert done(report) == (0, 0)
            if not is_local(peer):
                assert lines(report) == ()
                assert indexes(peer) == indexes(client)
            elif kind is not None:
                assert lines(report) == (
                    f"index of {field}: {{'type': '{kind}'}} at the sender, nothing at the receiver",
                )
        assert lines(client.push(peer)) == ()
        client.pull(peer)
        assert indexes(client) == {"n": "float"}

    def test_a_vector_that_an_older_server_cannot_add(
        self,
        client: QdrantClient,
        peer: Any,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Qdrant before 1.18 has no such route; its 404 ended the push."""
        if not hasattr(getattr(peer, "_client", None), "rest_uri"):
            pytest.skip("it is no server")
        fill(client)
        client.push(peer)

        def refuse(*args: Any, **kwargs: Any) -> None:
            raise UnexpectedResponse(404, "Not Found", b"", httpx.Headers())

        monkeypatch.setattr(type(peer), "create_vector_name", refuse)
        dense = models.DenseVectorConfig(size=2, distance=models.Distance.DOT)
        client.create_vector_name(NAME, "b", models.DenseVectorNameConfig(dense=dense))
        client.upsert(NAME, points([99]))
        report = client.push(peer)
        assert done(report) == (1, 0)
        assert lines(report)[0].startswith("vector of b: ")

    def test_configuration(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        client.push(peer)
        client.update_collection(
            NAME,
            hnsw_config=models.HnswConfigDiff(m=24),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=77),
            strict_mode_config=models.StrictModeConfig(enabled=True, max_query_limit=1000),
            quantization_config=models.ScalarQuantization(scalar=models.ScalarQuantizationConfig(type="int8")),
            metadata={"a": 1, "b": {"deep": True}},
        )
        report = client.push(peer)
        config = ClientEnd(peer).info(NAME)["config"]
        assert {key: config["metadata"][key] for key in ("a", "b")} == {"a": 1, "b": {"deep": True}}
        if is_local(peer):
            assert "hnsw_config.m: 24 at the sender, 16 at the receiver" in lines(report)
        else:
            assert lines(report) == ()
            assert (config["hnsw_config"]["m"], config["optimizer_config"]["indexing_threshold"]) == (24, 77)
            assert config["strict_mode_config"]["max_query_limit"] == 1000
            assert config["quantization_config"]["scalar"]["type"] == "int8"
        assert lines(client.push(peer)) == ()  # said once
        client.update_collection(NAME, vectors_config={"": models.VectorParamsDiff(on_disk=True)})
        assert lines(client.push(peer)) == (
            ("vectors.on_disk: True at the sender, nothing at the receiver",) if is_local(peer) else ()
        )
        client.update_collection(NAME, metadata={"a": None}, quantization_config=models.Disabled.DISABLED)
        assert lines(client.push(peer)) == () or is_local(peer)
        config = ClientEnd(peer).info(NAME)["config"]
        assert not config.get("quantization_config")
        assert "a" not in config["metadata"] or is_local(peer)

    def test_vectors(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        client.create_collection(NAME, {"a": models.VectorParams(size=2, distance=models.Distance.DOT)})
        client.push(peer)
        dense = models.DenseVectorConfig(size=3, distance=models.Distance.COSINE)
        client.create_vector_name(NAME, "b", models.DenseVectorNameConfig(dense=dense))
        sparse = models.SparseVectorConfig(modifier=models.Modifier.IDF)
        client.create_vector_name(NAME, "s", models.SparseVectorNameConfig(sparse=sparse))
        vectors: Any = {"b": [1, 2, 3], "s": models.SparseVector(indices=[1], values=[2])}
        client.upsert(NAME, [models.PointStruct(id=1, vector=vectors)])
        assert done(client.push(peer)) == (1, 0)
        assert state(peer).keys() == {1}
        assert ClientEnd(peer).info(NAME)["config"]["params"]["sparse_vectors"]["s"]["modifier"] == "idf"
        client.delete_vector_name(NAME, "b")
        client.push(peer)
        assert set(ClientEnd(peer).points(NAME, [1])[0]["vector"]) == {"s"}
        assert set(ClientEnd(peer).info(NAME)["config"]["params"]["vectors"]) == {"a"}

    def test_a_vector_that_was_made_there_stays(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        client.create_collection(NAME, {"a": models.VectorParams(size=2, distance=models.Distance.DOT)})
        client.push(peer)
        ClientEnd(peer).create_vector(NAME, "b", {"dense": {"size": 2, "distance": "Dot"}})
        dense = models.DenseVectorConfig(size=3, distance=models.Distance.DOT)
        client.create_vector_name(NAME, "b", models.DenseVectorNameConfig(dense=dense))
        (line,) = lines(client.push(peer))
        assert line.endswith("at the receiver: it is one of its own")
        assert ClientEnd(peer).info(NAME)["config"]["params"]["vectors"]["b"]["size"] == 2

    def test_a_vector_that_was_made_anew(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        client.create_collection(NAME, {name: models.VectorParams(size=2, distance="Dot") for name in "ab"})
        client.upsert(NAME, [models.PointStruct(id=1, vector={"a": [1, 2], "b": [1, 2]})])
        client.push(peer)
        client.delete_vector_name(NAME, "b")
        dense = models.DenseVectorConfig(size=3, distance=models.Distance.DOT)
        client.create_vector_name(NAME, "b", models.DenseVectorNameConfig(dense=dense))
        client.update_vectors(NAME, [models.PointVectors(id=1, vector={"b": [1, 2, 3]})])
        assert lines(client.push(peer)) == ()
        assert ClientEnd(peer).points(NAME, [1])[0]["vector"] == {"a": [1, 2], "b": [1, 2, 3]}

    def test_aliases(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        client.create_collection("more", models.VectorParams(size=2, distance=models.Distance.DOT))
        set_alias(client, "x")
        client.push(peer)
        assert aliases(peer) == {"x": NAME}
        set_alias(client, "x", "more")
        set_alias(client, "y")
        client.push(peer)
        assert aliases(peer) == {"x": "more", "y": NAME}
        set_alias(client, "x", None)
        client.push(peer)
        assert aliases(peer) == {"y": NAME}

    def test_an_alias_that_means_something_else_there_stays(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        set_alias(client, "x")
        create(peer)
        ClientEnd(peer).create("more", {"vectors": {"size": 2, "distance": "Dot"}})
        set_alias(peer, "x", "more")
        report = client.push(peer)
        assert lines(report) == ("alias of x: notes at the sender, nothing at the receiver: it is more there",)
        assert aliases(peer) == {"x": "more"}

    def test_what_was_changed_there_stays(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        set_alias(client, "x")
        client.push(peer)
        ClientEnd(peer).create_index(NAME, "theirs", "keyword")
        ClientEnd(peer).update(NAME, {"hnsw_config": {"m": 32}, "metadata": {"theirs": 1}})
        set_alias(peer, "theirs")
        client.update_collection(NAME, metadata={"ours": 1})
        before = indexes(peer), ClientEnd(peer).info(NAME)["config"]["hnsw_config"]
        client.push(peer)
        assert (indexes(peer), ClientEnd(peer).info(NAME)["config"]["hnsw_config"]) == before
        assert aliases(peer) == {"x": NAME, "theirs": NAME}
        metadata = peer.get_collection(NAME).config.metadata
        assert (metadata["ours"], metadata["theirs"]) == (1, 1)


class TestPull:
    def test_what_was_changed_there_comes(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        client.push(peer)
        client.pull(peer)
        end = ClientEnd(peer)
        end.create_index(NAME, "n", "integer")
        end.update(NAME, {"metadata": {"theirs": 1}, "hnsw_config": {"m": 32}})
        end.create_vector(NAME, "s", {"sparse": {}})
        set_alias(peer, "theirs")
        client.create_payload_index(NAME, "ours", models.PayloadSchemaType.KEYWORD)
        assert lines(client.pull(peer)) == ()
        theirs = {} if is_local(peer) else {"n": "integer"}
        assert indexes(client) == {**theirs, "ours": "keyword"}
        assert aliases(client) == {"theirs": NAME}
        config = client.get_collection(NAME).config
        assert (config.metadata or {})["theirs"] == 1
        assert config.hnsw_config.m == (16 if is_local(peer) else 32)
        assert set(config.params.sparse_vectors or ()) == {"s"}
        if not is_local(peer):
            peer.delete_payload_index(NAME, "n")
        set_alias(peer, "theirs", None)
        client.pull(peer)
        assert indexes(client) == {"ours": "keyword"}
        assert aliases(client) == {}

    def test_what_was_dropped_here_does_not_come_back(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        client.create_payload_index(NAME, "n", models.PayloadSchemaType.INTEGER)
        set_alias(client, "x")
        client.push(peer)
        client.delete_payload_index(NAME, "n")
        set_alias(client, "x", None)
        client.pull(peer)
        assert (indexes(client), aliases(client)) == ({}, {})
        client.push(peer)
        assert (indexes(peer), aliases(peer)) == ({}, {})

    def test_a_pull_and_then_the_first_push(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        with QdrantClient(":memory:") as first:
            fill(first)
            set_alias(first, "x")
            first.push(peer)
        client.pull(peer)
        assert aliases(client) == {"x": NAME}
        set_alias(client, "x", None)
        client.push(peer)
        assert aliases(peer) == {}

    def test_a_source_made_anew_takes_nothing_away(self, client: QdrantClient, peer: Any) -> None:  # noqa: F811
        fill(client)
        client.create_payload_index(NAME, "n", models.PayloadSchemaType.INTEGER)
        set_alias(client, "x")
        client.push(peer)
        client.pull(peer)
        peer.delete_collection(NAME)
        create(peer)
        client.pull(peer)
        assert (indexes(client), aliases(client)) == ({"n": "integer"}, {"x": NAME})


def test_both_sides_push(client: QdrantClient) -> None:
    """What one store has sent the other does not send back."""
    with QdrantClient(":memory:") as other:
        fill(client)
        client.push(other)
        other.push(client)
        client.create_payload_index(NAME, "n", models.PayloadSchemaType.INTEGER)
        client.push(other)
        client.delete_payload_index(NAME, "n")
        other.push(client)
        assert indexes(client) == {}
        client.push(other)
        assert indexes(other) == {}


def test_a_refused_setting_keeps_nothing_else_back(client: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    with QdrantClient(":memory:") as other:
        fill(client)
        client.push(other)
        client.create_payload_index(NAME, "n", models.PayloadSchemaType.INTEGER)
        client.update_collection(NAME, metadata={"a": 1})
        client.upsert(NAME, points([77]))
        other.update_collection(
            NAME, strict_mode_config=models.StrictModeConfig(enabled=True, max_payload_index_count=0)
        )
        report = client.push(other)
        (line,) = lines(report)
        assert line.startswith("index of n: {'type': 'integer'} at the sender, nothing at the receiver: ")
        assert done(report) == (1, 0)
        assert (other.get_collection(NAME).config.metadata or {})["a"] == 1
