"""One table: what each error is to the outside."""

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException

from access.errors import LimitReachedError
from audio.errors import (
    ReferenceDurationError,
    ReferenceTooLargeError,
    UndecodableReferenceError,
)
from configs.invalid_field import InvalidFieldError
from deployments.errors import OverloadedError, UnavailableError
from engines.errors import NothingToSpeakError, UnsupportedLanguageError, UnsupportedModeError
from voices.errors import (
    BuiltinVoiceError,
    DuplicateVoiceError,
    ForbiddenPathError,
    NotYourVoiceError,
    TooManyVoicesError,
    UnknownVoiceError,
    VoiceStoreError,
)


class UnknownReferenceError(UnknownVoiceError):
    """``reference_audio`` names a voice that is not there."""


class UnknownModelError(LookupError):
    """No model has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(name, tuple(known))

    def __str__(self) -> str:
        return f"there is no model {self.args[0]!r}; known models: {', '.join(self.args[1])}"


class UnreadableBodyError(ValueError):
    """The body is not what its Content-Type says; the message tells what was found."""


class UnsupportedContentTypeError(ValueError):
    """The body comes as something else than JSON or form data."""

    def __str__(self) -> str:
        return "send application/json, multipart/form-data or application/x-www-form-urlencoded"


class TextTooLongError(ValueError):
    """The text has too many characters."""

    def __init__(self, num_characters: int, max_characters: int) -> None:
        super().__init__(num_characters, max_characters)

    def __str__(self) -> str:
        return f"the text has {self.args[0]} characters; at most {self.args[1]} are allowed"


class BodyTooLargeError(ValueError):
    """The body has too many bytes."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(max_bytes)

    def __str__(self) -> str:
        return f"the request body is larger than {self.args[0]} bytes"


class TooManyConnectionsError(RuntimeError):
    """As many WebSockets are open as may be."""

    def __init__(self, max_connections: int) -> None:
        super().__init__(max_connections)

    def __str__(self) -> str:
        return f"{self.args[0]} connections are open, and no more are allowed; try again later"


class BodyTimeoutError(TimeoutError):
    """The body did not arrive in time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout_s)

    def __str__(self) -> str:
        return f"the request body was not complete after {self.args[0]:g} s"


class MissingKeyError(PermissionError):
    """The request carries no API key."""

    def __str__(self) -> str:
        return "an API key is needed; send it as Authorization: Bearer, xi-api-key or X-API-Key"


class InvalidKeyError(PermissionError):
    """The request carries an API key that is not valid."""

    def __str__(self) -> str:
        return "the API key is not valid"


class ForbiddenScopeError(PermissionError):
    """The API key does not allow what was asked."""

    def __init__(self, scope: str) -> None:
        super().__init__(scope)

    def __str__(self) -> str:
        return f"the API key does not have the scope {self.args[0]!s}"


class ForbiddenHeaderError(ValueError):
    """A header that only this service's own parts may use."""

    def __init__(self, name: str) -> None:
        super().__init__(name)

    def __str__(self) -> str:
        return f"the header {self.args[0]} is not accepted"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a client sees it; ``serve_app.dialects`` has the bodies."""

    status: int
    code: str
    message: str
    field: str | None = None
    allowed: str | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    status: int
    code: str
    field: str | None = None


_TABLE: dict[type[Exception], _Row] = {
    ForbiddenHeaderError: _Row(400, "forbidden_header"),
    InvalidFieldError: _Row(400, "invalid_field"),
    UnreadableBodyError: _Row(400, "unreadable_body"),
    ForbiddenPathError: _Row(400, "forbidden_path", "reference_audio"),
    MissingKeyError: _Row(401, "missing_api_key"),
    InvalidKeyError: _Row(401, "invalid_api_key"),
    ForbiddenScopeError: _Row(403, "insufficient_scope"),
    NotYourVoiceError: _Row(403, "not_your_voice"),
    BuiltinVoiceError: _Row(403, "builtin_voice"),
    UnknownModelError: _Row(404, "model_not_found", "model"),
    UnknownVoiceError: _Row(404, "unknown_voice", "voice_type"),
    UnknownReferenceError: _Row(404, "unknown_voice", "reference_audio"),
    BodyTimeoutError: _Row(408, "body_timeout"),
    DuplicateVoiceError: _Row(409, "voice_exists", "name"),
    TooManyVoicesError: _Row(409, "too_many_voices"),
    TextTooLongError: _Row(413, "text_too_long", "text"),
    BodyTooLargeError: _Row(413, "body_too_large"),
    ReferenceTooLargeError: _Row(413, "reference_too_large", "reference_audio"),
    UnsupportedContentTypeError: _Row(415, "unsupported_content_type"),
    ReferenceDurationError: _Row(422, "reference_duration", "reference_audio"),
    UndecodableReferenceError: _Row(422, "undecodable_reference", "reference_audio"),
    NothingToSpeakError: _Row(422, "nothing_to_speak", "text"),
    UnsupportedLanguageError: _Row(422, "unsupported_language", "language"),
    UnsupportedModeError: _Row(422, "unsupported_mode"),
    LimitReachedError: _Row(429, "rate_limit_exceeded"),
    OverloadedError: _Row(429, "overloaded"),
    TooManyConnectionsError: _Row(429, "too_many_connections"),
    UnavailableError: _Row(503, "unavailable"),
    VoiceStoreError: _Row(503, "voice_store_unavailable"),
}
"""Everything that is not here is a fault of ours: 500, and nothing of it is told."""

CLIENT_ERRORS = tuple(_TABLE)
_RETRY_UNAVAILABLE_S = "2"


def failure_of(error: Exception) -> Failure:
    """Look ``error`` up."""
    if isinstance(error, HTTPException):
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        return Failure(
            error.status_code, code, str(error.detail), headers=dict(error.headers or {})
        )
    row = next((_TABLE[kind] for kind in type(error).__mro__ if kind in _TABLE), None)
    if row is None:
        return Failure(500, "internal", "the service failed; the log has the details")
    headers = {}
    if isinstance(error, OverloadedError | LimitReachedError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif isinstance(error, UnavailableError | VoiceStoreError):
        headers["Retry-After"] = _RETRY_UNAVAILABLE_S
    elif row.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, InvalidFieldError):
        return Failure(row.status, row.code, str(error), error.field, error.allowed)
    return Failure(row.status, row.code, str(error), row.field, headers=headers)
