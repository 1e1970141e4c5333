"""Damage to any file of a closed store: derived files are rebuilt, all others give an error, never a wrong answer."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
import pytest
from damage import (
    PAGE,
    Sample,
    bits_of_keys,
    build_sample,
    damaged,
    examined,
    find,
    flip,
    flip_some,
    live_pages,
    nodes_of,
    overwrite,
    truncate,
)

from minidb.storage.page_walk import check_structure
from minidb.storage.pages import DamagedPages, read_metas

FUZZED = 100
MISSED = 12
"""Flips that opening does not notice, of which every answer is compared."""
AFTER_A_KILL = int(os.environ.get("MINIDB_DAMAGED", "70"))
WRITES = {"upsert", "delete", "payload", "vectors"}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return build_sample(tmp_path_factory.mktemp("sample"))


def files(sample: Sample, kind: str) -> list[Path]:
    """Files below `rows` or `derived`, relative to the store."""
    return sorted(file.relative_to(sample.path) for file in (sample.path / kind).rglob("*") if file.is_file())


def stored(values: tuple[float, ...]) -> bytes:
    return np.array(values, "<f4").tobytes()


def test_the_sample_is_right_undamaged(sample: Sample, tmp_path: Path) -> None:
    [outcome] = examined(sample, [damaged(sample, tmp_path, "copy", lambda store: None)])
    assert outcome.is_right, outcome


def test_damaged_derived_files_are_rebuilt(sample: Sample, tmp_path: Path) -> None:
    rng = random.Random(1)
    kinds: dict[str, Callable[[Path], object]] = {
        "flipped": lambda file: flip_some(file, rng),
        "cut": lambda file: truncate(file, file.stat().st_size // 2),
        "empty": lambda file: truncate(file, 0),
        "longer": lambda file: file.write_bytes(file.read_bytes() + b"more"),
        "gone": Path.unlink,
    }
    derived = files(sample, "derived")
    assert {file.name.split("-")[0] for file in derived} >= {"graph", "sparse"}
    names, stores = [], []
    for number, file in enumerate([*derived, Path("data.crc")]):
        for kind, damage in kinds.items():
            names.append(f"{kind} {file}")
            stores.append(
                damaged(sample, tmp_path, f"{number} {kind}", lambda store, f=file, harm=damage: harm(store / f))
            )
    for name, outcome in zip(names, examined(sample, stores), strict=True):
        assert outcome.is_right, (name, outcome)


def test_a_damaged_row_file_is_an_error_that_names_file_and_point(sample: Sample, tmp_path: Path) -> None:
    rng = random.Random(2)
    kinds: dict[str, Callable[[Path], object]] = {
        "flipped": lambda file: flip(file, rng.randrange(3000)),
        "cut": lambda file: truncate(file, rng.randrange(1, 1500)),
        "empty": lambda file: truncate(file, 0),
        "gone": Path.unlink,
    }
    names, stores = [], []
    for number, file in enumerate(files(sample, "rows")):
        for kind, damage in kinds.items():
            names.append((kind, file))
            stores.append(
                damaged(sample, tmp_path, f"{number} {kind}", lambda store, f=file, harm=damage: harm(store / f))
            )
    for (kind, file), outcome in zip(names, examined(sample, stores), strict=True):
        assert outcome.is_sound, (kind, file, outcome)
        found = {name for question, name, _ in outcome.errors if question not in WRITES}
        assert found <= {"CorruptionError"}, (kind, file, outcome)
        if kind != "flipped":  # a flipped byte may belong to a dead row
            assert outcome.errors, (kind, file)
        for question, _, text in outcome.errors:
            assert str(file) in text
            assert "point " in text or question in WRITES


def test_a_flipped_vector_is_an_error_wherever_it_is_met(sample: Sample, tmp_path: Path) -> None:
    point = next(iter(sorted(sample.state)))
    content = stored(sample.state[point].dense)
    file = next(file for file in files(sample, "rows") if content in (sample.path / file).read_bytes())
    store = damaged(sample, tmp_path, "flipped", lambda store: flip(store / file, find(store / file, content) + 7, 1))
    [outcome] = examined(sample, [store])
    assert outcome.is_sound, outcome
    text = outcome.texts("CorruptionError")
    assert str(file) in text
    assert f"point {point} " in text
    asked = {question for question, _, _ in outcome.errors}
    assert {"retrieve", "read all", f"exact {point}"} <= asked
    assert not {"open", "count", "ids", "sparse", "multi"} & asked


def test_damaged_values_of_tables_are_errors(sample: Sample, tmp_path: Path) -> None:
    """With the fingerprint gone too, so that it is the checksum of the value that has to notice."""
    point = max(sample.state)
    found = sample.state[point]
    sparse = next(point.sparse for point in sample.state.values() if point.sparse is not None)
    values = {
        "records": msgpack.packb(dict(found.payload)),
        "sparse": stored(sparse[1]),
        "catalog": b"\xa6points",
    }

    def damage(store: Path, value: bytes) -> None:
        (store / "data.crc").unlink()
        content = (store / "data.mdb").read_bytes()
        at = content.find(value)
        assert at >= 0
        while at >= 0:  # older copies of the page too
            flip(store / "data.mdb", at + len(value) - 1, 1)
            at = content.find(value, at + 1)

    stores = [
        damaged(sample, tmp_path, name, lambda store, v=value: damage(store, v)) for name, value in values.items()
    ]
    for name, outcome in zip(values, examined(sample, stores), strict=True):
        assert outcome.is_sound, (name, outcome)
        text = outcome.texts("CorruptionError")
        assert "data.mdb" in text, (name, outcome)
        assert ("meta" if name == "catalog" else name) in text


def test_a_damaged_data_file_is_refused(sample: Sample, tmp_path: Path) -> None:
    size = (sample.path / "data.mdb").stat().st_size

    def zero_metas(store: Path) -> None:
        content = (store / "data.mdb").read_bytes()
        (store / "data.mdb").write_bytes(bytes(2 * PAGE) + content[2 * PAGE :])

    def go_back_a_commit(store: Path) -> None:
        """Make the older meta page look like the newer one."""
        content = bytearray((store / "data.mdb").read_bytes())
        at = [page * PAGE + 16 + 24 + 96 + 8 for page in range(2)]
        commits = [int.from_bytes(content[start : start + 8], "little") for start in at]
        older = commits.index(min(commits))
        content[at[older] : at[older] + 8] = (max(commits) + 1).to_bytes(8, "little")
        (store / "data.mdb").write_bytes(content)

    kinds: dict[str, Callable[[Path], object]] = {
        "half": lambda store: truncate(store / "data.mdb", size // 2),
        "three quarters": lambda store: truncate(store / "data.mdb", size * 3 // 4),
        "one page": lambda store: truncate(store / "data.mdb", PAGE),
        "100 bytes": lambda store: truncate(store / "data.mdb", 100),
        "zeroed metas": zero_metas,
        "a text": lambda store: (store / "data.mdb").write_text("not a database " * 1000),
        "a commit lost": go_back_a_commit,
    }
    stores = [damaged(sample, tmp_path, kind, damage) for kind, damage in kinds.items()]
    for kind, outcome in zip(kinds, examined(sample, stores), strict=True):
        [(question, error, text)] = outcome.errors or [("", "", str(outcome))]
        assert (question, error) == ("open", "CorruptionError"), (kind, outcome)
        assert "data.mdb" in text


def test_random_damage_to_the_data_file_never_ends_the_process_or_gives_wrong_answers(
    sample: Sample, tmp_path: Path
) -> None:
    rng = random.Random(3)

    def one_byte(file: Path) -> None:
        flip_some(file, rng, 1)

    def page_header(file: Path) -> None:
        page = rng.randrange(file.stat().st_size // PAGE)
        flip(file, page * PAGE + rng.randrange(64), rng.randrange(1, 256))

    def garbage(file: Path) -> None:
        with file.open("r+b") as opened:
            opened.seek(rng.randrange(file.stat().st_size - 64))
            opened.write(rng.randbytes(64))

    def swapped_pages(file: Path) -> None:
        first, second = (rng.randrange(file.stat().st_size // PAGE) * PAGE for _ in range(2))
        content = bytearray(file.read_bytes())
        content[first : first + PAGE], content[second : second + PAGE] = (
            content[second : second + PAGE],
            content[first : first + PAGE],
        )
        file.write_bytes(content)

    kinds = [one_byte, page_header, garbage, swapped_pages]
    names, stores = [], []
    for number in range(FUZZED):
        names.append(f"{number} {kinds[number % len(kinds)].__name__}")
        harm = kinds[number % len(kinds)]
        stores.append(damaged(sample, tmp_path, names[-1], lambda store, harm=harm: harm(store / "data.mdb")))
    outcomes = examined(sample, stores)
    for name, outcome in zip(names, outcomes, strict=True):
        assert outcome.is_sound, (name, outcome)
        assert {error for _, error, _ in outcome.errors} <= {"CorruptionError"}, (name, outcome)
    assert any(outcome.errors for outcome in outcomes)


def test_random_damage_after_a_kill_never_gives_a_wrong_answer(sample: Sample, tmp_path: Path) -> None:
    """Without a fingerprint the pages are walked; single bits, and pages torn, zeroed and swapped."""
    rng = random.Random(int(os.environ.get("MINIDB_DAMAGE_SEED", "4")))

    def one_bit(file: Path) -> None:
        flip(file, rng.choice(pages) * PAGE + rng.randrange(PAGE), 1 << rng.randrange(8))

    def one_bit_of_a_header(file: Path) -> None:
        flip(file, rng.choice(pages) * PAGE + rng.randrange(40), 1 << rng.randrange(8))

    def torn(file: Path) -> None:
        page, keep = rng.choice(pages), rng.randrange(512, PAGE, 512)
        overwrite(file, page * PAGE + keep, rng.choice([bytes(PAGE - keep), rng.randbytes(PAGE - keep)]))

    def zeroed(file: Path) -> None:
        overwrite(file, rng.choice(pages) * PAGE, bytes(PAGE))

    def swapped(file: Path) -> None:
        content = file.read_bytes()
        first, second = (rng.choice(pages) * PAGE for _ in range(2))
        overwrite(file, first, content[second : second + PAGE])
        overwrite(file, second, content[first : first + PAGE])

    pages = range((sample.path / "data.mdb").stat().st_size // PAGE)
    kinds = [one_bit, one_bit_of_a_header, torn, one_bit, one_bit_of_a_header, zeroed, swapped]
    names = [f"{number} {kinds[number % len(kinds)].__name__}" for number in range(AFTER_A_KILL)]

    def harm(store: Path, number: int) -> None:
        (store / "data.crc").unlink()
        kinds[number % len(kinds)](store / "data.mdb")

    stores = (
        [damaged(sample, tmp_path, names[at], lambda store, at=at: harm(store, at)) for at in range(first, last)]
        for first, last in ((start, min(start + 50, len(names))) for start in range(0, len(names), 50))
    )
    outcomes = [outcome for batch in stores for outcome in examined(sample, batch)]
    wrong = [(name, outcome) for name, outcome in zip(names, outcomes, strict=True) if not outcome.is_sound]
    assert not wrong, wrong
    assert {error for outcome in outcomes for _, error, _ in outcome.errors} == {"CorruptionError"}


@pytest.mark.parametrize("where", ["keys of branches", "keys of leaves", "kinds of pages"])
def test_each_bit_of_a_tree_that_leads_elsewhere_is_found(sample: Sample, tmp_path: Path, where: str) -> None:
    """On opening, for what a look-up follows; a flip that is missed there never gives a wrong answer."""
    file = tmp_path / "data.mdb"
    content = bytearray((sample.path / "data.mdb").read_bytes())
    meta = read_metas(sample.path / "data.mdb")[1]
    flags = {"keys of branches": 1, "keys of leaves": 2}.get(where)
    missed: list[tuple[int, int]] = []
    tried = 0
    for page in live_pages(content, meta):
        kind = content[page * PAGE + 10]
        bits: list[tuple[int, int]] = []
        if flags is None:
            bits = [(page * PAGE + 10 + at // 8, 1 << at % 8) for at in range(16)]
        elif kind == flags:
            bits = list(bits_of_keys(content, page, is_branch=kind == 1))
        for at, mask in bits[:: max(1, len(bits) // 40)]:
            content[at] ^= mask
            file.write_bytes(content)
            content[at] ^= mask
            tried += 1
            with contextlib.suppress(DamagedPages):
                check_structure(file, meta)
                missed.append((at, mask))
    assert len(missed) < tried
    if where == "kinds of pages":
        assert not missed
        return

    def harm(store: Path, flipped: tuple[int, int]) -> None:
        (store / "data.crc").unlink()
        flip(store / "data.mdb", *flipped)

    # a branch's key may stay between its neighbours, a leaf's of other tables is found by who reads it
    chosen = random.Random(5).sample(missed, min(len(missed), MISSED))
    stores = [damaged(sample, tmp_path, str(at), lambda store, it=it: harm(store, it)) for at, it in enumerate(chosen)]
    wrong = [outcome for outcome in examined(sample, stores) if not outcome.is_sound]
    assert not wrong, wrong


def test_entries_of_ids_with_a_damaged_key_are_found_on_opening(sample: Sample, tmp_path: Path) -> None:
    """A point that is not found by its id would be a wrong answer."""
    content = (sample.path / "data.mdb").read_bytes()
    meta = read_metas(sample.path / "data.mdb")[1]
    leaves = [page for page in live_pages(content, meta) if content[page * PAGE + 10] == 2]
    nodes = [node for page in leaves for node in nodes_of(content, page)]
    ids = [start for start, key_bytes in nodes if key_bytes == 13]  # space, 0, u64: no other table has such keys
    assert len(ids) == len(sample.state)
    file = tmp_path / "data.mdb"
    for start in ids[::7]:
        file.write_bytes(content)
        flip(file, start + 8 + 12, 1)
        with pytest.raises(DamagedPages):
            check_structure(file, meta)
