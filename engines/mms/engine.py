"""MMS behind the engine protocol: one VITS model for each configured language."""

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from configs.engines import MmsSettings
from engines.checks import check_request
from engines.device import pick_device
from engines.errors import EngineLoadError, NothingToSpeakError, UnsupportedModeError
from engines.gatherer import Gatherer
from engines.mms.checkpoint import open_checkpoint
from engines.mms.installed import installed_models
from engines.mms.speaker import MmsSpeaker
from engines.mms.vits import Utterance
from engines.onednn import bound_primitive_cache
from engines.plain import PlainEngine
from engines.protocol import EngineInfo, Mode, PreparedVoice, Reference, Samples, SynthesisRequest
from engines.spoken_numbers import spell_out
from engines.tempo import change_tempo, split_speed
from engines.text import split_text
from engines.threads import map_ahead

_MAX_SEGMENT_CHARACTERS = 200
_BATCH_ON_GPU = 8


class MmsEngine(PlainEngine):
    """Speaks each language with that language's own voice; cannot clone."""

    def __init__(self, settings: MmsSettings) -> None:
        bound_primitive_cache()
        device = pick_device(settings.device)
        self._speakers = {
            language: MmsSpeaker(*open_checkpoint(source, settings.hub, device))
            for language, source in installed_models(settings).items()
        }
        rates = {speaker.sample_rate_hz for speaker in self._speakers.values()}
        if len(rates) > 1:
            raise EngineLoadError(f"the MMS checkpoints differ in sample rate: {sorted(rates)}")
        max_batch = settings.max_batch or (_BATCH_ON_GPU if device.type == "cuda" else 1)
        self._audio_s = 0.0
        self._gatherer: Gatherer[Utterance, Samples] = Gatherer(self._speak, max_batch, "mms")
        self.info = EngineInfo(
            name="mms",
            model=f"MMS ({', '.join(self._speakers)})",
            sample_rate_hz=rates.pop(),
            modes=frozenset({Mode.TTS}),
            languages=tuple(self._speakers),
            device=str(device),
            precision="fp32",
        )

    def figures(self) -> dict[str, float]:
        """Running totals of sentences begun, their wait, the batches they made, and their audio."""
        stats = self._gatherer.stats
        return {
            "begun": stats.begun,
            "queue_wait_s": stats.queue_wait_s,
            "batches": stats.batches,
            "audio_s": self._audio_s,
        }

    def prepare_voice(self, reference: Reference, *, keep: bool = True) -> PreparedVoice:
        """Refuse: MMS has one voice for each language.

        Raises:
            UnsupportedModeError: always.
        """
        raise UnsupportedModeError(self.info.name, Mode.ZERO_SHOT, sorted(self.info.modes))

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[Samples, None]:
        """Yield one chunk for each sentence; the same seed gives the same audio."""
        check_request(self.info, request)
        language = request.language or self.info.languages[0]
        speaker = self._speakers[language]
        segments = split_text(
            spell_out(request.text, language),
            language=language,
            max_characters=_MAX_SEGMENT_CHARACTERS,
        )
        speakable = [tokens for tokens in map(speaker.tokenize, segments) if len(tokens)]
        if not speakable:
            raise NothingToSpeakError(self.info.name)
        seed = secrets.randbits(32) if request.seed is None else request.seed
        utterances = (
            Utterance(tokens, request.speed, seed + index) for index, tokens in enumerate(speakable)
        )
        speak = partial(self._gatherer.submit, language, turn=request.turn)
        async with aclosing(map_ahead(speak, utterances)) as chunks:
            async for samples in chunks:
                yield samples

    def close(self) -> None:
        """Stop the thread. What it computes is finished; requests under way end with an error."""
        self._gatherer.close()

    def _speak(self, language: str, utterances: Sequence[Utterance]) -> list[Samples]:
        speaker = self._speakers[language]
        speeds = [split_speed(utterance.speed) for utterance in utterances]
        natural = [
            replace(utterance, speed=native)
            for utterance, (native, _) in zip(utterances, speeds, strict=True)
        ]
        spoken = [
            change_tempo(samples, speaker.sample_rate_hz, tempo)
            for samples, (_, tempo) in zip(speaker.speak(natural), speeds, strict=True)
        ]
        self._audio_s += sum(map(len, spoken)) / speaker.sample_rate_hz
        return spoken
