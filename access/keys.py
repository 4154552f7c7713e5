"""API keys: random, shown once, kept as a hash.

A key has 256 random bits, so nobody finds it by trying, and its SHA-256 gives nothing away. The
slow hashes that passwords need would protect nothing more here, and would let anyone who sends
wrong keys keep our processors busy.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from configs.strict import StrictModel

PREFIX = "tts_"
"""What every key begins with, so that scanners and people recognise one that has leaked."""
SECRET_HEADERS = ("xi-api-key", "x-api-key")
"""Where a key may stand besides ``Authorization: Bearer``."""
_KEY_BYTES = 32
_LONGEST_KEY = 256
_NO_HASH = "0" * 64


class Scope(StrEnum):
    """What a key may be used for."""

    SPEAK = "speak"
    """Have text spoken."""
    VOICES = "voices"
    """Add, rename and delete one's own voices."""
    ADMIN = "admin"
    """All of it, and what others own, and the service's metrics."""


class KeyLimits(StrictModel):
    """How much a key may be used; None is without limit. Days are UTC's."""

    requests_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    characters_per_day: int | None = Field(default=None, ge=1)
    audio_seconds_per_day: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    concurrency: int | None = Field(default=None, ge=1, le=100_000)
    """Requests under way at once; a WebSocket is one as long as it is open."""

    @property
    def any(self) -> bool:
        """Whether there is something to count."""
        return any(value is not None for value in self.model_dump().values())


class ApiKey(StrictModel):
    """One key, without the key itself."""

    name: str = Field(pattern=r"^[\w.@-]{1,64}$")
    """What logs, metrics and voices call its holder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[Scope] = Field(min_length=1)
    limits: KeyLimits = KeyLimits()
    created: int = Field(ge=0)
    """Unix seconds."""


def new_secret() -> str:
    """Return a new key; it is nowhere else, and cannot be found again from what is kept."""
    return PREFIX + secrets.token_urlsafe(_KEY_BYTES)


def hash_of(secret: str) -> str:
    """Return what is kept of a key: its SHA-256 in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """Keys, found by what a client presents."""

    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._by_hash = {key.sha256: key for key in keys}

    def __len__(self) -> int:
        return len(self._by_hash)

    def find(self, secret: str) -> ApiKey | None:
        """Return the key whose secret this is, if any.

        What takes longer or shorter here depends on the hash alone, which nobody can steer towards
        one that he does not know; the comparison itself takes the same time for every hash.
        """
        if len(secret) > _LONGEST_KEY:
            return None
        presented = hash_of(secret)
        key = self._by_hash.get(presented)
        same = hmac.compare_digest(key.sha256 if key else _NO_HASH, presented)
        return key if same else None
