"""The AudioProcessor: reference audio in, encoded speech out, with the engine in between.

It calls the engine itself, because Ray cannot pass one deployment's stream into another call.
Which engine that is, the ingress decides.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from loguru import logger

from audio.decode import ReferenceDecoder
from audio.encode import Encoder, EncoderFactory
from audio.ffmpeg import find_ffmpeg
from audio.inspect import ClipInspector
from audio.playback import Playback
from audio.speech import SpeechShaper
from configs.app import Audio, Logging, ReferenceLimits, Tracing, Voices
from configs.environment import resolve_path
from deployments.clips import ClipCache
from deployments.engine_client import EngineHandle, call_engine
from deployments.logs import logged_failure, start_logging
from deployments.messages import (
    REFUSALS,
    Inspection,
    Refused,
    Speaking,
    SpeechEnded,
    SpeechJob,
    SpeechMessage,
    SpeechStarted,
    WholeSpeech,
)
from deployments.metrics import ProcessMetrics, SpeechMetrics
from deployments.tracing import Span, open_tracer
from engines.protocol import Samples
from voices.store import VoiceStore


class AudioProcessor:
    """Decodes references and encodes speech, each in FFmpeg children."""

    def __init__(self, settings: Audio, voices: Voices, logging: Logging, tracing: Tracing) -> None:
        start_logging(logging, "AudioProcessor")
        self._tracer = open_tracer(tracing, "AudioProcessor")
        binary = find_ffmpeg(resolve_path(settings.ffmpeg) if settings.ffmpeg else None)
        rate_hz = settings.sample_rate_hz
        self._rate_hz = rate_hz
        self._metrics = SpeechMetrics()
        decoder = ReferenceDecoder(binary, settings.reference, rate_hz)
        self._clips = ClipCache(
            decoder,
            settings.reference,
            rate_hz,
            VoiceStore.open(voices),
            voices.refresh_s,
            self._metrics,
        )
        self._encoders = EncoderFactory(binary, rate_hz, settings.encode_timeout_s)
        as_recorded = ReferenceDecoder(binary, _voice_limits(settings.reference, voices), None)
        self._inspector = ClipInspector(as_recorded, self._encoders, rate_hz)
        self._engines: dict[Any, EngineHandle] = {}
        self._process = ProcessMetrics()

    def check_health(self) -> None:
        """Called by Ray again and again: an event loop that is stuck does not answer."""
        self._process.publish()

    async def speak(
        self, job: SpeechJob, engine: EngineHandle
    ) -> AsyncGenerator[SpeechMessage, None]:
        """Do ``job`` with ``engine``, as a stream: ``SpeechStarted``, bytes, ``SpeechEnded``.

        A refusal is the only message. A later failure ends the stream with an exception.
        """
        with self._span(job) as span, logged_failure(job.request_id, "speak"):
            messages = self._speak(job, engine, span, whole=False)
            async with aclosing(messages):
                try:
                    async for message in messages:
                        yield message
                except REFUSALS as error:
                    span.end_with(error)
                    yield Refused(error)

    async def speak_whole(self, job: SpeechJob, engine: EngineHandle) -> WholeSpeech | Refused:
        """Do ``job`` with ``engine`` and return the finished file."""
        with self._span(job) as span, logged_failure(job.request_id, "speak"):
            try:
                started, ended = [part async for part in self._speak(job, engine, span, whole=True)]
            except REFUSALS as error:
                span.end_with(error)
                return Refused(error)
            return WholeSpeech.of(started, ended)

    async def inspect(self, data: bytes) -> Inspection:
        """Measure the clip in an audio file's ``data``; return it as a voice is kept."""
        try:
            return await self._inspector.inspect(data)
        except REFUSALS as error:
            return Refused(error)

    def __del__(self) -> None:
        """Hand over the last spans; Ray calls this when the replica shuts down."""
        if tracer := getattr(self, "_tracer", None):
            tracer.close()

    def _span(self, job: SpeechJob) -> Span:
        return self._tracer.start("process", job.traceparent, request_id=job.request_id)

    async def _speak(
        self, job: SpeechJob, engine: EngineHandle, span: Span, *, whole: bool
    ) -> AsyncGenerator[SpeechMessage, None]:
        arrived = time.perf_counter()
        playback = Playback()
        voice = await self._clips.voice(job.clip, span) if job.clip is not None else None
        # Each handle that arrives is a new one, and would build a router of its own.
        engine = self._engines.setdefault(engine.deployment_id, engine)
        task = replace(job, traceparent=span.traceparent)
        with call_engine(engine, task, voice) as call:
            # The encoder's process starts while the engine computes.
            async with self._encoders.open(job.audio_format, whole=whole) as encoder:
                first = await call.first_message()
                first_audio_s = time.perf_counter() - arrived
                shaper = SpeechShaper(first.sample_rate_hz, self._rate_hz)
                opening: Speaking | None = first
                heard = _heard(call.chunks(first), first.sample_rate_hz, playback)
                with span.child("encode", format=job.audio_format.value):
                    async for data in _encode(heard, shaper, encoder):
                        yield self._started(opening, data) if opening else data
                        opening = None
                total_s = time.perf_counter() - arrived
        ended = SpeechEnded(shaper.duration_s, first_audio_s, total_s, shaper.peak)
        logger.bind(request_id=job.request_id).debug(
            "{} spoke {:.2f} s in {:.3f} s", first.engine, ended.audio_s, total_s
        )
        self._record(first.engine, ended)
        if not whole and playback.underruns:
            self._metrics.underruns.inc(playback.underruns, {"engine": first.engine})
        span.note(engine=first.engine, language=first.language, audio_s=ended.audio_s)
        span.end()
        yield ended

    def _started(self, opening: Speaking, data: bytes) -> SpeechStarted:
        return SpeechStarted(
            engine=opening.engine,
            language=opening.language,
            sample_rate_hz=self._rate_hz,
            voice_match=opening.voice_match,
            voice_cache=opening.voice_cache,
            data=data,
        )

    def _record(self, engine: str, ended: SpeechEnded) -> None:
        tags = {"engine": engine}
        self._metrics.inference.observe(ended.total_s, tags)
        self._metrics.first_audio.observe(ended.first_audio_s, tags)
        self._metrics.real_time_factor.observe(ended.real_time_factor, tags)


