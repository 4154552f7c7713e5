"""An engine replica: holds one engine and the voices it has prepared."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from loguru import logger

from configs.app import Logging, Tracing, Voices
from configs.engines import EngineSettings
from deployments.errors import OverloadedError
from deployments.logs import logged_failure, start_logging
from deployments.messages import (
    REFUSALS,
    EngineMessage,
    EngineTask,
    ReferenceWanted,
    Refused,
    Speaking,
)
from deployments.metrics import EngineMetrics, GpuMetrics, ProcessMetrics
from deployments.prepared_voices import PreparedVoices
from deployments.tracing import Outcome, Span, open_tracer
from engines.checks import check_request, in_spoken_language
from engines.errors import EngineBusyError, EngineFailureError
from engines.protocol import EngineInfo, Samples
from engines.registry import load_engine

_HEAD_S = 0.4
"""How much audio goes out first. An engine's first chunk may be a whole sentence: beyond 100 kB Ray
takes it through shared memory, and the encoder gives nothing before it has read what it was sent.
"""


class EngineServer:
    """The body of the ``CosyVoice`` and ``MMS`` deployments."""

    def __init__(
        self,
        name: str,
        settings: EngineSettings,
        voice_cache_bytes: int,
        voices: Voices,
        logging: Logging,
        tracing: Tracing,
    ) -> None:
        start_logging(logging, name)
        self._tracer = open_tracer(tracing, name)
        self._engine = load_engine(settings)
        self._voices = PreparedVoices(self._engine, voice_cache_bytes, voices)
        self._metrics = EngineMetrics()
        self._process = ProcessMetrics()
        self._gpus = GpuMetrics()
        logger.info(self._engine.info.loaded_line())

    async def speak(self, task: EngineTask) -> AsyncGenerator[EngineMessage, None]:
        """Speak ``task``: first ``Speaking``, then samples; or one refusal.

        Cancelling the call stops the engine within one chunk.
        """
        span = self._tracer.start("synthesize", task.traceparent, request_id=task.request_id)
        with span, logged_failure(task.request_id, "synthesize"):
            try:
                begun = await self._begin(task, span)
            except EngineBusyError as error:
                span.end_with(error)
                yield Refused(OverloadedError(error.retry_after_s))
                return
            except REFUSALS as error:
                span.end_with(error)
                yield Refused(error)
                return
            if begun is None:
                span.end(Outcome.REFERENCE_WANTED)
                yield ReferenceWanted()
                return
            speaking, rest, chunks = begun
            num_samples = len(speaking.samples) + len(rest)
            async with aclosing(chunks):
                yield speaking
                if len(rest):
                    yield rest
                async for samples in chunks:
                    num_samples += len(samples)
                    yield samples
            span.note(audio_s=num_samples / speaking.sample_rate_hz)

    async def _begin(
        self, task: EngineTask, span: Span
    ) -> tuple[Speaking, Samples, AsyncGenerator[Samples, None]] | None:
        """Wait for the first chunk; return its head, its rest, and the chunks to come.

        None if the reference is needed before.

        Raises:
            EngineBusyError, any error in ``REFUSALS``: the engine does not speak this.
        """
        info = self._engine.info
        synthesis = in_spoken_language(info, task.synthesis)
        span.note(
            engine=info.name, mode=synthesis.mode.value, language=synthesis.language,
            characters=len(synthesis.text),
        )  # fmt: skip
        check_request(info, synthesis)
        voice, outcome = None, None
        if task.voice_key is not None:
            with logger.contextualize(request_id=task.request_id):
                found = await self._voices.find(task)
            if found is None:
                return None
            voice, outcome = found
            span.note(voice_cache=outcome.value)
            self._metrics.voice_cache.inc(tags={"engine": info.name, "outcome": outcome})
        request = replace(synthesis, voice=voice, request_id=task.request_id)
        logger.bind(request_id=task.request_id).debug("{} begins", info.name)
        chunks = self._engine.synthesize(request)
        first = await anext(chunks, None)
        if first is None:
            raise EngineFailureError("the engine ended without audio")
        if (queue_wait_s := request.turn.queue_wait_s) is not None:
            self._metrics.queue_wait.observe(queue_wait_s, {"engine": info.name})
        span.event("first_audio", queue_wait_s=queue_wait_s)
        head = int(_HEAD_S * info.sample_rate_hz)
        speaking = Speaking(
            engine=info.name,
            language=synthesis.language,
            sample_rate_hz=info.sample_rate_hz,
            voice_match=info.voice_match if synthesis.mode.clones else None,
            voice_cache=outcome,
            samples=first[:head],
        )
        return speaking, first[head:], chunks

    async def describe(self) -> EngineInfo:
        """What the engine says of itself."""
        return self._engine.info

    async def check_health(self) -> None:
        """Called by Ray again and again: an event loop that is stuck does not answer.

        Raises:
            EngineFailureError: the engine is dead; Ray then replaces the replica.
        """
        self._metrics.publish(self._engine.info.name, self._engine.figures())
        self._process.publish()
        await asyncio.to_thread(self._gpus.publish)
        if not self._engine.is_alive:
            raise EngineFailureError(f"the {self._engine.info.name} engine is dead")

    def __del__(self) -> None:
        """Free the engine, hand over the last spans; Ray calls this when the replica ends."""
        if engine := getattr(self, "_engine", None):
            engine.close()
        if tracer := getattr(self, "_tracer", None):
            tracer.close()
