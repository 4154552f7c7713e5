"""Decoded reference clips, kept so that the same file is not decoded again and again."""

import asyncio
import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from audio.decode import ReferenceDecoder
from configs.app import ReferenceLimits
from deployments.byte_lru import ByteLru
from deployments.messages import CacheOutcome
from deployments.metrics import SpeechMetrics
from engines.protocol import Reference


@dataclass(frozen=True, slots=True)
class Clip:
    """A decoded reference, and the hash of what is heard in it."""

    reference: Reference
    key: str


class ClipCache:
    """Decodes clips; remembers them by the hash of their bytes."""

    def __init__(
        self,
        decoder: ReferenceDecoder,
        limits: ReferenceLimits,
        sample_rate_hz: int,
        metrics: SpeechMetrics,
    ) -> None:
        self._decoder = decoder
        self._sample_rate_hz = sample_rate_hz
        self._clips: ByteLru[Clip] = ByteLru(
            limits.cache_bytes, lambda clip: clip.reference.samples.nbytes
        )
        self._metrics = metrics

    async def get(self, source: bytes | Path) -> Clip:
        """Return the clip in ``source``: the bytes of an audio file, or where one lies.

        Raises:
            ReferenceTooLargeError, ReferenceDurationError, UndecodableReferenceError: as
                ``ReferenceDecoder.decode``.
        """
        data = source if isinstance(source, bytes) else await asyncio.to_thread(source.read_bytes)
        file_key = hashlib.blake2b(data, digest_size=16).hexdigest()
        outcome = CacheOutcome.MISS if self._clips.get(file_key) is None else CacheOutcome.HIT
        self._metrics.clip_cache.inc(tags={"outcome": outcome})
        return await self._clips.get_or_make(file_key, partial(self._decode, data))

    async def _decode(self, data: bytes) -> Clip:
        samples = await self._decoder.decode(data)
        reference = Reference(samples, self._sample_rate_hz)
        return Clip(reference, reference.content_key())
