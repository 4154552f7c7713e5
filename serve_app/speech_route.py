"""Adding a synthesis endpoint: body in JSON or form data, speech out, described in OpenAPI."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from audio.formats import AudioFormat
from serve_app.body_reader import FORMS, JSON, read_body
from serve_app.caller import Caller, caller_of
from serve_app.desk import SpeechDesk
from serve_app.orders import SpeechOrder

Body = TypeVar("Body", bound=BaseModel)

REQUEST_ID_HEADER = "x-request-id"
_MAX_REQUEST_ID_CHARACTERS = 128

_ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string"},
                "allowed": {"type": "string"},
            },
            "required": ["code", "message"],
        }
    },
    "required": ["error"],
}
_REFUSALS = {
    400: "A field is missing, unknown or wrong",
    404: "No voice has this name",
    413: "The text, the reference or the body is too large",
    415: "The body is neither JSON nor form data",
    422: "The engine cannot do what is asked, or the reference cannot be used",
    429: "Busy; Retry-After says when to try again",
    503: "The engine is not available; Retry-After says when to try again",
}


def add_speech_route(
    router: APIRouter,
    path: str,
    body_class: type[Body],
    translate: Callable[[Body, Caller], SpeechOrder],
    *,
    desk: SpeechDesk,
    example: dict[str, Any],
    max_body_bytes: int,
) -> None:
    """Add ``POST path``, which reads a ``body_class`` and has what it orders spoken."""

    async def endpoint(request: Request) -> Response:
        body = await read_body(request, body_class, max_body_bytes)
        return await desk.answer(translate(body, caller_of(request)), request_id_of(request))

    endpoint.__name__ = path.strip("/").replace("/", "_")
    router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        summary=(body_class.__doc__ or "").strip(),
        response_class=Response,
        responses=_responses(),
        openapi_extra={"requestBody": _request_body(body_class, example)},
    )


def request_id_of(request: HTTPConnection) -> str:
    """Return the request's id, cut to what a log line can bear."""
    return request.headers.get(REQUEST_ID_HEADER, "-")[:_MAX_REQUEST_ID_CHARACTERS]


def _request_body(body_class: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    schema = body_class.model_json_schema()
    multipart = dict(schema)
    if "reference_audio" in schema["properties"]:
        file = {"type": "string", "format": "binary", "description": "An audio file, or a string"}
        multipart["properties"] = schema["properties"] | {"reference_audio": file}
    json_content = {JSON: {"schema": schema, "example": example}}
    return {
        "required": True,
        "content": json_content | {FORMS[0]: {"schema": multipart}},
    }


def _responses() -> dict[int | str, dict[str, Any]]:
    audio = {
        audio_format.media_type: {"schema": {"type": "string", "format": "binary"}}
        for audio_format in AudioFormat
    }
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {JSON: {"schema": _ERROR_SCHEMA}}}
        for status, text in _REFUSALS.items()
    }
    return {200: {"description": "The speech, whole or as a stream", "content": audio}, **refusals}
