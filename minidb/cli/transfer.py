"""`minidb import` and `minidb export`: points from files and into files.

An import writes whole batches, each of them one request: when it is stopped, whole batches are there, and as rows
without an id are numbered, the same import once more completes it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from minidb.cli.parser import add_collection, add_filter, add_target, count, nearest

if TYPE_CHECKING:
    from minidb.cli.files import Row, Vector
    from minidb.cli.target import Target

_POINT = {"id", "vector", "payload"}
_FORMATS = ("jsonl", "csv", "parquet", "arrow", "npy", "npz")
_COLUMNS_OF_VECTORS = "Columns that have some are named by --vector COLUMN, texts by --document COLUMN=MODEL"
_DISTANCES = ("Cosine", "Dot", "Euclid", "Manhattan")


class _Column(NamedTuple):
    """A column that is, or becomes, a vector."""

    column: str
    model: str | None
    vector: str


def add_import(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "points from a file: JSON lines, CSV, Parquet, Arrow, .npy, .npz"
    command = commands.add_parser("import", help=summary, description=f"Write {summary}.")
    add_collection(command, help="made when it is not there")
    command.add_argument("file", metavar="FILE", help="- for standard input")
    command.add_argument("--format", choices=_FORMATS, help="default: by the file's ending; jsonl for -")
    command.add_argument(
        "--id", metavar="COLUMN", default="id", help="column of the ids (default: id, else numbers; '' for numbers)"
    )
    command.add_argument(
        "--vector",
        type=_vector_column,
        action="append",
        default=[],
        metavar="COLUMN[:NAME]",
        help="a column of vectors, and the vector's name (default: vector, and vector.NAME)",
    )
    command.add_argument(
        "--document",
        type=_document_column,
        action="append",
        default=[],
        metavar="COLUMN=MODEL[:NAME]",
        help="a column of texts, the model that embeds them, and the vector's name; the text stays in the payload",
    )
    command.add_argument(
        "--distance", choices=_DISTANCES, default="Cosine", help="of a new collection (default: Cosine)"
    )
    command.add_argument("--batch", type=count, default=256, metavar="N", help="points a request (default: 256)")
    add_target(command, created=True)
    command.set_defaults(run=_run_import)


def add_export(commands: argparse._SubParsersAction[Any]) -> None:
    summary = "points into a file: JSON lines, CSV (payloads), Parquet, Arrow, .npy, .npz"
    command = commands.add_parser("export", help=summary, description=f"Copy {summary}.")
    add_collection(command)
    command.add_argument("file", metavar="FILE", help="- for standard output")
    command.add_argument("--format", choices=_FORMATS, help="default: by the file's ending; jsonl for -")
    command.add_argument("--using", metavar="NAME", help="this vector only")
    add_filter(command)
    add_target(command)
    command.set_defaults(run=_run_export)


def _vector_column(text: str) -> _Column:
    column, _, name = text.partition(":")
    return _Column(column, None, name)


def _document_column(text: str) -> _Column:
    column, equals, model = text.partition("=")
    if not (column and equals and model):
        raise argparse.ArgumentTypeError(f"expected COLUMN=MODEL or COLUMN=MODEL:NAME, got {text!r}")
    model, _, name = model.rpartition(":") if ":" in model else (model, "", "")
    return _Column(column, model, name)


def _run_import(arguments: argparse.Namespace) -> int:
    from minidb.cli.files import format_of, read_rows
    from minidb.cli.progress import reporting
    from minidb.cli.target import Refused, collection, open_target

    kind = format_of(arguments.file, arguments.format)
    batches = _batches(_points(read_rows(arguments.file, kind), arguments), arguments.batch)
    first = next(batches, [])  # what is wrong with the file is found out before a store is made
    _check_vectors(first, arguments)
    with open_target(arguments, created=True) as target, reporting("imported") as progress:
        path = f"{collection(arguments.collection)}/points"
        is_there = target.exists(arguments.collection)
        done = 0
        for batch in chain([first] if first else [], batches):
            _embed(batch, arguments.document)
            for point in batch:
                point["vector"] = _unnamed(point["vector"])
            if not is_there:
                _create(target, arguments, batch)
            try:
                target.ask("PUT", path, {"points": batch}, wait="true")
            except Refused as error:
                if not is_there:  # it was made for these points
                    target.ask("DELETE", collection(arguments.collection))
                text = _blamed(batch, done) or f"{error} (rows {done + 1:,} to {done + len(batch):,})"
                raise error.reworded(text) from None
            is_there = True
            done += len(batch)
            progress.advance(len(batch))
    if first and not any(len(point["vector"]) for point in first):
        print(f"minidb: these points have no vectors. {_COLUMNS_OF_VECTORS}", file=sys.stderr)
    return 0


def _check_vectors(points: list[Row], arguments: argparse.Namespace) -> None:
    """Raises BadFile for a column that none of the first points has."""
    from minidb.cli.files import BadFile

    for column, _, name in arguments.vector:
        if points and all(name not in point["vector"] for point in points):
            columns = dict.fromkeys(key for point in points for key in point["payload"])
            guess = nearest(column, columns)
            more = guess or f"there are {', '.join(columns) or 'none else'}"
            raise BadFile(f"no row of the first {len(points):,} has a vector in the column {column} ({more})")


def _points(rows: Iterable[Row], arguments: argparse.Namespace) -> Iterator[Row]:
    """A point of each row. Its vectors are a dict; those that are texts yet are missing."""
    from minidb.cli.files import BadFile, vectors_by_name

    for number, row in enumerate(rows):
        if _is_point(row):
            payload, vector = row.get("payload") or {}, row.get("vector")
        else:
            payload, vector = _columns(row, arguments)
        if arguments.id not in ("id", "", *row):
            raise BadFile(f"row {number + 1} has no {arguments.id}; it has {', '.join(row)}")
        given = row.get(arguments.id, number) if arguments.id else number
        if isinstance(payload, str):
            payload = _parsed(payload)
        if not isinstance(payload, dict):
            raise BadFile(f"row {number + 1}: the payload is no object")
        vectors = {name: each for name, each in vectors_by_name(vector).items() if each is not None}
        if any(isinstance(each, str) or not hasattr(each, "__len__") for each in vectors.values()):
            raise BadFile(f"row {number + 1}: a vector is an array of numbers, got {vector!r}")
        missing = [column for column, model, _ in arguments.document if not isinstance(payload.get(column), str)]
        if missing:
            raise BadFile(f"row {number + 1} has no text in {missing[0]}; it has {', '.join(payload) or 'nothing'}")
        yield {
            "id": _id(given, number + 1) if isinstance(given, str) else given,
            "vector": vectors,
            "payload": payload,
        }


def _id(text: str, row: int) -> int | str:
    from uuid import UUID

    from minidb.cli.files import BadFile
    from minidb.cli.parser import point_id

    value = point_id(text)
    try:
        if isinstance(value, str):
            UUID(value)
    except ValueError:
        raise BadFile(
            f"row {row}: the id {text[:80]!r} is no number and no UUID; "
            "--id COLUMN takes another column, --id '' numbers the rows"
        ) from None
    return value


def _is_point(row: Row) -> bool:
    return ("payload" in row and set(row) <= _POINT) or set(row) <= {"id", "vector"}


def _columns(row: Row, arguments: argparse.Namespace) -> tuple[Any, dict[str, Any]]:
    """The payload and the vectors of a row of a table."""
    named = {column: name for column, _, name in arguments.vector}
    for column in row:
        if not arguments.vector and (column == "vector" or column.startswith("vector.")):
            named[column] = column.partition(".")[2]
    vectors = {name: row.get(column) for column, name in named.items()}
    rest = {name: value for name, value in row.items() if name not in named and name != arguments.id}
    if set(rest) == {"payload"} and isinstance(rest["payload"], str):  # as `export` writes it
        return rest["payload"], vectors
    return {name: value for name, value in rest.items() if value is not None}, vectors


def _parsed(payload: str) -> Any:
    """The JSON in a column named `payload`; None where it is none."""
    import orjson

    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None


def _embed(points: list[Row], documents: list[_Column]) -> None:
    from minidb.cli.embedding import embed
    from minidb.cli.files import BadFile

    for column, model, name in documents:
        assert model is not None
        texts = [point["payload"][column] for point in points]
        for point, vector in zip(points, embed(texts, model, "update"), strict=True):
            if not name and hasattr(vector, "indices"):
                text = f"{column}={model}"
                raise BadFile(f"--document {text}: a sparse vector has a name, as in {text}:{model.rpartition('/')[2]}")
            point["vector"][name] = vector


def _blamed(points: list[Row], before: int) -> str:
    """Which row it is, where what was refused can be found here; rows are counted from 1."""
    for row, point in enumerate(points, before + 1):
        id_ = point["id"]
        if not isinstance(id_, str) and (type(id_) is not int or not 0 <= id_ < 1 << 64):
            return (
                f"row {row:,}: the id {str(id_)[:80]} is none; an id is a whole number from 0 to 2**64 - 1, or a UUID"
            )
        if wrong := _not_json(point["payload"]) or _not_finite(point["vector"]):
            return f"row {row:,}: {wrong}"
    return ""


def _not_json(payload: Row) -> str:
    from minidb.rest.encoding import dumps

    for name, value in payload.items():
        try:
            dumps(value)
        except TypeError as error:  # noqa: PERF203 - of a batch that was refused
            return f"{name}: {error.__cause__ or error}, and payloads are JSON"
    return ""


def _not_finite(vector: Any) -> str:
    import numpy as np

    from minidb.cli.files import vectors_by_name

    for name, each in vectors_by_name(vector).items():
        of = f"vector {name}" if name else "vector"
        numbers = getattr(each, "values", each)
        if isinstance(numbers, dict):  # a sparse one of a file
            numbers = numbers.get("values", [])
        try:
            wrong = next(
                (number for number in np.ravel(np.array(numbers, np.float64)) if not np.isfinite(number)), None
            )
        except (TypeError, ValueError):  # ragged, or no numbers: the answer says so
            continue
        if wrong is not None:
            return f"the {of} has {wrong}, which is no finite number"
    return ""


def _unnamed(vectors: dict[str, Any]) -> Any:
    return vectors[""] if set(vectors) == {""} else vectors


def _create(target: Target, arguments: argparse.Namespace, points: list[Row]) -> None:
    """A collection as the first batch needs it: each vector's size is that of the first there is."""
    from minidb.cli.embedding import noted
    from minidb.cli.files import vectors_by_name
    from minidb.cli.target import collection

    dense: dict[str, Any] = {}
    sparse: dict[str, Any] = {}
    for point in points:
        for name, each in vectors_by_name(point["vector"]).items():
            if isinstance(each, dict) or hasattr(each, "indices"):
                sparse.setdefault(name, {"modifier": "idf"} if _is_bm25(arguments, name) else {})
            else:
                dense.setdefault(name, _params(each, arguments.distance))
    body = {
        "vectors": dense[""] if set(dense) == {""} else dense,
        "sparse_vectors": sparse,
        "metadata": noted({name: str(model) for _, model, name in arguments.document}),
    }
    target.ask("PUT", collection(arguments.collection), body)


