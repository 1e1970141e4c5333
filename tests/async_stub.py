"""Writes `minidb/aio.pyi`, the async client's signatures, from the synchronous client's source.

Run it after a change of `client.py`: `python tests/async_stub.py`. A test compares the two.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from minidb import aio, client

STUB = Path(aio.__file__).with_suffix(".pyi")


def stub_text() -> str:
    """The stub: the synchronous client's source, its methods made `async` and their bodies left out."""
    tree = ast.parse(inspect.getsource(client))
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign))]
    source = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    names = ["__init__", *aio.public_methods()]
    body: list[ast.stmt] = []
    for node in source.body:
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
    module = ast.Module([*imports, ast.ClassDef("AsyncQdrantClient", [], [], body, []), *ast.parse(helpers).body], [])
    header = "# Written by `python tests/async_stub.py`; do not edit.\n# ruff: noqa\n"
    return header + ast.unparse(ast.fix_missing_locations(module)) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub_text())
