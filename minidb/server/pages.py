"""The page at `/dashboard`: files of this package, or of a folder with a built copy of Qdrant's web UI.

The files hold nothing of the store and are given to everybody, as Qdrant gives its own; what the page then asks needs
the key like every other request. Called by `app`.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_OURS = Path(__file__).parent / "dashboard"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}  # not by the system's table of types, which on some machines calls scripts plain text
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {"cache-control": "no-cache", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


class Pages:
    """Around an application: answers for the files below `/dashboard`, hands everything else on.

    Args:
        web_ui: folder of another page; None for our own. Another's has no content policy of ours: what it needs to
            run only its makers know.
    """

    def __init__(self, app: ASGIApp, web_ui: Path | None) -> None:
        self._app = app
        self._folder = (_OURS if web_ui is None else web_ui).resolve()
        self._headers = _HEADERS | ({"content-security-policy": _POLICY} if web_ui is None else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = unquote(scope["raw_path"].decode("latin-1"))
        is_page = path == "/dashboard" or path.startswith("/dashboard/")
        if not is_page or path.startswith("/dashboard/api/") or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        scope["route"] = "/dashboard"  # for the access log
        await self._file(path)(scope, receive, send)

    def _file(self, path: str) -> Response:
        if path == "/dashboard":
            return RedirectResponse("dashboard/", 307)  # so that the page's own addresses are below it
        name = path.removeprefix("/dashboard/") or "index.html"
        try:
            file = (self._folder / name).resolve()
            is_ours = file.is_relative_to(self._folder) and file.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, with a NUL, links in a circle
            is_ours = False
        if not is_ours:
            return Response(status_code=404)
        return FileResponse(file, headers=self._headers, media_type=_TYPES.get(file.suffix))
