"""What the OpenAPI document says of an endpoint: bodies, answers, refusals."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from audio.formats import AudioFormat
from serve_app.body_reader import FORMS, JSON
from serve_app.dialects import Dialect

Responses = dict[int | str, dict[str, Any]]

_BINARY = {"type": "string", "format": "binary"}
_REFUSALS = {
    400: "A field is missing, unknown or wrong",
    401: "An API key is needed, and none that is known came along",
    403: "The API key does not allow it",
    404: "There is nothing of this name",
    409: "The name is taken",
    413: "The text, the file or the body is too large",
    415: "The body is neither JSON nor form data",
    422: "The engine cannot do what is asked, or the file cannot be used",
    429: "Busy, or more than the key allows; Retry-After says when to try again",
    500: "The service failed; its log has the details",
    503: "The engine is not available; Retry-After says when to try again",
}
SPEECH_REFUSALS = (400, 401, 403, 404, 413, 415, 422, 429, 500, 503)


def refusals(dialect: Dialect, *statuses: int) -> Responses:
    """Describe the answers with ``statuses`` in the words of ``dialect``."""
    content = {JSON: {"schema": dict(dialect.schema)}}
    return {status: {"description": _REFUSALS[status], "content": content} for status in statuses}


def speech_responses(dialect: Dialect, formats: Sequence[AudioFormat]) -> Responses:
    """Describe what a synthesis endpoint answers."""
    audio = {each.media_type: {"schema": _BINARY} for each in formats}
    spoken = {"description": "The speech, whole or as a stream", "content": audio}
    return {200: spoken, **refusals(dialect, *SPEECH_REFUSALS)}


def json_response(description: str, **properties: Mapping[str, Any]) -> Responses:
    """Describe a JSON object that has all of ``properties``."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {200: {"description": description, "content": {JSON: {"schema": schema}}}}


def request_body(body_class: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """Describe a body that comes as JSON or as form data."""
    schema = body_class.model_json_schema()
    return {
        "required": True,
        "content": {
            JSON: {"schema": schema, "example": example},
            FORMS[0]: {"schema": _as_form(schema)},
        },
    }


def query_parameters(body_class: type[BaseModel]) -> list[dict[str, Any]]:
    """Describe the fields as parameters, for a GET whose body may have them as form data."""
    schema = body_class.model_json_schema()
    return [
        {"name": name, "in": "query", "required": False, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _as_form(schema: dict[str, Any]) -> dict[str, Any]:
    """The same fields in form data, where audio may be an uploaded file."""
    fields = schema["properties"].items()
    return schema | {"properties": {name: _upload(field) for name, field in fields}}


def _upload(field: dict[str, Any]) -> dict[str, Any]:
    kinds = field.get("anyOf", [field])
    if not any("contentMediaType" in kind for kind in kinds):
        return field
    return _BINARY | {"description": "An audio file, or a string"}
