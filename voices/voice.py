"""A voice, as every family of endpoints shows it."""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from configs.invalid_field import InvalidFieldError

ID_PREFIX = "voice_"
ALLOWED_NAME = (
    "1 to 64 Latin letters, digits, spaces, dots, hyphens and underscores, beginning and ending "
    f"with a letter or digit, and not beginning with {ID_PREFIX}"
)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9])?")


class Frozen(BaseModel):
    """Data that never changes. Fields of a newer release are ignored, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class VoiceQuality(Frozen):
    """What was measured in the reference; levels in dB below full scale, shares from 0 to 1."""

    duration_s: float
    level_dbfs: float
    """Of the speech alone."""
    peak_dbfs: float
    clipped_share: float
    """Samples that were cut off at the top."""
    noise_dbfs: float
    snr_db: float
    speech_share: float


class VoiceWarning(Frozen):
    """What a person could do better about a reference."""

    code: str
    message: str


class Voice(Frozen):
    """A voice that can be asked for by its name or its id.

    Attributes:
        id: never changes and is never given again; that of a built-in voice is its name.
        transcript: what is said in the clip; None where nobody wrote it down.
        owner: name of the API key that registered it.
        consent: what the speaker agreed to, in words.
        created_at: Unix time in whole seconds.
        duration_s: of the clip; None where it is not known.
        clip: where a built-in voice's clip lies; None for those in the store.
    """

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    language: str | None = None
    transcript: str | None = None
    owner: str
    consent: str | None = None
    created_at: int
    duration_s: float | None = None
    builtin: bool = False
    quality: VoiceQuality | None = None
    warnings: tuple[VoiceWarning, ...] = ()
    clip: Path | None = Field(default=None, exclude=True, repr=False)


def check_name(name: str) -> str:
    """Return ``name`` if a voice may be called so: safe in headers, log lines and file names.

    Raises:
        InvalidFieldError: it may not.
    """
    if not _NAME.fullmatch(name) or name.lower().startswith(ID_PREFIX):
        raise InvalidFieldError("name", "is not a name for a voice", ALLOWED_NAME)
    return name


def name_key(name: str) -> str:
    """What two names have in common that only one voice may bear."""
    return name.lower()
