"""BM25 against the goldens of Qdrant's documentation and, bit by bit, against qdrant-edge."""

from __future__ import annotations

import random
import threading
import warnings

import numpy as np
import pytest
from bm25_oracle import TOKENIZERS, random_options, random_text, reference, same
from hypothesis import given, settings
from hypothesis import strategies as st

from minidb import errors, inference
from minidb.inference.bm25 import TokenOptions, TokenPipeline, embed, model_for, options, parse_options
from minidb.inference.bm25.embed import term_id
from minidb.models.inference import Document, Image
from minidb.text.languages import SNOWBALL_LANGUAGES, STOPWORD_LANGUAGES
from minidb.text.pipeline import stemmer

COOKIES = "Recipe for baking chocolate chip cookies"


def document(text, **opts):
    return model_for(opts).documents([text])[0]


def query(text, **opts):
    return model_for(opts).queries([text])[0]


def agrees(opts, texts):
    model, oracle = model_for(opts), reference(opts)
    for text, doc, asked in zip(texts, model.documents(texts), model.queries(texts), strict=True):
        assert same(asked, oracle.embed_query(text)), (opts, text)
        if not collides(model, text):
            assert same(doc, oracle.embed_document(text)), (opts, text)


def collides(model, text):
    """Whether two terms share an index ("onunkei" and "gi" do): minidb adds them up, the oracle keeps either."""
    pipeline = model._pipeline
    terms = {term for raw in pipeline.split(text) for term in pipeline.document_terms(raw)}
    return len(set(map(term_id, terms))) < len(terms)


def test_terms_that_share_an_index_are_added_up():
    both = document("onunkei gi", stemmer={"type": "none"})
    assert len(both.indices) == 1
    assert both.values[0] > document("onunkei", stemmer={"type": "none"}).values[0]


def test_row_029_indices_of_a_document():
    assert document(COOKIES).indices.tolist() == [112174620, 177304315, 662344706, 771857363, 1617337648]
    assert document(COOKIES).indices.dtype == np.uint32


def test_row_030_values_of_a_document():
    values = document(COOKIES).values
    assert values.dtype == np.float32
    assert values.view(np.uint32).tolist() == [0x3FD5B9B8] * 5


@pytest.mark.parametrize("name", ["qdrant/bm25", "Qdrant/bm25", "bm25", "BM25"])
def test_rows_031_035_names_of_the_model(name):
    vector = inference.resolve({"vector": {"text": Document(text=COOKIES, model=name)}}, operation="update")["vector"]
    assert vector["text"].indices.tolist() == document(COOKIES).indices.tolist()


def test_rows_032_058_a_query_weighs_every_term_one():
    asked = inference.resolve(Document(text="How to bake cookies?", model="qdrant/bm25"), operation="search")
    assert asked.indices.tolist() == [112174620, 662344706]
    assert asked.values.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("k", [0, 0.5, 3, 1e30])
@pytest.mark.parametrize("b", [0, 0.3, 1])
@pytest.mark.parametrize("avg_len", [0.5, 10, 256])
def test_rows_036_037_038_weights(k, b, avg_len):
    agrees({"k": k, "b": b, "avg_len": avg_len}, [COOKIES, "chip chip chip chips of chocolate", ""])


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("language", [*STOPWORD_LANGUAGES, *STOPWORD_LANGUAGES.values()])
def test_rows_039_040_every_language(language, tokenizer):
    rng = random.Random(f"{language} {tokenizer}")
    agrees({"language": language, "tokenizer": tokenizer}, [random_text(rng, language) for _ in range(12)])


@given(st.integers(0, 2**32))
@settings(max_examples=400, deadline=None)
def test_rows_036_to_045_all_options(seed):
    rng = random.Random(seed)
    opts = random_options(rng)
    agrees(opts, [random_text(rng, opts.get("language", "english")) for _ in range(3)])


