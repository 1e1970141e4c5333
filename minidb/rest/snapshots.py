"""Snapshots of a collection and of the whole store: make, list, download, delete, restore from one."""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from mmap import mmap
from typing import Any

from minidb.errors import FormatError
from minidb.models.locations import checksum_fault
from minidb.models.service import SnapshotPriority, SnapshotRecover
from minidb.rest.call import Call, out_of_range, standalone, wrong_parameter
from minidb.rest.encoding import dumps
from minidb.rest.message import Response
from minidb.rest.route import Route

_MOST_PARTS = 100
_MOST_HEAD_BYTES = 8192
"""Of a multipart body: what is before the file, which may be gigabytes that nobody has checked."""


def _owner(call: Call) -> str | None:
    """The collection in the path; None for the whole store."""
    return call.path.get("collection_name")


def _list(call: Call) -> Any:
    return call.database.snapshots.descriptions(_owner(call))


def _create(call: Call) -> Any:
    return _waited(call, lambda: call.database.snapshots.create(_owner(call)))


def _download(call: Call) -> Response:
    file = call.database.snapshots.path(_owner(call), call.path["snapshot_name"])
    headers = {"content-disposition": f'attachment; filename="{file.name}"'}
    return Response(200, content_type="application/octet-stream", headers=headers, file=file)


def _delete(call: Call) -> Any:
    return _waited(call, lambda: call.database.snapshots.delete(_owner(call), call.path["snapshot_name"]))


def _waited(call: Call, work: Callable[[], Any]) -> Any:
    """Who does not want to wait hears only that it was accepted; it is done all the same."""
    waits = call.parameters.flag("wait", True)
    result = work()
    return result if waits else Response(202, dumps({"status": "accepted", "time": 0.0}))


def _recover(call: Call) -> Any:
    asked = call.request
    addresses = asked.trusted or asked.snapshot_urls
    return _waited(
        call,
        lambda: call.database.snapshots.recover(_owner(call), call.body, any_file=asked.trusted, addresses=addresses),
    )


def _upload(call: Call) -> Any:
    checksum, priority = call.parameters.text("checksum"), call.parameters.text("priority")
    if priority is not None and priority not in list(SnapshotPriority):
        raise wrong_parameter(f"unknown variant `{priority}`, expected one of `no_sync`, `snapshot`, `replica`")
    fault = None if checksum is None else checksum_fault(checksum)
    if fault is not None:
        raise out_of_range(f"checksum: {fault}")
    body = call.request.body
    start, stop = _file_part(body, call.request.headers.get("content-type", ""))
    with call.database.snapshots.scratch_file() as scratch:
        with open(scratch, "wb") as file, memoryview(body) as view:
            file.write(view[start:stop])
        return _waited(call, lambda: call.database.snapshots.restore(_owner(call), scratch, checksum))


def _file_part(body: bytes | mmap, content_type: str) -> tuple[int, int]:
    """Where in a multipart body the uploaded file is (the part `snapshot`, or any with a file name)."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/form-data" or not isinstance(boundary, str) or not boundary:
        raise _no_upload("expected multipart/form-data with a boundary")
    mark = b"--" + boundary.encode("latin-1", "replace")
    at = body.find(mark)
    for _ in range(_MOST_PARTS):
        start = at + len(mark)
        if at < 0 or body[start : start + 2] == b"--":
            break
        content = body.find(b"\r\n\r\n", start, start + _MOST_HEAD_BYTES)
        stop = body.find(b"\r\n" + mark, start)
        if content < 0 or stop < 0 or content > stop:
            break
        part = Message()
        for line in bytes(body[start:content]).decode("utf-8", "replace").split("\r\n"):
            header, _, value = line.partition(":")
            if header.strip().lower() == "content-disposition":
                part["content-disposition"] = value.strip()
        name = part.get_param("name", header="content-disposition")
        if name == "snapshot" or part.get_filename() is not None:
            return content + 4, stop
        at = stop + 2
    raise _no_upload("no part `snapshot`")


def _no_upload(why: str) -> FormatError:
    return FormatError(why).reworded(f"Format error in multipart body: {why}")


def _routes(base: str) -> tuple[Route, ...]:
    return (
        Route("GET", base, _list),
        Route("POST", base, _create, is_long=True),
        Route("GET", f"{base}/{{snapshot_name}}", _download),
        Route("DELETE", f"{base}/{{snapshot_name}}", _delete),
        Route("POST", f"{base}/upload", _upload, is_long=True),
        Route("PUT", f"{base}/recover", _recover, SnapshotRecover, is_long=True),
    )


_SHARD = "/collections/{collection_name}/shards/{shard}/snapshots"

ROUTES = (
    *_routes("/collections/{collection_name}/snapshots"),
    *_routes("/snapshots"),
    Route("GET", _SHARD, standalone),
    Route("POST", _SHARD, standalone),
    Route("GET", f"{_SHARD}/{{snapshot_name}}", standalone),
    Route("DELETE", f"{_SHARD}/{{snapshot_name}}", standalone),
    Route("POST", f"{_SHARD}/upload", standalone),
    Route("PUT", f"{_SHARD}/recover", standalone),
)
