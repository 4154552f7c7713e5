"""The FastAPI application with an OpenAPI document that says what is really answered."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse

from serve_app.dialects import route_path
from serve_app.docs_page import docs_page

_TITLE = "CosyVoice-MMS TTS"
_DESCRIPTION = (
    "Text to speech for the clients that people already have. Every answer names who spoke "
    "(X-TTS-Engine, X-TTS-Voice, X-TTS-Mode) and carries an X-Request-ID."
)
_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key, where the service asks for one",
}
_UNUSED_SCHEMAS = ("HTTPValidationError", "ValidationError")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}


class DescribedApp(FastAPI):
    """Shows its document at ``/docs`` with nothing from elsewhere: networks may have no way out."""

    def __init__(self, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> None:
        super().__init__(
            title=_TITLE, description=_DESCRIPTION, docs_url=None, redoc_url=None, lifespan=lifespan
        )
        self.add_route("/docs", self._docs, include_in_schema=False)

    def openapi(self) -> dict[str, Any]:
        """Return the document, without the answers that FastAPI only supposes."""
        document = super().openapi()
        components = document.setdefault("components", {})
        components.setdefault("securitySchemes", {})["key"] = _KEY
        document["security"] = [{}, {"key": []}]
        for name in _UNUSED_SCHEMAS:
            components.get("schemas", {}).pop(name, None)
        for operation in _operations(document):
            if _UNUSED_SCHEMAS[0] in str(operation["responses"].get("422")):
                del operation["responses"]["422"]
        return document

    async def _docs(self, request: Request) -> HTMLResponse:
        prefix = request.url.path.removesuffix(route_path(request))
        base_url = str(request.base_url).rstrip("/")
        if not base_url.endswith(prefix):
            base_url += prefix
        return HTMLResponse(docs_page(self.openapi(), base_url), headers=_HEADERS)


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]
