"""Adding a synthesis endpoint: body in JSON or form data, speech out, described in OpenAPI."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from audio.formats import AudioFormat
from serve_app.body_reader import read_body
from serve_app.caller import Caller, caller_of
from serve_app.client_bodies import IGNORED_HEADER, ClientBody
from serve_app.desk import SpeechDesk
from serve_app.dialects import OWN, Dialect
from serve_app.openapi import query_parameters, request_body, speech_responses
from serve_app.orders import SpeechOrder
from serve_app.request_headers import request_id_of, traceparent_of

Body = TypeVar("Body", bound=BaseModel)
Answer = Callable[[Body, SpeechDesk, SpeechOrder, str], Awaitable[Response]]

AUDIO_TYPES = tuple(audio_format.media_type for audio_format in AudioFormat)


async def answer_audio(_: BaseModel, desk: SpeechDesk, order: SpeechOrder, id_: str) -> Response:
    """Answer with the audio itself."""
    return await desk.answer(order, id_)


class SpeechRoutes:
    """Adds one family's synthesis endpoints to its router."""

    def __init__(
        self,
        router: APIRouter,
        desk: SpeechDesk,
        max_body_bytes: int,
        dialect: Dialect = OWN,
        media_types: Iterable[str] = AUDIO_TYPES,
    ) -> None:
        self._router = router
        self._desk = desk
        self._max_body_bytes = max_body_bytes
        self._responses = speech_responses(dialect, media_types)

    def add(
        self,
        path: str,
        body_class: type[Body],
        translate: Callable[[Body, Caller], SpeechOrder],
        *,
        example: dict[str, Any],
        answer: Answer[Body] = answer_audio,
        also_get: bool = False,
    ) -> None:
        """Add ``POST path``, which reads a ``body_class`` and has what it orders spoken.

        With ``also_get``, ``GET path`` does the same, fields in its body or in the query.
        """

        async def endpoint(request: Request) -> Response:
            body = await read_body(request, body_class, self._max_body_bytes)
            order = translate(body, caller_of(request))
            order = replace(order, traceparent=traceparent_of(request))
            response = await answer(body, self._desk, order, request_id_of(request))
            if isinstance(body, ClientBody) and (ignored := body.ignored()):
                response.headers[IGNORED_HEADER] = ", ".join(ignored)
            return response

        endpoint.__name__ = path.strip("/").replace("/", "_")
        described = {"POST": request_body(body_class, example)}
        if also_get:
            described["GET"] = query_parameters(body_class)
        for method, extra in described.items():
            self._router.add_api_route(
                path,
                endpoint,
                methods=[method],
                summary=(body_class.__doc__ or "").strip(),
                response_class=Response,
                responses=self._responses,
                openapi_extra=extra,
            )
