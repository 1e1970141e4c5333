"""Damage to any file of a closed store: derived files are rebuilt, all others give an error, never a wrong answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgpack
import numpy as np
import pytest
from damage import PAGE, Sample, build_sample, damaged, examined, find, flip, flip_some, truncate

FUZZED = 100
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


def test_random_damage_after_a_kill_never_ends_the_process(sample: Sample, tmp_path: Path) -> None:
    """Without a fingerprint the pages are walked: a damaged key may hide an entry, but nothing crashes."""
    rng = random.Random(4)

    def harm(store: Path) -> None:
        (store / "data.crc").unlink()
        page = rng.randrange(2, (store / "data.mdb").stat().st_size // PAGE)
        flip(store / "data.mdb", page * PAGE + rng.randrange(40), rng.randrange(1, 256))

    def harm_all(store: Path) -> None:
        (store / "data.crc").unlink()
        for page in range(2, (store / "data.mdb").stat().st_size // PAGE):
            flip(store / "data.mdb", page * PAGE, 1)

    # where a random flip hits is nothing that is read any more, that may be all there is to say
    outcomes = examined(sample, [damaged(sample, tmp_path, str(number), harm) for number in range(30)])
    [harmed] = examined(sample, [damaged(sample, tmp_path, "all", harm_all)])
    for outcome in (*outcomes, harmed):
        assert not outcome.code, outcome
    assert "damaged" in harmed.texts("CorruptionError")
