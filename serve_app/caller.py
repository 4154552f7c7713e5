"""Who calls: the name that limits, voices and metrics are kept by."""

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from access.keys import KeyLimits, Scope
from serve_app.errors import ForbiddenScopeError

SCOPES = frozenset[str](Scope)
"""What a caller may be allowed: to have text spoken, to manage voices, to see and do all."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request.

    Attributes:
        name: of the API key; ``anonymous`` where the service asks for none.
        scopes: what the caller may do, of ``SCOPES``.
        limits: how much of it.
    """

    name: str
    scopes: frozenset[str]
    limits: KeyLimits = field(default_factory=KeyLimits)

    @property
    def is_admin(self) -> bool:
        """Whether the caller may change what others own."""
        return Scope.ADMIN in self.scopes

    def require(self, scope: Scope) -> None:
        """Go on only if the caller may do what ``scope`` stands for.

        Raises:
            ForbiddenScopeError: the caller's key does not allow it.
        """
        if scope not in self.scopes:
            raise ForbiddenScopeError(scope)


ANONYMOUS = Caller("anonymous", SCOPES)
"""Everybody, where the service asks for no key."""

PUBLIC = Caller("public", frozenset())
"""Whoever asks for what needs no key, where the service asks for one elsewhere."""


def caller_of(connection: HTTPConnection) -> Caller:
    """Return who is behind an HTTP request or a WebSocket, as the guard at the door found out."""
    return _checked(connection.scope.get("state", {}).get("caller", ANONYMOUS))


def caller_now(connection: HTTPConnection) -> Caller:
    """Return who is behind a WebSocket that may be open for long, by the keys as they are now.

    Raises:
        InvalidKeyError: the key was revoked.
        ForbiddenScopeError: it does not allow any more what the WebSocket is for.
    """
    find = connection.scope.get("state", {}).get("find_caller")
    return _checked(find()) if find else ANONYMOUS


def _checked(caller: object) -> Caller:
    if not isinstance(caller, Caller):
        raise TypeError(f"the caller is a {type(caller).__name__}")
    return caller