@pytest.mark.parametrize(
    ("stopwords", "dropped"),
    [
        ({}, ""),
        ({"custom": []}, ""),
        ({"custom": ["chip"]}, "chip"),
        ({"languages": ["french"]}, "le de"),
        ({"languages": ["fr", "english"]}, "le de the for"),
        ({"languages": ["fr"], "custom": ["chip", "the"]}, "le de the chip"),
        ("french", "le de"),
        ("en", "the for"),
    ],
    ids=str,
)
def test_row_043_stopwords_of_languages_and_ones_own(stopwords, dropped):
    opts = {"stopwords": stopwords, "stemmer": {"type": "none"}}
    words = {"the", "chip", "le", "for", "de", "cookies"}
    text = " ".join(sorted(words))
    agrees(opts, [text])
    for vector in (document(text, **opts), query(text, **opts)):
        assert set(vector.indices.tolist()) == {term_id(word) for word in words - set(dropped.split())}


@pytest.mark.parametrize(("lowercase", "left"), [(True, ["bar"]), (False, ["foo", "FOO", "bar", "Bar"])])
def test_row_041_stopwords_are_written_small_where_words_are(lowercase, left):
    opts = {"stopwords": {"custom": ["Foo"]}, "stemmer": {"type": "none"}, "lowercase": lowercase}
    agrees(opts, ["foo Foo FOO bar Bar"])
    assert set(document("foo Foo FOO bar Bar", **opts).indices.tolist()) == set(map(term_id, left))


@given(st.text(max_size=60), st.sampled_from(TOKENIZERS), st.booleans(), st.booleans())
@settings(max_examples=300, deadline=None)
def test_rows_039_041_042_any_text(text, tokenizer, lowercase, ascii_folding):
    # A final sigma is decided by its neighbours' Unicode properties, which Python has from its own version.
    text = text.replace("Σ", "S")
    agrees({"tokenizer": tokenizer, "lowercase": lowercase, "ascii_folding": ascii_folding}, [text])


@pytest.mark.parametrize("ascii_folding", [False, True])
@pytest.mark.parametrize("tokenizer", ["word", "whitespace"])
def test_rows_039_041_042_every_code_point(tokenizer, ascii_folding):
    """Each character of the first two planes beside letters, 64 to a text."""
    chars = [chr(c) for c in range(1, 0x20000) if not 0xD800 <= c < 0xE000]
    texts = [" ".join(f"x{char}y {char}" for char in chars[i : i + 64]) for i in range(0, len(chars), 64)]
    agrees({"tokenizer": tokenizer, "ascii_folding": ascii_folding, "stemmer": {"type": "none"}}, texts)


def test_row_046_unknown_options_are_ignored():
    assert document(COOKIES, colour="blue").indices.tolist() == document(COOKIES).indices.tolist()


