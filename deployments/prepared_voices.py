"""The voices that an engine replica has ready, and where it finds those that it has not."""

import asyncio
from functools import partial

from loguru import logger

from configs.app import Voices
from deployments.byte_lru import ByteLru
from deployments.deletion_watch import DeletionWatch
from deployments.messages import CacheOutcome, EngineTask
from engines.errors import EngineLoadError
from engines.protocol import Engine, PreparedVoice, Reference
from voices.errors import VoiceStoreError
from voices.store import VoiceStore


class PreparedVoices:
    """An engine's voices: in memory, in the voice store beside their clips, or prepared anew.

    What was drawn from a stored voice is kept in the store, so that other replicas, and this one
    after a restart, speak with it at once.
    """

    def __init__(self, engine: Engine, max_bytes: int, voices: Voices) -> None:
        self._engine = engine
        self._store = VoiceStore.open(voices)
        self._cache: ByteLru[PreparedVoice] = ByteLru(max_bytes, lambda voice: voice.num_bytes)
        self._watch = DeletionWatch(self._store, voices.refresh_s, self._cache.keys, self._forget)
        self._keeping: set[asyncio.Task[None]] = set()

    async def find(self, task: EngineTask) -> tuple[PreparedVoice, CacheOutcome] | None:
        """Return the task's voice and how it was found; None if its reference is needed first."""
        key = task.voice_key
        if key is None:
            raise ValueError("the task has no voice")
        if (ready := self._cache.get(key)) is not None:
            return ready, CacheOutcome.HIT
        if task.reference is not None:
            prepare = partial(self._prepare, key, task.reference, stored=task.stored)
            voice = await self._cache.get_or_make(key, prepare)
            outcome = CacheOutcome.MISS
        elif task.stored and (stored := await self._read(key)) is not None:
            voice = await self._cache.get_or_make(key, partial(_at_hand, stored))
            outcome = CacheOutcome.STORED
        else:
            return None
        if task.stored:
            self._watch.hold(key)
        return voice, outcome

    async def _prepare(self, key: str, reference: Reference, *, stored: bool) -> PreparedVoice:
        voice = await asyncio.to_thread(self._engine.prepare_voice, reference, keep=not stored)
        if stored and self._engine.info.voice_format:
            keeping = asyncio.create_task(self._keep(key, voice))
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)
        return voice

    async def _keep(self, voice_id: str, voice: PreparedVoice) -> None:
        """Store what was drawn from a voice. If that fails, it is drawn again another time."""
        try:
            await asyncio.to_thread(self._put, voice_id, voice)
        except VoiceStoreError:
            logger.warning("what was drawn from {} could not be kept", voice_id)

    def _put(self, voice_id: str, voice: PreparedVoice) -> None:
        format_name = str(self._engine.info.voice_format)
        self._store.put_features(voice_id, format_name, self._engine.pack_voice(voice))

    async def _read(self, voice_id: str) -> PreparedVoice | None:
        format_name = self._engine.info.voice_format
        if format_name is None:
            return None
        try:
            data = await asyncio.to_thread(self._store.features, voice_id, format_name)
            return await asyncio.to_thread(self._engine.unpack_voice, data) if data else None
        except VoiceStoreError:
            return None
        except EngineLoadError as error:
            logger.warning("{} is prepared anew: {}", voice_id, error)
            return None

    def _forget(self, key: str) -> None:
        voice = self._cache.get(key)
        self._cache.discard(key)
        if voice is not None:
            self._engine.forget_voice(voice)


async def _at_hand(voice: PreparedVoice) -> PreparedVoice:
    return voice
