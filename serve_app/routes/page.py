"""``/`` and ``/static``: the page on which people try the service in a browser."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

STATIC_FOLDER = Path(__file__).resolve().parent.parent / "static"
_PAGE = "static/test_stream.html"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _StaticFile:
    content: bytes
    media_type: str
    etag: str


def page_routes() -> APIRouter:
    """Build the routes. Only what lay in the folder at the start is ever served, from memory."""
    router = APIRouter(include_in_schema=False)
    files = _read_files(STATIC_FOLDER)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def front() -> Response:
        return RedirectResponse(_PAGE)  # relative, so that it also holds behind a prefix

    @router.api_route("/static/{name:path}", methods=["GET", "HEAD"])
    async def static_file(name: str, request: Request) -> Response:
        if name not in files:
            raise HTTPException(404)
        return _answer(files[name], request.headers.get("if-none-match", ""))

    return router


def _answer(file: _StaticFile, known_etags: str) -> Response:
    headers = _HEADERS | {"ETag": file.etag}
    if file.etag in (etag.strip().removeprefix("W/") for etag in known_etags.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _read_files(folder: Path) -> dict[str, _StaticFile]:
    paths = (path for path in folder.rglob("*") if path.suffix in _MEDIA_TYPES)
    return {path.relative_to(folder).as_posix(): _read_file(path) for path in paths}


def _read_file(path: Path) -> _StaticFile:
    content = path.read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return _StaticFile(content, _MEDIA_TYPES[path.suffix], etag)