@pytest.mark.parametrize(
    ("opts", "text"),
    [
        ({"k": "x"}, 'invalid type: string "x", expected f64'),
        ({"b": True}, "invalid type: boolean `true`, expected f64"),
        ({"avg_len": [1]}, "invalid type: sequence, expected f64"),
        (
            {"tokenizer": "Word"},
            "unknown variant `Word`, expected one of `word`, `whitespace`, `prefix`, `multilingual`",
        ),
        ({"tokenizer": 1}, "invalid type: integer `1`, expected string or map"),
        ({"language": 5}, "invalid type: integer `5`, expected a string"),
        ({"lowercase": "yes"}, 'invalid type: string "yes", expected a boolean'),
        ({"ascii_folding": 1}, "invalid type: integer `1`, expected a boolean"),
        ({"stopwords": "klingon"}, "data did not match any variant of untagged enum StopwordsInterface"),
        (
            {"stopwords": {"languages": ["English"]}},
            "data did not match any variant of untagged enum StopwordsInterface",
        ),
        ({"stopwords": {"custom": "the"}}, "data did not match any variant of untagged enum StopwordsInterface"),
        ({"stopwords": 3}, "data did not match any variant of untagged enum StopwordsInterface"),
        ({"stemmer": {"type": "porter"}}, "data did not match any variant of untagged enum StemmingAlgorithm"),
        ({"stemmer": {"type": "snowball"}}, "data did not match any variant of untagged enum StemmingAlgorithm"),
        ({"stemmer": "english"}, "data did not match any variant of untagged enum StemmingAlgorithm"),
        ({"min_token_len": -1}, "invalid value: integer `-1`, expected usize"),
        ({"max_token_len": 1.5}, "invalid type: floating point `1.5`, expected usize"),
    ],
)
def test_rows_046_051_wrong_options(opts, text):
    with pytest.raises(errors.InferenceError) as caught:
        parse_options(opts)
    assert str(caught.value) == f"Wrong input: Invalid BM25 config: {text}"
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    "value", [-1, -0.5, float("inf"), pytest.param(10**400, id="10**400"), float("nan"), 2, 0, -1e-7]
)
@pytest.mark.parametrize("name", ["k", "b", "avg_len"])
def test_row_047_numbers_out_of_range(name, value):
    limits = {
        "k": ("BM25 k1 must be finite and >= 0", lambda v: 0 <= v <= 1e308),
        "b": ("BM25 b must be finite and in [0.0, 1.0]", lambda v: 0 <= v <= 1),
        "avg_len": ("BM25 avg_doc_len must be finite and > 0", lambda v: 0 < v <= 1e308),
    }
    text, allowed = limits[name]
    if allowed(value):
        parse_options({name: value})
        return
    with pytest.raises(errors.InferenceError) as caught:
        parse_options({name: value})
    shown = {-1: "-1", -0.5: "-0.5", 2: "2", 0: "0", -1e-7: "-0.0000001"}.get(value, "NaN" if value != value else "inf")
    assert str(caught.value) == f"Wrong input: {text}, got {shown}"
    if abs(value) < 1e9:
        with pytest.raises(ValueError, match="BM25") as of_the_oracle:
            reference({name: value})
        assert str(caught.value) == f"Wrong input: {of_the_oracle.value}"


def test_row_048_only_text():
    with pytest.raises(errors.InferenceError, match=r"^Wrong input: Only text input is supported for Qdrant/bm25\.$"):
        inference.resolve(Image(image="https://x/y.png", model="Qdrant/bm25"), operation="search")


@pytest.mark.parametrize("language", ["none", "klingon", "English"])
def test_row_049_an_unknown_language_is_tolerated_with_one_warning(language, monkeypatch):
    monkeypatch.setattr(options, "_warned", set())
    with pytest.warns(UserWarning, match=language):
        parsed = parse_options({"language": language})
    assert parsed.tokens == TokenOptions()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_options({"language": language})


def test_row_050_a_stemmer_without_stopwords_and_the_other_way_round():
    assert parse_options({"language": "tamil"}).tokens == TokenOptions(stemmer="tamil")
    assert parse_options({"language": "hy"}).tokens == TokenOptions(stemmer="armenian")
    japanese = parse_options({"language": "jp"}).tokens
    assert (len(japanese.stopwords), japanese.stemmer) == (149, None)
    agrees({"stopwords": {}, "stemmer": {"type": "snowball", "language": "tamil"}}, ["வீடுகள் மரங்கள்", "இல்"])


@pytest.mark.parametrize("text", ["", " ", "the of and", "!?"])
def test_row_052_no_terms_no_entries(text):
    for vector in (document(text), query(text)):
        assert vector.indices.size == vector.values.size == 0


def test_row_053_indices_ascend_without_repetition():
    vector = document("b a c b a zebra apple " * 50)
    assert (np.diff(vector.indices.astype(np.int64)) > 0).all()


@pytest.mark.parametrize("bounds", [(None, None), (0, 0), (0, None), (2, 4), (5, 3), (None, 0), (3, None)])
def test_row_054_prefixes(bounds):
    opts = {"tokenizer": "prefix"}
    opts |= {name: n for name, n in zip(("min_token_len", "max_token_len"), bounds, strict=True) if n is not None}
    agrees(opts, ["the chips are running a", "THE Ünder a 𐐀𐐁𐐂", "leri"])


