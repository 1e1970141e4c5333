"""Writes `minidb/aio.pyi`, the async client's signatures, from the synchronous client's source.

Run it after a change of `client/`: `python tests/async_stub.py`. A test compares the two.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from minidb import aio, client
from minidb.client import base, collections, points, search, service

STUB = Path(aio.__file__).with_suffix(".pyi")


SOURCES = {kind.__name__ for kind in client.QdrantClient.__mro__ if issubclass(kind, base.Base)}


def is_source(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and node.name in SOURCES


def stub_text() -> str:
    """The stub: the synchronous client's source, its methods made `async` and their bodies left out."""
    trees = [ast.parse(inspect.getsource(module)) for module in (client, collections, points, search, service)]
    branches = [node.body for tree in trees for node in tree.body if isinstance(node, ast.If)]  # if TYPE_CHECKING
    statements = [node for body in (*(tree.body for tree in trees), *branches) for node in body]
    imports = [node for node in statements if isinstance(node, ast.ImportFrom | ast.Import)]
    methods = [method for tree in trees for kind in tree.body if is_source(kind) for method in kind.body]
    names = ["__init__", *aio.public_methods()]
    body: list[ast.stmt] = []
    for node in methods:
        if not isinstance(node, ast.FunctionDef) or node.name not in names:
            continue
        node.body = [ast.Expr(ast.Constant(...))]
        if node.name == "__init__":
            body.append(node)
        else:
            fields = {
                name: getattr(node, name) for name in (*node._fields, "lineno", "col_offset") if hasattr(node, name)
            }
            body.append(ast.AsyncFunctionDef(**fields))
    enter = "async def __aenter__(self) -> AsyncQdrantClient: ..."
    leave = "async def __aexit__(self, kind: Any, error: Any, tb: Any) -> None: ..."
    body += ast.parse(f"{enter}\n{leave}").body
    helpers = "def public_methods() -> dict[str, Any]: ..."
    kinds = [ast.Name("AnyClient")]
    imports += ast.parse("from minidb.client.service import AnyClient").body
    module = ast.Module(
        [*imports, ast.ClassDef("AsyncQdrantClient", kinds, [], body, []), *ast.parse(helpers).body], []
    )
    header = "# Written by `python tests/async_stub.py`; do not edit.\n# ruff: noqa\n"
    return header + ast.unparse(ast.fix_missing_locations(module)) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub_text())
