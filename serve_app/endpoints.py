"""What each endpoint needs: one table for HTTP and WebSockets of all families."""

from access.keys import Scope

_PUBLIC = frozenset(
    {"/", "/api/health", "/health", "/healthz", "/readyz", "/v1/model/cosyvoice/healthcheck"}
)
"""Load balancers ask these, and people who come to the page have no key yet."""
_PUBLIC_FOLDER = "/static/"
_VOICE_LISTS = frozenset({"/v1/audio/voices", "/v1/audio/models"})
_ADMIN = frozenset({"/api/metrics"})
_VOICE_FOLDERS = ("/v1/audio/voices", "/voice/upload", "/voices")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def scope_for(method: str, path: str, *, public_voice_list: bool) -> Scope | None:
    """Return the scope that a request needs, None for what everybody may ask.

    What is not named here needs ``speak``, whether there is such an endpoint or not.

    Args:
        method: HTTP's; a WebSocket's is GET.
        path: without the prefix that the application is mounted at.
        public_voice_list: the setting of that name.
    """
    if path in _ADMIN:
        return Scope.ADMIN
    if method not in _READING:
        if path == "/v1/model/cosyvoice/healthcheck":
            return None
        return Scope.VOICES if path.startswith(_VOICE_FOLDERS) else Scope.SPEAK
    if path in _PUBLIC or path.startswith(_PUBLIC_FOLDER):
        return None
    return None if public_voice_list and path in _VOICE_LISTS else Scope.SPEAK
