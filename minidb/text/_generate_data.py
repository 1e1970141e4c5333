"""Writes `data.json.gz`. Run by hand, never imported by minidb:

    pip download --no-deps -d WHEELS llama-index-core==0.14.25 fold-to-ascii==1.0.2.post1 stopwordsiso==0.7.1
    pip install qdrant-edge-py==0.9.0 mmh3
    python minidb/text/_generate_data.py WHEELS

Sources: the stopword lists are NLTK's corpus (shipped inside llama-index-core) and, for Japanese, stopwords-iso, each
with the few words below added or left out; the folding table is fold-to-ascii's port of Lucene's. Every word, every
folded character and every code point is then checked against qdrant-edge's BM25, which is the reference; the script
stops at the first disagreement. What makes up a word and how the youngest capitals are lower-cased is read off the
reference, because Python's own answers depend on the Unicode version it was built with.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mmh3
import qdrant_edge as edge

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from minidb.text.languages import STOPWORD_LANGUAGES  # noqa: E402

NLTK = "llama_index/core/_static/nltk_cache/corpora/stopwords"

# NLTK gained the pronoun contractions after the version Qdrant follows.
ENGLISH_LEFT_OUT = {
    f"{pronoun}'{verb}"
    for pronoun, verbs in {"he": "d ll s", "i": "d ll m ve", "it": "d ll", "she": "d ll"}.items()
    for verb in verbs.split()
} | {f"{pronoun}'{verb}" for pronoun in ("they", "we") for verb in ("d", "ll", "re", "ve")}
CATALAN_ADDED = {"d"}
JAPANESE_ADDED = set("いっ おい おけ かた つい よっ よる る 人 他 共 対し 対する 後 方 達 関する".split())  # noqa: SIM905
JAPANESE_LEFT_OUT = {"なく", "彼女"}
FOLDING_LEFT_OUT = {"\u018f"}
FOLDING_CHANGED = {"\u01e5": "g", "\u01e7": "g"}

# Capitals that came with Unicode 14 and 15 and that some supported Pythons already know; those the running Python
# does not know are found by comparison.
YOUNG_CAPITALS = [0x2C2F, 0xA7C0, 0xA7D0, 0xA7D6, 0xA7D8, *range(0x10570, 0x10596)]
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def token_id(token: str) -> int:
    return abs(mmh3.hash(token.encode(), 0))


def model(**options: Any) -> edge.Bm25:
    given: dict[str, Any] = {
        "stopwords": edge.StopwordsSet(),
        "stemmer": edge.DisabledStemmer(),
        "lowercase": False,
        **options,
    }
    return edge.Bm25(edge.Bm25Config(**given))


def wheel(folder: Path, name: str) -> zipfile.ZipFile:
    (path,) = folder.glob(f"{name}-*.whl")
    return zipfile.ZipFile(path)


def stopwords(folder: Path) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    with wheel(folder, "llama_index_core") as nltk, wheel(folder, "stopwordsiso") as iso:
        for language in STOPWORD_LANGUAGES:
            if language == "japanese":
                words = set(json.loads(iso.read("stopwordsiso/stopwords-iso.json"))["ja"])
                words = (words | JAPANESE_ADDED) - JAPANESE_LEFT_OUT
            else:
                words = set(nltk.read(f"{NLTK}/{language}").decode().split("\n")) - {""}
            if language == "english":
                words -= ENGLISH_LEFT_OUT
            if language == "catalan":
                words |= CATALAN_ADDED
            lists[language] = sorted(words)
    return lists


def check_stopwords(lists: dict[str, list[str]], folder: Path) -> None:
    """The reference drops exactly the listed words, out of all words on any list here or in stopwords-iso."""
    vocabulary = {word for words in lists.values() for word in words}
    with wheel(folder, "stopwordsiso") as iso:
        vocabulary.update(*json.loads(iso.read("stopwordsiso/stopwords-iso.json")).values())
    for language, words in lists.items():
        reference = model(
            tokenizer=edge.TokenizerType.Whitespace,
            stopwords=edge.StopwordsSet(languages={getattr(edge.Language, language.capitalize())}),
        )
        for word in vocabulary:
            if word.split() == [word]:
                dropped = not reference.embed_document(word).indices
                if dropped != (word in words):
                    raise SystemExit(f"{language}: {word!r} is {'' if dropped else 'not '}a stopword of the reference")


def folding(folder: Path) -> dict[str, str]:
    with wheel(folder, "fold_to_ascii") as source:
        module = ast.parse(source.read("fold_to_ascii/mapping.py").decode())
    pairs = [
        (chr(code), text)
        for statement in module.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.List)
        for code, text in ast.literal_eval(statement.value)
    ]
    table = {char: text for char, text in pairs if not char.isascii() and char not in FOLDING_LEFT_OUT}
    return dict(sorted({**table, **FOLDING_CHANGED}.items()))


def check_each_code_point(reference: edge.Bm25, expected: Callable[[str], str], what: str) -> None:
    for char in map(chr, CODE_POINTS):
        ids = reference.embed_document(char).indices
        if ids and ids != [token_id(expected(char))]:
            raise SystemExit(f"{what}: U+{ord(char):04X} is not {expected(char)!r} in the reference")


def alphanumeric_ranges() -> list[tuple[int, int]]:
    reference = model()
    ranges: list[tuple[int, int]] = []
    for c in CODE_POINTS:
        if reference.embed_document(chr(c)).indices:
            if ranges and ranges[-1][1] == c - 1:
                ranges[-1] = (ranges[-1][0], c)
            else:
                ranges.append((c, c))
    return ranges


def young_lower_case(words: Iterable[tuple[int, int]]) -> dict[str, str]:
    reference = model(lowercase=True)
    by_id = {token_id(chr(c)): chr(c) for first, last in words for c in range(first, last + 1)}
    table: dict[str, str] = {}
    for char in (chr(c) for first, last in words for c in range(first, last + 1)):
        (found,) = reference.embed_document(char).indices
        if found != token_id(char.lower()) or (ord(char) in YOUNG_CAPITALS and by_id[found] != char):
            table[char] = by_id[found]
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=Path, help="folder with the downloaded wheels")
    folder: Path = parser.parse_args().wheels
    whitespace = edge.TokenizerType.Whitespace

    lists = stopwords(folder)
    check_stopwords(lists, folder)
    fold = folding(folder)
    fold_table = str.maketrans(fold)
    check_each_code_point(
        model(tokenizer=whitespace, ascii_folding=True), lambda char: char.translate(fold_table), "folding"
    )
    words = alphanumeric_ranges()
    lower = young_lower_case(words)
    lower_table = str.maketrans(lower)
    check_each_code_point(
        model(tokenizer=whitespace, lowercase=True), lambda char: char.translate(lower_table).lower(), "lower-casing"
    )
    data = {"unicode": "17.0", "alphanumeric": words, "lower": lower, "folding": fold, "stopwords": lists}
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    (HERE / "data.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    counts = ", ".join(f"{language} {len(words)}" for language, words in lists.items())
    print(
        f"{len(fold)} folded, {len(words)} ranges, {len(lower)} capitals (Python knows {unicodedata.unidata_version})"
    )
    print(counts)


if __name__ == "__main__":
    main()
