"""Files of points: JSON lines, CSV, Parquet, Arrow and numpy's, read as rows and written from points.

A row is a dict. One that has nothing but `id`, `vector` and `payload` is a point as Qdrant writes it; of any other the
columns are payload, apart from those named for the id and the vectors. Knows no stores. Called by `transfer`.
"""

from __future__ import annotations

import codecs
import csv
import json
import sys
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
import orjson

from minidb.errors import MinidbError

FORMATS = ("jsonl", "csv", "parquet", "arrow", "npy", "npz")
STANDARD = "-"

Row = dict[str, Any]
Vector = Literal["dense", "multi", "sparse"]

_ID_COLUMNS = ("id", "point_id", *(f"point_id_{number}" for number in range(2, 99)))
"""What the ids of a CSV file may be called, where payloads have keys of these names."""
_ENDINGS = {".json": "jsonl", ".ndjson": "jsonl", ".feather": "arrow", ".ipc": "arrow"}
_ENDINGS |= {f".{name}": name for name in FORMATS}
_BATCH = 1024
_NUMPY = b"\x93NUMPY"


class Columns(NamedTuple):
    """What points that are written have, among them all: payload keys (for CSV) and vectors (for Arrow)."""

    payload: Collection[str]
    vectors: Mapping[str, Vector]


class BadFile(MinidbError):
    """A file is not what it should be, or cannot hold what it shall."""


def format_of(file: str, given: str | None) -> str:
    """The format by name or by the file's ending; JSON lines for standard input and output."""
    if given is not None:
        return given
    if file == STANDARD:
        return "jsonl"
    found = _ENDINGS.get(Path(file).suffix.lower())
    if found is None:
        kind = "it is a folder" if Path(file).is_dir() else f"what is it? --format {'|'.join(FORMATS)}"
        raise BadFile(f"{file}: {kind}")
    return found


def check_output(file: str) -> None:
    """Raises BadFile, before anything is done, where no file can be made."""
    path = Path(file)
    if path.is_dir():
        raise BadFile(f"{file} is a folder; a file in it has a name")
    if not path.parent.is_dir():
        raise BadFile(f"{file}: there is no folder {path.parent}")


def read_rows(file: str, kind: str) -> Iterator[Row]:
    """The rows of a file. Raises BadFile with the line, where there are lines."""
    readers = {"jsonl": _read_jsonl, "csv": _read_csv, "parquet": _read_parquet, "arrow": _read_arrow}
    if kind in readers:
        with _opened(file, "rb") as stream:
            yield from readers[kind](stream, file)
    else:
        yield from _read_arrays(file, kind)


def read_vector(file: str) -> Any:
    """One vector: a JSON array (or a sparse vector's object), or an array of numpy's."""
    if file.endswith(".npy"):
        return np.array(_load(file)["vector"], np.float32)
    with _opened(file, "rb") as stream:
        try:
            return orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise BadFile(f"{file}: {error}") from None


def _read_jsonl(stream: IO[bytes], file: str) -> Iterator[Row]:
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise _no_json(file, number, line, error) from None
            if not isinstance(row, dict):
                found = f"an array (`jq -c .[] {file}` makes lines of it)" if isinstance(row, list) else repr(row)[:80]
                raise BadFile(f"{file}, line {number}: expected an object, got {found}")
            yield row


def _no_json(file: str, number: int, line: bytes, error: orjson.JSONDecodeError) -> BadFile:
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return _no_utf8(file, wrong)
    more = f" (a point has a line of its own: `jq -c . {file}` does so)" if line.strip() in (b"{", b"[") else ""
    return BadFile(f"{file}, line {number}, column {error.colno}: {error.msg}{more}")


def _no_utf8(file: str, error: UnicodeDecodeError) -> BadFile:
    found, start = f"the byte 0x{error.object[error.start]:02x}", bytes(error.object[:2])
    source = "UTF-16" if start in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
    return BadFile(f"{file}: it is not UTF-8, it has {found}; `iconv -f {source} -t UTF-8` makes it so")


def _read_csv(stream: IO[bytes], file: str) -> Iterator[Row]:
    import io

    csv.field_size_limit(sys.maxsize)  # 128 kB by default, and texts are longer
    reader = csv.DictReader(io.TextIOWrapper(stream, "utf-8-sig", newline=""), strict=True)
    try:
        _check_header(reader.fieldnames or (), file)
        for row in reader:
            if None in row or None in row.values():
                raise BadFile(f"{file}, line {reader.line_num}: not as many fields as the header")
            yield {name: _typed(text) for name, text in row.items() if text != ""}
    except UnicodeDecodeError as error:
        raise _no_utf8(file, error) from None
    except csv.Error as error:
        line, text = reader.line_num + 1, str(error)
        text = "a quotation mark is opened and never closed" if "unexpected end" in text else text
        raise BadFile(f"{file}, line {line}: {text}") from None


