"""The corpus: prose stays, markup goes, passages overlap and do not repeat."""

from __future__ import annotations

from pydoc_data.topics import topics

from minidb.cli.corpus import SENTENCES, fingerprint, passages

TEXT = """
The "del" statement
*******************

   del_stmt ::= "del" target_list

Deletion is recursively defined. Rather than *spelling* it out, here are
some hints (e.g. this one). Names are **unbound**. It is well-
known:

   del a  # code is no prose, however long. It has Sentences.

* A list item is prose too, at the end.

+-----+-----+
| a   | b   |
+-----+-----+

-[ Footnotes ]-

[1] The note stays as a sentence.
"""


def test_prose_stays_and_markup_goes() -> None:
    found = passages({"del": TEXT})
    assert [passage.text for passage in found] == [
        "Deletion is recursively defined. Rather than spelling it out, here are some hints (e.g. this one). "
        "Names are unbound.",
        "Rather than spelling it out, here are some hints (e.g. this one). Names are unbound. It is well-known:",
        "Names are unbound. It is well-known: A list item is prose too, at the end.",
        "It is well-known: A list item is prose too, at the end. The note stays as a sentence.",
    ]
    assert [passage.position for passage in found] == [0, 1, 2, 3]


def test_text_that_topics_share_comes_once() -> None:
    shared = "One sentence stands here. Another sentence stands here."
    assert [passage.topic for passage in passages({"b": shared, "a": shared})] == ["a"]


def test_the_language_reference_gives_several_thousand_passages() -> None:
    found = passages(topics)
    assert len(found) > 2000
    assert len({passage.text for passage in found}) == len(found)
    assert sum(len(passage.text) for passage in found) / len(found) > 100 * (SENTENCES - 1)


def test_the_fingerprint_changes_with_any_text() -> None:
    found = passages({"del": TEXT})
    assert fingerprint(found) == fingerprint(list(found))
    assert fingerprint(found) != fingerprint(found[1:])
