"""Decoded reference clips, kept so that the same file is not decoded again and again."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from audio.decode import ReferenceDecoder
from configs.app import ReferenceLimits
from deployments.byte_lru import ByteLru
from deployments.deletion_watch import DeletionWatch
from deployments.messages import CacheOutcome, StoredVoice
from deployments.metrics import SpeechMetrics
from deployments.tracing import Span
from engines.protocol import Reference
from voices.store import VoiceStore


@dataclass(frozen=True, slots=True)
class Clip:
    """A decoded reference, and the hash of what is heard in it."""

    reference: Reference
    key: str


@dataclass(frozen=True, slots=True)
class JobVoice:
    """The voice of a job, for an engine replica that may or may not have it.

    Attributes:
        key: hash of what is heard in the reference, or the id of a voice in the store.
        stored: whether it is such an id.
        reference: gets the reference, for a replica that asks for it.
    """

    key: str
    stored: bool
    reference: Callable[[], Awaitable[Reference]]


class ClipCache:
    """Decodes clips; remembers them by the hash of their bytes."""

    def __init__(
        self,
        decoder: ReferenceDecoder,
        limits: ReferenceLimits,
        sample_rate_hz: int,
        voices: VoiceStore,
        refresh_s: float,
        metrics: SpeechMetrics,
    ) -> None:
        self._decoder = decoder
        self._voices = voices
        self._sample_rate_hz = sample_rate_hz
        self._clips: ByteLru[Clip] = ByteLru(
            limits.cache_bytes, lambda clip: clip.reference.samples.nbytes
        )
        self._watch = DeletionWatch(voices, refresh_s, self._clips.keys, self._clips.discard)
        self._metrics = metrics

    async def voice(self, source: bytes | Path | StoredVoice, span: Span) -> JobVoice:
        """Return what stands for the voice in ``source``: the bytes of an audio file, or where
        one lies. ``span`` is that of the request.

        A stored voice is not even fetched before it is needed: whoever knows its id may have it.

        Raises:
            Any error of ``get``.
        """
        if isinstance(source, StoredVoice):
            return JobVoice(source.id, True, partial(self._stored, source.id, span))
        clip = await self.get(source, span)
        return JobVoice(clip.key, False, partial(_at_hand, clip.reference))

    async def get(self, source: bytes | Path, span: Span) -> Clip:
        """Return the clip in ``source``: the bytes of an audio file, or where one lies.

        Raises:
            ReferenceTooLargeError, ReferenceDurationError, UndecodableReferenceError: as
                ``ReferenceDecoder.decode``.
        """
        data = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        file_key = hashlib.blake2b(data, digest_size=16).hexdigest()
        self._count(file_key)
        return await self._clips.get_or_make(file_key, partial(self._decode, data, span))

    async def _stored(self, voice_id: str, span: Span) -> Reference:
        self._count(voice_id)
        clip = await self._clips.get_or_make(voice_id, partial(self._fetch, voice_id, span))
        self._watch.hold(voice_id)
        return clip.reference

    async def _fetch(self, voice_id: str, span: Span) -> Clip:
        return await self._decode(await asyncio.to_thread(self._voices.clip, voice_id), span)

    def _count(self, key: str) -> None:
        outcome = CacheOutcome.MISS if self._clips.get(key) is None else CacheOutcome.HIT
        self._metrics.clip_cache.inc(tags={"outcome": outcome})

    async def _decode(self, data: bytes, span: Span) -> Clip:
        with span.child("decode_reference", bytes=len(data)):
            samples = await self._decoder.decode(data)
        reference = Reference(samples, self._sample_rate_hz)
        return Clip(reference, reference.content_key())


async def _at_hand(reference: Reference) -> Reference:
    return reference