def test_row_055_an_empty_stem_has_index_0():
    agrees({"language": "turkish"}, ["leri", "leri evleri"])
    assert document("leri", language="turkish").indices.tolist() == [0]


def test_options_may_be_models():
    from qdrant_client import models

    config = models.Bm25Config(
        tokenizer=models.TokenizerType.PREFIX,
        stopwords=models.StopwordsSet(languages=[models.Language.FRENCH], custom=["chip"]),
        stemmer=models.DisabledStemmerParams(type=models.NoStemmer.NONE),
    )
    opts = {"tokenizer": "prefix", "stopwords": {"languages": ["fr"], "custom": ["chip"]}, "stemmer": {"type": "none"}}
    asked = inference.resolve(models.Document(text=COOKIES, model="bm25", options=config), operation="search")
    assert same(asked, reference(opts).embed_query(COOKIES))
    parts = {"stopwords": config.stopwords, "stemmer": config.stemmer, "tokenizer": config.tokenizer}
    assert parse_options(parts) == parse_options(opts)


def test_multilingual_is_qdrant_edges():
    texts = ["今天是星期一 and café", "the 42 running foxes"]
    model = model_for({"tokenizer": "multilingual", "k": 2})
    oracle = reference({"tokenizer": "multilingual", "k": 2})
    for text, doc, asked in zip(texts, model.documents(texts), model.queries(texts), strict=True):
        assert same(doc, oracle.embed_document(text))
        assert same(asked, oracle.embed_query(text))


def test_multilingual_without_qdrant_edge(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "qdrant_edge", None)
    install = r"pip install 'minidb-vector\[multilingual\]'"
    with pytest.raises(errors.InferenceError, match=f"tokenizer multilingual needs an extra: {install}"):
        model_for({"tokenizer": "multilingual", "k": 1.23})


def test_armenian_stemmer_is_optional(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "snowballstemmer", None)
    stemmer.cache_clear()  # another test may have used it
    with pytest.raises(errors.InferenceError, match="snowballstemmer"):
        embed.Bm25(parse_options({"language": "armenian"}))


def test_stemmers_are_those_of_snowball():
    for language in sorted(set(SNOWBALL_LANGUAGES) - {"armenian"}):
        pipeline = TokenPipeline(TokenOptions(stemmer=language))
        assert pipeline.document_terms("x") in (("x",), ("",))


def test_text_that_is_no_unicode():
    with pytest.raises(errors.InferenceError, match="not valid Unicode"):
        inference.resolve(Document.model_construct(text="a\ud800b", model="bm25", options=None), operation="search")


def test_a_full_memo_starts_anew(monkeypatch):
    monkeypatch.setattr(embed, "_MEMO_LIMIT", 3)
    model = embed.Bm25(parse_options({}))
    for _ in range(2):
        assert model.documents([COOKIES])[0].indices.tolist() == document(COOKIES).indices.tolist()


def test_many_threads_one_model(monkeypatch):
    monkeypatch.setattr(embed, "_MEMO_LIMIT", 20)
    rng = random.Random(7)
    texts = [random_text(rng, "english") for _ in range(100)]
    model = embed.Bm25(parse_options({}))
    expected = [vector.indices.tolist() for vector in model.documents(texts)]
    wrong = []

    def work():
        wrong.extend(v for v, e in zip(model.documents(texts), expected, strict=True) if v.indices.tolist() != e)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_terms_that_share_an_index_share_their_counts():
    model = embed.Bm25(parse_options({}))
    model._document_ids.update({"left": 5, "right": 5})
    vector = model.documents(["left right"])[0]
    assert vector.indices.tolist() == [5]
    assert vector.values[0] == model.documents(["left left"])[0].values[0]
