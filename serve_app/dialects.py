"""How each API family words an error: the same failure, in the shape that its clients parse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from configs.invalid_field import InvalidFieldError
from serve_app.errors import Failure, failure_of
from serve_app.timestamps import utc_now

_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def _own(failure: Failure) -> dict[str, Any]:
    parts = {
        "code": failure.code,
        "message": failure.message,
        "field": failure.field,
        "allowed": failure.allowed,
    }
    return {"error": {name: value for name, value in parts.items() if value is not None}}


def _openai(failure: Failure) -> dict[str, Any]:
    """All four keys are always there, as the official clients expect."""
    kind = "server_error" if failure.status >= 500 else "invalid_request_error"
    return {
        "error": {
            "message": failure.message,
            "type": _OPENAI_TYPES.get(failure.status, kind),
            "param": failure.field,
            "code": failure.code,
        }
    }


def _fastapi(failure: Failure) -> dict[str, Any]:
    """What upstream's server, a bare FastAPI, answers."""
    return {"detail": failure.message, "code": failure.code}


def _agent(failure: Failure) -> dict[str, Any]:
    return {
        "type": "error",
        "code": failure.code,
        "message": failure.message,
        "field": failure.field,
    }


def _cloning(failure: Failure) -> dict[str, Any]:
    return {
        "success": False,
        "error": failure.message,
        "code": failure.code,
        "timestamp": utc_now(),
    }


_STRING = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@dataclass(frozen=True, slots=True)
class Dialect:
    """A family's way to say what went wrong.

    Attributes:
        name: of the family.
        prefixes: of its paths.
        body: from a failure to the JSON body.
        schema: of that body, for OpenAPI.
        fields: the family's names of what other parts of the service call by our own.
    """

    name: str
    prefixes: tuple[str, ...]
    body: Callable[[Failure], dict[str, Any]]
    schema: Mapping[str, Any]
    fields: Mapping[str, str] = field(default_factory=dict)

    def failure_of(self, error: Exception) -> Failure:
        """Look ``error`` up and name its field as this family's clients know it."""
        if isinstance(error, InvalidFieldError):
            return failure_of(InvalidFieldError(self._name(error.field), *error.args[1:]))
        failure = failure_of(error)
        return replace(failure, field=failure.field and self._name(failure.field))

    def words(self, error: Exception) -> dict[str, Any]:
        """Word ``error`` as this family's clients parse it."""
        return self.body(self.failure_of(error))

    def _name(self, name: str) -> str:
        return self.fields.get(name, name)


OWN = Dialect(
    "own", ("/v1/model/", "/api/"), _own,
    _object(
        error=_object(code=_STRING, message=_STRING, field=_STRING, allowed=_STRING)
        | {"required": ["code", "message"]}
    ) | {"required": ["error"]},
)  # fmt: skip
_OPENAI_SCHEMA = _object(
    error=_object(message=_STRING, type=_STRING, param=_MAYBE, code=_MAYBE)
    | {"required": ["message", "type", "param", "code"]}
) | {"required": ["error"]}
OPENAI_VOICES = Dialect(
    "openai voices", ("/v1/audio/voices",), _openai, _OPENAI_SCHEMA,
    {"reference_audio": "audio_sample", "transcript": "ref_text", "voice_type": "voice_id"},
)  # fmt: skip
OPENAI = Dialect(
    "openai", ("/v1/audio/", "/v1/models"), _openai, _OPENAI_SCHEMA,
    {
        "text": "input", "voice_type": "voice", "reference_audio": "ref_audio",
        "reference_text": "ref_text", "instruction": "instructions",
    },
)  # fmt: skip
UPSTREAM = Dialect(
    "upstream", ("/inference_",), _fastapi,
    _object(detail=_STRING, code=_STRING) | {"required": ["detail", "code"]},
    {
        "text": "tts_text", "voice_type": "spk_id", "reference_audio": "prompt_wav",
        "reference_text": "prompt_text", "instruction": "instruct_text",
    },
)  # fmt: skip
AGENT = Dialect(
    "agent", ("/v1/stream/", "/v1/synthesize"), _agent,
    _object(type={"const": "error"}, code=_STRING, message=_STRING, field=_MAYBE)
    | {"required": ["type", "code", "message", "field"]},
    {"voice_type": "voice_id"},
)  # fmt: skip
CLONING = Dialect(
    "cloning", ("/voice/", "/voices", "/model/"), _cloning,
    _object(success={"const": False}, error=_STRING, code=_STRING, timestamp=_STRING)
    | {"required": ["success", "error", "code", "timestamp"]},
    {"voice_type": "voice_id", "reference_audio": "audio"},
)  # fmt: skip
_DIALECTS = (OWN, OPENAI_VOICES, OPENAI, UPSTREAM, AGENT, CLONING)


def dialect_of(path: str) -> Dialect:
    """Return the dialect of the family that ``path`` (without the route prefix) belongs to."""
    return next((each for each in _DIALECTS if path.startswith(each.prefixes)), OWN)


def route_path(connection: HTTPConnection) -> str:
    """Return the connection's path without the prefix that the application is mounted at."""
    path = str(connection.scope["path"])
    return path.removeprefix(str(connection.scope.get("root_path", ""))) or "/"


def answer_error(connection: HTTPConnection, error: Exception) -> JSONResponse:
    """Answer ``error`` in the words of the family that was asked."""
    dialect = dialect_of(route_path(connection))
    failure = dialect.failure_of(error)
    return JSONResponse(dialect.body(failure), failure.status, headers=failure.headers)
