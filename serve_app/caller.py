"""Who calls: the name that limits, voices and metrics are kept by."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

SCOPES = frozenset({"speak", "voices", "admin"})
"""What a caller may be allowed: to have text spoken, to manage voices, to see and do all."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request.

    Attributes:
        name: of the API key; ``anonymous`` where the service asks for none.
        scopes: what the caller may do, of ``SCOPES``.
    """

    name: str
    scopes: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether the caller may change what others own."""
        return "admin" in self.scopes


ANONYMOUS = Caller("anonymous", SCOPES)


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who is behind an HTTP request or a WebSocket, as the guard at the door found out."""
    caller = connection.scope.get("state", {}).get("caller", ANONYMOUS)
    if not isinstance(caller, Caller):
        raise TypeError(f"the caller is a {type(caller).__name__}")
    return caller
