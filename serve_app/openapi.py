"""What the OpenAPI document says of an endpoint: bodies, answers, refusals."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from serve_app.body_reader import FORMS, JSON
from serve_app.dialects import Dialect

Responses = dict[int | str, dict[str, Any]]

_BINARY = {"type": "string", "format": "binary"}
_REFUSALS = {
    400: "A field is missing, unknown or wrong",
    401: "An API key is needed, and none that is known came along",
    403: "The API key does not allow it",
    404: "There is nothing of this name",
    408: "The body came too slowly",
    409: "The name is taken",
    413: "The text, the file or the body is too large",
    415: "The body is neither JSON nor form data",
    422: "The engine cannot do what is asked, or the file cannot be used",
    429: "Busy, or more than the key allows; Retry-After says when to try again",
    500: "The service failed; its log has the details",
    503: "The engine is not available; Retry-After says when to try again",
}
SPEECH_REFUSALS = (400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 503)


def refusals(dialect: Dialect, *statuses: int) -> Responses:
    """Describe the answers with ``statuses`` in the words of ``dialect``."""
    content = {JSON: {"schema": dict(dialect.schema)}}
    return {status: {"description": _REFUSALS[status], "content": content} for status in statuses}


def speech_responses(dialect: Dialect, media_types: Iterable[str]) -> Responses:
    """Describe what a synthesis endpoint answers."""
    audio = {media_type: {"schema": _BINARY} for media_type in media_types}
    spoken = {"description": "The speech, whole or as a stream", "content": audio}
    return {200: spoken, **refusals(dialect, *SPEECH_REFUSALS)}


def json_answers(*statuses: int, **properties: dict[str, Any]) -> Responses:
    """Describe answers that are a JSON object with at least these ``properties``."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    content = {JSON: {"schema": schema}}
    return {
        status: {"description": "Yes" if status == 200 else "No, or not yet", "content": content}
        for status in statuses
    }


def request_body(body_class: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that comes as JSON or as form data."""
    schema = body_class.model_json_schema()
    as_json = {JSON: {"schema": schema, "example": example}}
    return _body(as_json | {FORMS[0]: {"schema": _as_form(schema)}})


def form_body(body_class: type[BaseModel]) -> dict[str, Any]:
    """Describe a body that comes as form data alone."""
    return _body({FORMS[0]: {"schema": _as_form(body_class.model_json_schema(by_alias=False))}})


def json_body(body_class: type[BaseModel]) -> dict[str, Any]:
    """Describe a body that comes as JSON alone."""
    return _body({JSON: {"schema": body_class.model_json_schema()}})


def query_parameters(body_class: type[BaseModel]) -> dict[str, Any]:
    """Describe the fields as parameters, for a GET whose body may have them as form data."""
    schema = body_class.model_json_schema()
    parameters = [
        {"name": name, "in": "query", "required": False, "schema": field}
        for name, field in schema["properties"].items()
    ]
    return {"parameters": parameters}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}


def _as_form(schema: dict[str, Any]) -> dict[str, Any]:
    """The same fields in form data, where audio may be an uploaded file."""
    fields = schema["properties"].items()
    return schema | {"properties": {name: _upload(field) for name, field in fields}}


def _upload(field: dict[str, Any]) -> dict[str, Any]:
    kinds = field.get("anyOf", [field])
    if not any("contentMediaType" in kind for kind in kinds):
        return field
    return _BINARY | {"description": field.get("description", "")}
