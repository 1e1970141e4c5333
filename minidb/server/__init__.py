"""The server door: Qdrant's REST interface over HTTP, for other processes and other languages.

`gate` decides who may ask, `body` takes in what was sent, `app` answers through `minidb.rest`, `access_log` writes a
line, `log_lines` has it written, `listen` holds the socket and stops in order. Needs the extra `server`; `minidb serve`
starts it.
"""

from minidb.errors import MinidbError

try:
    from minidb.server.app import make_app
    from minidb.server.listen import Server, one_blas_thread
    from minidb.server.settings import Settings, is_loopback
except ModuleNotFoundError as error:
    if error.name not in ("starlette", "threadpoolctl", "uvicorn"):
        raise
    raise MinidbError("the server needs packages that are not installed: pip install 'minidb-vector[server]'") from None

__all__ = ["Server", "Settings", "is_loopback", "make_app", "one_blas_thread"]
