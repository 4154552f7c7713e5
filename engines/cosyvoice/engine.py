"""CosyVoice 2 and 3 behind the engine protocol."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from configs.engines import CosyVoiceSettings
from configs.environment import resolve_path
from engines.checks import check_request
from engines.cosyvoice.config import SAMPLE_RATE_HZ, Version
from engines.cosyvoice.flow import Final
from engines.cosyvoice.llm import CacheFullError, LlmPrompt, PromptError
from engines.cosyvoice.prompt.kept import KeptVoices
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.runtime import Runtime
from engines.cosyvoice.scheduling.guards import BrokenSpeechError
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.scheduler import Scheduler
from engines.cosyvoice.scheduling.worker import Worker
from engines.cosyvoice.script import ScriptWriter
from engines.device import pick_device
from engines.errors import EngineFailureError, NothingToSpeakError, VoiceNeededError
from engines.protocol import (
    EngineInfo,
    Mode,
    PreparedVoice,
    Reference,
    Samples,
    SynthesisRequest,
)

_NAMES = {Version.COSYVOICE2: "CosyVoice 2.0", Version.COSYVOICE3: "CosyVoice 3.0"}
_LANGUAGES = {
    Version.COSYVOICE2: ("zh", "yue", "en", "ja", "ko"),
    Version.COSYVOICE3: ("zh", "yue", "en", "ja", "ko", "de", "es", "fr", "it", "ru"),
}
"""What the checkpoints were trained for; they try any other."""
_PRECISIONS = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}


class CosyVoiceEngine:
    """Speaks with any voice; many requests at once.

    Example:
        >>> engine = CosyVoiceEngine.open("models/CosyVoice2-0.5B")
        >>> voice = engine.prepare_voice(reference)
        >>> samples = engine.speak(SynthesisRequest("Hello.", voice=voice))
    """

    def __init__(self, settings: CosyVoiceSettings) -> None:
        device = pick_device(settings.device)
        self._runtime = Runtime.load(resolve_path(settings.model_dir), settings, device)
        limits = SchedulerLimits.for_device(
            device,
            final=Final(settings.final_chunk),
            guards=settings.guards,
            first_audio_budget_s=settings.first_audio_budget_s,
        )
        self._worker = Worker(partial(_scheduler, self._runtime, limits), settings.threads)
        self._kept = KeptVoices(settings.voice_folder, self._runtime.config.version)
        self._scripts = ScriptWriter(self._runtime.front_end, self._runtime.tokenizer)
        precision = _PRECISIONS[str(self._runtime.dtype).removeprefix("torch.")]
        self.info = EngineInfo(
            name="cosyvoice",
            model=_NAMES[self._runtime.config.version],
            sample_rate_hz=SAMPLE_RATE_HZ,
            modes=frozenset(Mode),
            languages=(),
            device=str(device),
            precision="int8" if settings.llm_weights == "int8" else precision,
            voice_format=f"{self._runtime.config.version}.safetensors",
            trained_for=_LANGUAGES[self._runtime.config.version],
        )

    @classmethod
    def open(cls, model_dir: str | Path) -> Self:
        """Open a model directory with everything else at its default.

        Raises:
            EngineLoadError: the directory is wrong or incomplete.
        """
        return cls(CosyVoiceSettings(engine="cosyvoice", model_dir=Path(model_dir).absolute()))

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler's thread runs."""
        return self._worker.is_alive

    @property
    def speakers(self) -> dict[str, VoicePrompt]:
        """The checkpoint's own speakers by name (sft), as voices for a request."""
        return dict(self._runtime.speakers)

    def figures(self) -> dict[str, float]:
        """The scheduler's running totals."""
        return asdict(self._worker.scheduler.stats)

    def prepare_voice(self, reference: Reference, *, keep: bool = True) -> VoicePrompt:
        """Draw a voice from a clip of up to 30 s, or read it where it has been kept."""
        if not keep:
            return self._runtime.prepare(reference)
        return self._kept.get(reference, self._runtime.prepare)

    def pack_voice(self, voice: PreparedVoice) -> bytes:
        """The voice as safetensors."""
        return _prompt_of(voice).pack()

    def unpack_voice(self, data: bytes) -> VoicePrompt:
        """Read a packed voice."""
        return VoicePrompt.unpack(data, self._runtime.config.version)

    def forget_voice(self, voice: PreparedVoice) -> None:
        """Free what the flow remembers of a voice."""
        self._worker.forget(_prompt_of(voice))

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[Samples, None]:
        """Yield chunks as they are made; those of a request that does not stream, by segment."""
        check_request(self.info, request)
        voice = self._voice(request)
        prompts = await asyncio.to_thread(self._scripts.write, request, voice)
        if not prompts:
            raise NothingToSpeakError(self.info.name)
        listener = _Listener()
        wanted = self._wanted(request, prompts, voice, listener)
        speech = self._worker.submit(wanted)
        try:
            async for samples in listener.chunks():
                request.turn.comes(speech.begun_s - speech.arrived_s)
                yield samples
        finally:
            self._worker.cancel(speech)

    async def synthesize_pieces(
        self, pieces: AsyncIterator[str], request: SynthesisRequest
    ) -> AsyncGenerator[Samples, None]:
        """Speak text that is still being written, as a voice agent's is.

        Args:
            pieces: the text, in pieces of any size; they are spoken as they stand, without
                normalisation, because what follows is not known.
            request: everything but the text.
        """
        check_request(self.info, request)
        voice = self._voice(request)
        opening = self._scripts.opening(request, voice)
        listener = _Listener()
        wanted = self._wanted(request, [opening], voice, listener, text_is_open=True)
        speech = self._worker.submit(wanted)

        async def write() -> None:
            async for piece in pieces:
                ids = self._runtime.tokenizer.encode(piece)
                self._worker.feed(speech, ids, ended=False)
            self._worker.feed(speech, (), ended=True)

        writer = asyncio.create_task(write())
        writer.add_done_callback(partial(_fail_with, listener))
        try:
            async for samples in listener.chunks():
                yield samples
        finally:
            writer.cancel()
            self._worker.cancel(speech)
            with suppress(asyncio.CancelledError):
                await writer

    def speak(self, request: SynthesisRequest) -> Samples:
        """Speak all of it and wait for it; for scripts, where no event loop runs."""
        return asyncio.run(self._speak(request))

    def close(self) -> None:
        """Stop the scheduler. Requests under way end with an error."""
        self._worker.close()

    async def _speak(self, request: SynthesisRequest) -> Samples:
        async with aclosing(self.synthesize(request)) as chunks:
            return np.concatenate([samples async for samples in chunks])

    def _voice(self, request: SynthesisRequest) -> VoicePrompt:
        if isinstance(request.voice, VoicePrompt):
            return request.voice
        if request.voice is None and self._runtime.speakers:
            return next(iter(self._runtime.speakers.values()))
        raise VoiceNeededError(self.info.name)

    def _wanted(
        self,
        request: SynthesisRequest,
        prompts: Sequence[LlmPrompt],
        voice: VoicePrompt,
        listener: "_Listener",
        *,
        text_is_open: bool = False,
    ) -> SpeechRequest:
        return SpeechRequest(
            prompts=prompts,
            voice=voice,
            listener=listener,
            streamed=request.stream,
            speed=request.speed,
            priority=request.priority,
            request_id=request.request_id,
            seed=secrets.randbits(32) if request.seed is None else request.seed,
            text_is_open=text_is_open,
        )