def _check_header(names: Sequence[str], file: str) -> None:
    if twice := [name for at, name in enumerate(names) if name in names[:at]]:
        raise BadFile(f"{file}: two columns are called {twice[0]!r}")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise BadFile(f"{file}: one column {names[0]!r}; what separates columns is a comma")


def _typed(text: str) -> Any:
    """Numbers, booleans, lists and objects as JSON has them; all else, and numbers with leading zeros, is text."""
    if text[0] in "-0123456789[{tf":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
    return text


def _read_parquet(stream: IO[bytes], file: str) -> Iterator[Row]:
    arrow = _arrow()
    import pyarrow.parquet as parquet

    try:
        for batch in parquet.ParquetFile(_seekable(stream)).iter_batches(_BATCH):
            yield from _rows(batch)
    except arrow.ArrowInvalid as error:
        raise BadFile(f"{file}: {error}") from None


def _read_arrow(stream: IO[bytes], file: str) -> Iterator[Row]:
    arrow = _arrow()
    source = _seekable(stream)
    try:
        try:
            reader = arrow.ipc.open_file(source)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        except arrow.ArrowInvalid:
            source.seek(0)
            batches = iter(arrow.ipc.open_stream(source))
        for batch in batches:
            yield from _rows(batch)
    except arrow.ArrowInvalid as error:
        raise BadFile(f"{file}: {error}") from None


def _rows(batch: Any) -> list[Row]:
    """Decimals, which JSON has not, become numbers that can be filtered by; of times, which Python and Qdrant have in
    microseconds, what is below is cut off.
    """
    import pyarrow as arrow

    for at, field in enumerate(batch.schema):
        if arrow.types.is_timestamp(field.type) and field.type.unit == "ns":
            times = batch.column(at).cast(arrow.timestamp("us", field.type.tz), safe=False)
            batch = batch.set_column(at, field.name, times)
    rows: list[Row] = batch.to_pylist()
    return [_plain(row) for row in rows] if "decimal" in str(batch.schema) else rows


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _read_arrays(file: str, kind: str) -> Iterator[Row]:
    """A row of a 2-d array is a vector. In an .npz `ids` are the ids, 2-d arrays vectors by name, others payload."""
    arrays = _load(file)
    if kind == "npy":
        yield from ({"vector": np.array(vector, np.float32)} for vector in _vectors(file, arrays)["vector"])
        return
    if len({array.shape[:1] for array in arrays.values()}) > 1:
        raise BadFile(f"{file}: its arrays have different lengths")
    ids = arrays.pop("ids", None)
    if ids is not None and ids.ndim != 1:
        raise BadFile(f"{file}: ids is {ids.dtype} of shape {ids.shape}; expected one id a row")
    vectors = _vectors(file, {name: array for name, array in arrays.items() if array.ndim != 1})
    payload = {name: array.tolist() for name, array in arrays.items() if array.ndim == 1}
    for number in range(len(next(iter(vectors.values())))):
        row: Row = {
            "vector": {
                "" if name == "vector" else name: array[number].astype(np.float32) for name, array in vectors.items()
            }
        }
        if ids is not None:
            row["id"] = ids[number].item()
        yield {**row, "payload": {name: values[number] for name, values in payload.items()}}


def _vectors(file: str, arrays: dict[str, Any]) -> dict[str, Any]:
    for name, array in arrays.items():
        if array.ndim not in (2, 3) or array.dtype.kind not in "fiub":
            raise BadFile(f"{file}: {name} is {array.dtype} of shape {array.shape}; a row of numbers is a vector")
    if not arrays:
        raise BadFile(f"{file}: no array in it has two dimensions, so there are no vectors")
    return arrays


def _load(file: str) -> dict[str, Any]:
    """The arrays of a file by name; that of an .npy, which is not read as a whole, is `vector`."""
    with _opened(file, "rb") as stream:
        start = stream.read(len(_NUMPY))
    if file.endswith(".npy") and start != _NUMPY:
        raise BadFile(f"{file}: it is no file of numpy's, which begin with {_NUMPY!r}")
    try:
        loaded = np.load(file, mmap_mode="r" if file.endswith(".npy") else None, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"vector": loaded}
        with loaded as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        text = "it is cut short" if "mmap length" in str(error) else f"no arrays of numbers: {error}"
        raise BadFile(f"{file}: {text}") from None


