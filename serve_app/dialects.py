"""How each API family words an error: the same failure, in the shape that its clients parse."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from serve_app.errors import Failure, failure_of

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
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


@dataclass(frozen=True, slots=True)
class Dialect:
    """A family's way to say what went wrong.

    Attributes:
        name: of the family.
        prefixes: of its paths.
        body: from a failure to the JSON body.
    """

    name: str
    prefixes: tuple[str, ...]
    body: Callable[[Failure], dict[str, Any]]


OWN = Dialect("own", ("/v1/model/", "/api/"), _own)
OPENAI = Dialect("openai", ("/v1/audio/", "/v1/models"), _openai)
UPSTREAM = Dialect("upstream", ("/inference_",), _fastapi)
AGENT = Dialect("agent", ("/v1/stream/", "/v1/synthesize"), _agent)
CLONING = Dialect("cloning", ("/voice/", "/voices", "/model/"), _cloning)
_DIALECTS = (OWN, OPENAI, UPSTREAM, AGENT, CLONING)


def dialect_of(path: str) -> Dialect:
    """Return the dialect of the family that ``path`` (without the route prefix) belongs to."""
    return next((each for each in _DIALECTS if path.startswith(each.prefixes)), OWN)


def route_path(connection: HTTPConnection) -> str:
    """Return the connection's path without the prefix that the application is mounted at."""
    path = str(connection.scope["path"])
    return path.removeprefix(str(connection.scope.get("root_path", ""))) or "/"


def answer_error(connection: HTTPConnection, error: Exception) -> JSONResponse:
    """Answer ``error`` in the words of the family that was asked."""
    failure = failure_of(error)
    body = dialect_of(route_path(connection)).body(failure)
    return JSONResponse(body, failure.status, headers=failure.headers)
