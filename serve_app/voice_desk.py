"""The voice desk: registers, lists, renames and deletes voices for every family of endpoints."""

import asyncio
import re
import time
from dataclasses import asdict, dataclass
from typing import Any

from loguru import logger
from ray.serve.handle import DeploymentHandle

from audio.quality import ClipReport
from configs.app import Voices
from configs.invalid_field import InvalidFieldError
from deployments.calls import no_replica_is_refusal
from deployments.messages import Refused
from engines.languages import normalize_language
from serve_app.caller import Caller
from voices.errors import (
    BuiltinVoiceError,
    DuplicateVoiceError,
    NotYourVoiceError,
    VoiceStoreError,
)
from voices.registry import VoiceRegistry
from voices.store import VoiceDraft, VoiceStore
from voices.voice import Voice, VoiceQuality, VoiceWarning, check_name

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_SWEEP_EVERY_S = 3600.0
_NO_TRANSCRIPT = VoiceWarning(
    code="no_transcript",
    message=(
        "nobody said what is spoken in the clip, so this voice is followed by its sound alone "
        "(cross_lingual); send the transcript for a closer likeness"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVoice:
    """A voice that a client wants registered.

    Attributes:
        audio: bytes of an audio file.
        transcript: what is said in it, word for word.
        language: code of the clip's language.
        consent: what the speaker agreed to, in words.
    """

    name: str
    audio: bytes
    transcript: str | None = None
    language: str | None = None
    consent: str | None = None


@dataclass(frozen=True, slots=True)
class VoiceCheck:
    """What was measured in a clip, and what a person could do better."""

    quality: VoiceQuality
    warnings: tuple[VoiceWarning, ...]


class VoiceDesk:
    """Everything about voices but speaking with them.

    Each method raises what it refuses (any error in ``serve_app.errors.CLIENT_ERRORS``). A change
    is seen by this replica when the method returns, and by all others within two seconds.
    """

    def __init__(
        self,
        registry: VoiceRegistry,
        store: VoiceStore,
        audio_processor: DeploymentHandle[Any],
        limits: Voices,
    ) -> None:
        self._registry = registry
        self._store = store
        self._inspect = audio_processor.options(method_name="inspect")
        self._limits = limits
        self._swept_s = float("-inf")

    async def voices(self) -> list[Voice]:
        """All voices: those of the installation first, each part by name."""
        await self._registry.refresh()
        return self._registry.voices()

    async def get(self, name_or_id: str) -> Voice:
        """Return a voice by its name or id; ``UnknownVoiceError`` where there is none."""
        await self._registry.refresh()
        return self._registry.get(name_or_id)

    async def register(self, new: NewVoice, caller: Caller) -> Voice:
        """Measure and store a voice, owned by ``caller``.

        Raises:
            InvalidFieldError: the name or another field holds what it may not.
            DuplicateVoiceError: another voice has the name.
            TooManyVoicesError: the caller has as many voices as are allowed.
            ReferenceTooLargeError, ReferenceDurationError, UndecodableReferenceError: the clip
                cannot be used.
        """
        self._check_fields(new)
        await self._check_name_is_free(new.name)
        report = await self._measure(new.audio)
        check = _check(report)
        transcript = (new.transcript or "").strip() or None
        draft = VoiceDraft(
            name=new.name,
            owner=caller.name,
            clip=report.clip,
            duration_s=report.quality.duration_s,
            transcript=transcript,
            language=normalize_language(new.language) if new.language else None,
            consent=new.consent or None,
            quality=check.quality,
            warnings=check.warnings if transcript else (*check.warnings, _NO_TRANSCRIPT),
        )
        voice = await asyncio.to_thread(self._store.register, draft)
        await self._registry.refresh(now=True)
        await self._sweep()
        return voice

    async def rename(self, name_or_id: str, name: str, caller: Caller) -> Voice:
        """Give a voice another name; its id stays.

        Raises:
            UnknownVoiceError, NotYourVoiceError, BuiltinVoiceError: not this voice.
            InvalidFieldError, DuplicateVoiceError: not this name.
        """
        voice = await self._own(name_or_id, caller)
        check_name(name)
        await self._check_name_is_free(name, but=voice)
        renamed = await asyncio.to_thread(self._store.rename, voice.id, name)
        await self._registry.refresh(now=True)
        return renamed

    async def delete(self, name_or_id: str, caller: Caller) -> Voice:
        """Delete a voice everywhere; return what it was.

        Raises:
            UnknownVoiceError, NotYourVoiceError, BuiltinVoiceError: not this voice.
        """
        voice = await self._own(name_or_id, caller)
        await asyncio.to_thread(self._store.delete, voice.id)
        await self._registry.refresh(now=True)
        return voice

    async def check(self, audio: bytes) -> VoiceCheck:
        """Measure the clip in ``audio`` without keeping it; refuses as ``register``."""
        return _check(await self._measure(audio))

    async def _own(self, name_or_id: str, caller: Caller) -> Voice:
        await self._registry.refresh(now=True)
        voice = self._registry.get(name_or_id)
        if voice.builtin:
            raise BuiltinVoiceError(voice.name)
        if not caller.is_admin and caller.name != voice.owner:
            raise NotYourVoiceError(voice.name)
        return voice

    def _check_fields(self, new: NewVoice) -> None:
        check_name(new.name)
        if new.language and not _LANGUAGE.fullmatch(new.language):
            raise InvalidFieldError("language", "is not a language code", "a code such as en or ms")
        limits = self._limits
        for field, value, most in (
            ("transcript", new.transcript, limits.max_transcript_characters),
            ("consent", new.consent, limits.max_consent_characters),
        ):
            if value and len(value) > most:
                raise InvalidFieldError(
                    field, f"has {len(value)} characters", f"at most {most} characters"
                )

    async def _check_name_is_free(self, name: str, but: Voice | None = None) -> None:
        await self._registry.refresh(now=True)
        found = self._registry.find(name)
        if found is not None and (but is None or found.id != but.id):
            raise DuplicateVoiceError(name)

    async def _sweep(self) -> None:
        """Remove what crashes left behind, at most once an hour: only who registers leaves any."""
        if time.monotonic() - self._swept_s < _SWEEP_EVERY_S:
            return
        self._swept_s = time.monotonic()
        try:
            await asyncio.to_thread(self._store.sweep)
        except VoiceStoreError as error:
            logger.warning("the voice store was not swept: {}", error)

    async def _measure(self, audio: bytes) -> ClipReport:
        with no_replica_is_refusal():
            report = await self._inspect.remote(audio)
        if isinstance(report, Refused):
            raise report.error
        if not isinstance(report, ClipReport):
            raise TypeError(f"the AudioProcessor answered {type(report).__name__}")
        return report


def _check(report: ClipReport) -> VoiceCheck:
    warnings = tuple(
        VoiceWarning(code=finding.code, message=finding.message) for finding in report.findings
    )
    return VoiceCheck(VoiceQuality(**asdict(report.quality)), warnings)
