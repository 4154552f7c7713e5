"""Request headers that Ray Serve's proxy obeys, whoever sends them.

Names as they are in Ray 2.60, in ``ray.serve._private``: ``parse_request_timeout_header``,
``parse_disconnect_disabled_header`` and ``setup_request_context_and_handle``.
"""

import re

DANGEROUS = ("x-request-timeout-seconds", "x-request-disconnect-disabled")
"""With these a client lifts the time limit, or keeps us working after it has left."""
_STRIPPED = frozenset(
    name.encode() for name in (*DANGEROUS, "serve-multiplexed-model-id", "x-session-id")
)
_STRIPPED_PREFIX = b"x-serve-router-"
"""Routing within the cluster, which is ours to decide."""
_REQUEST_ID = b"x-request-id"
_SOUND_ID = re.compile(rb"[\w.:+/=@-]{1,128}")


def clean(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return ``headers`` (names in lower case) without those that are not the client's to send.

    A request id that no log line could bear is dropped too; Ray then makes one.
    """
    return [(name, value) for name, value in headers if _may_pass(name, value)]


def _may_pass(name: bytes, value: bytes) -> bool:
    spelt = name.replace(b"_", b"-")  # Ray takes either
    if spelt in _STRIPPED or spelt.startswith(_STRIPPED_PREFIX):
        return False
    return name != _REQUEST_ID or _SOUND_ID.fullmatch(value) is not None