def write_points(file: str, kind: str, pages: Iterable[list[Row]], columns: Columns) -> None:
    """Points into a file, which is whole or not there at all.

    Args:
        file: a path, or "-" for standard output.
        kind: one of `FORMATS`.
        pages: of points.
        columns: what the points have.
    """
    writers = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_arrow, "arrow": _write_arrow}
    writers |= {"npy": _write_arrays, "npz": _write_arrays}
    if file == STANDARD:
        if kind in ("npy", "npz"):
            raise BadFile("an array goes into a file, not to standard output")
        writers[kind](sys.stdout.buffer, pages, columns, kind)
    else:
        part = Path(f"{file}.part")
        try:
            with part.open("wb") as stream:
                writers[kind](stream, pages, columns, kind)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)


def _write_jsonl(stream: IO[bytes], pages: Iterable[list[Row]], columns: Columns, kind: str) -> None:
    for page in pages:
        stream.writelines(
            orjson.dumps({name: point.get(name) for name in ("id", "vector", "payload")}) + b"\n" for point in page
        )


def _write_csv(stream: IO[bytes], pages: Iterable[list[Row]], columns: Columns, kind: str) -> None:
    import io

    text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    keys = columns.payload
    writer.writerow([next(name for name in _ID_COLUMNS if name not in keys), *keys])
    for page in pages:
        for point in page:
            payload = point.get("payload") or {}
            writer.writerow([point["id"], *(_cell(payload.get(name)) for name in keys)])
    text.detach()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_arrow(stream: IO[bytes], pages: Iterable[list[Row]], columns: Columns, kind: str) -> None:
    """Columns `id` (text), `payload` (JSON) and `vector`, or one `vector.NAME` for each name."""
    schema = _arrow_schema(columns.vectors)
    with _arrow_writer(stream, schema, kind) as writer:
        for page in pages:
            writer.write_table(_arrow().Table.from_pylist(list(map(_arrow_row, page)), schema=schema))


def _arrow_schema(vectors: Mapping[str, Vector]) -> Any:
    """All names there are, since the first points need not have them all."""
    arrow = _arrow()
    numbers = arrow.list_(arrow.float32())
    sparse = arrow.struct([("indices", arrow.list_(arrow.uint32())), ("values", numbers)])
    types = {"dense": numbers, "multi": arrow.list_(numbers), "sparse": sparse}
    columns = [(_vector_column(name), types[kind]) for name, kind in vectors.items()]
    return arrow.schema([("id", arrow.string()), ("payload", arrow.string()), *columns])


def _arrow_writer(stream: IO[bytes], schema: Any, kind: str) -> Any:
    if kind == "arrow":
        return _arrow().ipc.new_file(stream, schema)
    import pyarrow.parquet as parquet

    return parquet.ParquetWriter(stream, schema)


def _arrow_row(point: Row) -> Row:
    row: Row = {"id": str(point["id"]), "payload": orjson.dumps(point.get("payload") or {}).decode()}
    vectors = vectors_by_name(point.get("vector"))
    return {**row, **{_vector_column(name): each for name, each in vectors.items()}}


def _vector_column(name: str) -> str:
    return f"vector.{name}" if name else "vector"


def _write_arrays(stream: IO[bytes], pages: Iterable[list[Row]], columns: Columns, kind: str) -> None:
    points = [point for page in pages for point in page]
    named = [vectors_by_name(point["vector"]) for point in points]
    names = list(dict.fromkeys(name for vectors in named for name in vectors))
    arrays = {name or "vector": _array([vectors.get(name) for vectors in named], name) for name in names}
    if kind == "npz":
        ids = [point["id"] for point in points]
        is_text = any(isinstance(each, str) for each in ids)  # small and large numbers would become float64
        np.savez(stream, ids=np.array(ids, np.str_ if is_text else np.uint64), **arrays)
    elif len(arrays) == 1:
        np.save(stream, next(iter(arrays.values())))
    else:
        raise BadFile(f"an .npy holds one vector a point: --using {' or --using '.join(names)}, or .npz")


def vectors_by_name(vector: Any) -> Row:
    """A point's vectors; the unnamed one, which may be sparse, by the name ""."""
    return vector if isinstance(vector, dict) and "indices" not in vector else {"": vector}


def _array(vectors: list[Any], name: str) -> Any:
    try:
        return np.array(vectors, np.float32)
    except (ValueError, TypeError):
        raise BadFile(
            f"the vectors {name or 'of the points'} are no array (missing ones, or sparse): choose with --using"
        ) from None


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        raise MinidbError("Parquet and Arrow need an extra: pip install 'minidb-vector[arrow]'") from None
    return pyarrow


def _seekable(stream: IO[bytes]) -> Any:
    import io

    return stream if stream.seekable() else io.BytesIO(stream.read())


@contextmanager
def _opened(file: str, mode: str) -> Iterator[IO[bytes]]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    with open(file, mode) as stream:
        yield stream