def _params(vector: Any, distance: str) -> dict[str, Any]:
    is_multi = len(vector) > 0 and hasattr(vector[0], "__len__")
    params = {"size": len(vector[0] if is_multi else vector), "distance": distance}
    return {**params, "multivector_config": {"comparator": "max_sim"}} if is_multi else params


def _is_bm25(arguments: argparse.Namespace, name: str) -> bool:
    return any(each.vector == name and "bm25" in str(each.model).lower() for each in arguments.document)


def _batches(points: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(points, size)):
        yield batch


def _run_export(arguments: argparse.Namespace) -> int:
    from minidb.cli.files import STANDARD, Columns, check_output, format_of, write_points
    from minidb.cli.progress import reporting
    from minidb.cli.target import collection, open_target

    kind = format_of(arguments.file, arguments.format)
    if arguments.file != STANDARD:
        check_output(arguments.file)
    with open_target(arguments) as target:
        chosen = {"filter": arguments.filter}
        body = {"exact": True, **chosen}
        total = target.ask("POST", f"{collection(arguments.collection)}/points/count", body)["count"]
        keys: dict[str, None] = {}
        if kind == "csv":
            for page in target.scroll(arguments.collection, **chosen):
                keys.update((name, None) for point in page for name in point.get("payload") or {})
        vectors = False if kind == "csv" else [arguments.using] if arguments.using else True
        kinds = {name: _kind(params) for name, params in target.vectors(arguments.collection).items()}
        if arguments.using is not None:
            kinds = {name: kind for name, kind in kinds.items() if name == arguments.using}
        pages = target.scroll(arguments.collection, with_vector=vectors, **chosen)
        with reporting("exported", total) as progress:

            def counted() -> Iterator[list[Row]]:
                for page in pages:
                    yield page
                    progress.advance(len(page))

            write_points(arguments.file, kind, counted(), Columns(keys, kinds))
    sys.stdout.flush()
    return 0


def _kind(params: dict[str, Any]) -> Vector:
    """Of a vector, by its parameters."""
    if "size" not in params:
        return "sparse"
    return "multi" if params.get("multivector_config") else "dense"
