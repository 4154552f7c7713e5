"""What a request's headers say of the request itself."""

from starlette.requests import HTTPConnection

TRACEPARENT = "traceparent"
_REQUEST_ID = "x-request-id"
_MAX_REQUEST_ID_CHARACTERS = 128


def request_id_of(connection: HTTPConnection) -> str:
    """Return the request's id, cut to what a log line can bear."""
    return connection.headers.get(_REQUEST_ID, "-")[:_MAX_REQUEST_ID_CHARACTERS]


def traceparent_of(connection: HTTPConnection) -> str | None:
    """Return what the client says of its own trace; whoever reads it checks it."""
    return connection.headers.get(TRACEPARENT)