class _Listener:
    """Carries what the scheduler's thread makes to the event loop that waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[NDArray[np.float32] | Exception | None] = asyncio.Queue()

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Take samples, on any thread."""
        self._put(samples)

    def end(self, error: Exception | None) -> None:
        """Take the end, on any thread."""
        self._put(error)

    async def chunks(self) -> AsyncGenerator[NDArray[np.float32], None]:
        """Yield samples until the end.

        Raises:
            EngineFailureError: the speech broke off.
        """
        while (item := await self._queue.get()) is not None:
            if isinstance(item, BrokenSpeechError | CacheFullError | PromptError):
                raise EngineFailureError(str(item)) from item
            if isinstance(item, Exception):
                raise item
            yield item

    def _put(self, item: NDArray[np.float32] | Exception | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


def _scheduler(runtime: Runtime, limits: SchedulerLimits) -> Scheduler:
    return Scheduler(lm=runtime.lm, flow=runtime.flow, vocoder=runtime.vocoder, limits=limits)


def _fail_with(listener: _Listener, writer: "asyncio.Task[None]") -> None:
    """A text that breaks off must not leave its listener waiting."""
    if not writer.cancelled() and (error := writer.exception()):
        listener.end(error if isinstance(error, Exception) else EngineFailureError(str(error)))


def _prompt_of(voice: PreparedVoice) -> VoicePrompt:
    if not isinstance(voice, VoicePrompt):
        raise TypeError(f"{type(voice).__name__} is no voice of CosyVoice")
    return voice