async def _heard(
    chunks: AsyncIterator[Samples], rate_hz: int, playback: Playback
) -> AsyncGenerator[Samples, None]:
    """Pass chunks on, and let a simulated listener hear them."""
    async for samples in chunks:
        playback.hear(len(samples) / rate_hz, time.perf_counter())
        yield samples


def _voice_limits(reference: ReferenceLimits, voices: Voices) -> ReferenceLimits:
    """What a clip may be that shall become a voice."""
    return reference.model_copy(
        update={
            "max_bytes": voices.max_bytes,
            "min_duration_s": voices.min_duration_s,
            "max_duration_s": voices.max_duration_s,
        }
    )


async def _encode(
    chunks: AsyncIterator[Samples], shaper: SpeechShaper, encoder: Encoder
) -> AsyncGenerator[bytes, None]:
    """Feed the encoder with one hand and read from it with the other."""
    feeder = asyncio.create_task(_feed(chunks, shaper, encoder))
    try:
        async for data in encoder.read():
            if feeder.done():
                feeder.result()  # an engine that failed must not look like a short speech
            yield data
        await feeder
    finally:
        feeder.cancel()
        await asyncio.wait([feeder])


async def _feed(chunks: AsyncIterator[Samples], shaper: SpeechShaper, encoder: Encoder) -> None:
    try:
        async for samples in chunks:
            await encoder.write(shaper.shape(samples))
        await encoder.write(shaper.flush())
    finally:
        await encoder.finish()
