"""What ``reference_audio`` means: a file, a data URI, base64, a voice's name, or a path."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from configs.invalid_field import InvalidFieldError
from deployments.messages import StoredVoice
from serve_app.errors import UnknownReferenceError
from voices.catalogue import BUILTIN_FOLDER
from voices.reference_folder import ReferenceFolder
from voices.registry import VoiceRegistry
from voices.voice import Voice

FIELD = "reference_audio"
REFERENCE_AUDIO = (
    "an uploaded file, a data URI or base64 of one, the name of a registered voice, "
    "or a path inside the configured reference folder"
)
_DATA_URI = re.compile(r"data:[\w.+/-]*(;[\w.+=-]+)*;base64,", re.IGNORECASE)
_MAX_NAME_CHARACTERS = 256
"""Longer strings are base64; no clip of allowed length fits into fewer characters."""
BROUGHT = "reference"
"""What a voice is called that came with the request."""


@dataclass(frozen=True, slots=True)
class ResolvedReference:
    """Where a request's voice comes from.

    Attributes:
        clip: the bytes of an audio file, where one lies on this machine, or a voice in the store.
        label: what to call the voice in the answer.
        transcript: what is said in it, where that is known.
        brought: whether the client brought it along, so that only some replicas know it.
    """

    clip: bytes | Path | StoredVoice
    label: str
    transcript: str | None
    brought: bool

    @property
    def is_builtin(self) -> bool:
        """Whether it is a voice that the project carries, and not one that somebody chose."""
        return isinstance(self.clip, Path) and self.clip.is_relative_to(BUILTIN_FOLDER)


class ReferenceResolver:
    """Resolves voices and references that clients name or send."""

    def __init__(self, registry: VoiceRegistry, folder: ReferenceFolder) -> None:
        self._registry = registry
        self._folder = folder

    async def refresh(self) -> None:
        """Learn of voices that came or went elsewhere, if it is time to."""
        await self._registry.refresh()

    def voice(self, name: str) -> ResolvedReference:
        """Return the voice of this name or id.

        Raises:
            UnknownVoiceError: there is none.
        """
        return _of_voice(self._registry.get(name))

    def reference(self, value: str | bytes) -> ResolvedReference:
        """Find out what ``value`` is.

        Raises:
            ForbiddenPathError: a path that is not inside the reference folder.
            UnknownReferenceError: a name that no voice has.
            InvalidFieldError: neither of the two, nor an encoded file.
        """
        if isinstance(value, bytes):
            return _brought(value)
        if uri := _DATA_URI.match(value):
            return _brought(decode_base64(value[uri.end() :]))
        if len(value) > _MAX_NAME_CHARACTERS:
            return _brought(decode_base64(value))
        if voice := self._registry.find(value):
            return _of_voice(voice)
        if "/" not in value and "." not in value:
            raise UnknownReferenceError(value, (voice.name for voice in self._registry.voices()))
        return ResolvedReference(self._folder.find(value), BROUGHT, transcript=None, brought=True)


def _of_voice(voice: Voice) -> ResolvedReference:
    clip = voice.clip or StoredVoice(voice.id)
    return ResolvedReference(clip, voice.name, transcript=voice.transcript, brought=False)


def _brought(data: bytes) -> ResolvedReference:
    return ResolvedReference(data, BROUGHT, transcript=None, brought=True)


def decode_base64(text: str) -> bytes:
    """Return the file in ``text``, which may have line breaks.

    Raises:
        InvalidFieldError: there is none.
    """
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidFieldError(FIELD, "is none of what it may be", REFERENCE_AUDIO) from error
    if not data:
        raise InvalidFieldError(FIELD, "is empty", REFERENCE_AUDIO)
    return data
