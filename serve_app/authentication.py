"""From a request's headers, or a call's metadata, to its caller."""

from collections.abc import Mapping, Sequence

from access.keys import SECRET_HEADERS, Scope
from access.live_keys import LiveKeys
from serve_app.caller import ANONYMOUS, SCOPES, Caller
from serve_app.errors import InvalidKeyError, MissingKeyError

_BEARER = "bearer "
_KEY_PROTOCOLS = ("bearer", "token")
"""A browser cannot set headers on a WebSocket, but it can offer protocols: one of these, then the
key, as in ``new WebSocket(url, ["bearer", key])``."""


class Authenticator:
    """Knows the keys; without any, everybody is let in."""

    def __init__(self, keys: LiveKeys | None) -> None:
        self._keys = keys

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Find out who sent ``headers``, whose names are in lower case. The URL is never asked.

        Raises:
            MissingKeyError: there is no key in them.
            InvalidKeyError: there is one, and it is not valid, or no more.
        """
        if self._keys is None:
            return ANONYMOUS
        secret = _presented(headers)
        if secret is None:
            raise MissingKeyError
        key = self._keys.find(secret)
        if key is None:
            raise InvalidKeyError
        scopes = SCOPES if Scope.ADMIN in key.scopes else frozenset[str](key.scopes)
        return Caller(key.name, scopes, key.limits)


def _presented(headers: Mapping[str, str]) -> str | None:
    authorization = headers.get("authorization", "")
    if authorization.lower().startswith(_BEARER):
        return authorization[len(_BEARER) :].strip()
    if secret := next((headers[name] for name in SECRET_HEADERS if headers.get(name)), None):
        return secret
    protocol, _, rest = headers.get("sec-websocket-protocol", "").partition(",")
    return rest.strip() if protocol.strip() in _KEY_PROTOCOLS and rest.strip() else None


def chosen_protocol(offered: Sequence[str]) -> str | None:
    """Return which of the protocols that a WebSocket ``offered`` to answer with: never the key."""
    return offered[0] if offered and offered[0] in _KEY_PROTOCOLS else None
