"""The desk: takes a call that a route has translated, has it spoken, and writes the answer."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ray.serve.handle import DeploymentHandle
from starlette.responses import Response, StreamingResponse

from audio.formats import AudioFormat
from deployments.calls import no_replica_is_refusal
from deployments.messages import (
    Refused,
    SpeechEnded,
    SpeechJob,
    SpeechStarted,
    WholeSpeech,
)
from engines.protocol import SynthesisRequest
from serve_app.errors import TextTooLongError
from serve_app.request_log import RequestLog


@dataclass(frozen=True, slots=True)
class SpeechCall:
    """One request, whatever shape it came in.

    Attributes:
        engine: which deployment shall speak: a key of the desk's engines.
        synthesis: what to say.
        clip: the voice's reference, if any: an audio file's bytes, or where one lies.
        brought: whether the client brought the reference along.
        voice: what to call the voice in the answer.
        audio_format: what the answer is encoded as.
        stream: answer while the audio is made.
    """

    engine: str
    synthesis: SynthesisRequest
    clip: bytes | Path | None
    brought: bool
    voice: str
    audio_format: AudioFormat
    stream: bool


class SpeechDesk:
    """Hands calls to the AudioProcessor with the handle of the engine that shall speak."""

    def __init__(
        self,
        audio_processor: DeploymentHandle[Any],
        engines: dict[str, DeploymentHandle[Any]],
        max_text_characters: int,
    ) -> None:
        self._whole = audio_processor.options(method_name="speak_whole")
        self._streamed = audio_processor.options(method_name="speak", stream=True)
        self._engines = engines
        self._max_text_characters = max_text_characters

    async def answer(self, call: SpeechCall, request_id: str) -> Response:
        """Have ``call`` spoken. Nothing is answered before the first audio is in hand.

        Raises:
            TextTooLongError: the text exceeds the limit.
            Any error in ``REFUSALS``.
        """
        num_characters = len(call.synthesis.text)
        log = RequestLog(request_id, call.engine, call.synthesis.mode, num_characters)
        with log.unfinished():
            if num_characters > self._max_text_characters:
                raise TextTooLongError(num_characters, self._max_text_characters)
            if call.stream:
                return await self._answer_streamed(call, log)
            return await self._answer_whole(call, log)

    async def _answer_whole(self, call: SpeechCall, log: RequestLog) -> Response:
        with no_replica_is_refusal():
            speech = await self._whole.remote(_job(call), self._engines[call.engine])
        if isinstance(speech, Refused):
            raise speech.error
        if not isinstance(speech, WholeSpeech):
            raise TypeError(f"the AudioProcessor answered {type(speech).__name__}")
        log.started(speech.started.engine)
        log.ended(speech.ended)
        headers = _headers(call, speech.started) | {
            "X-Audio-Duration": f"{speech.ended.audio_s:.3f}",
            "X-TTS-RTF": f"{speech.ended.real_time_factor:.4f}",
        }
        return Response(
            speech.started.data, media_type=call.audio_format.media_type, headers=headers
        )

    async def _answer_streamed(self, call: SpeechCall, log: RequestLog) -> Response:
        stream = self._streamed.remote(_job(call), self._engines[call.engine])
        with no_replica_is_refusal():
            first = await anext(cast(AsyncIterator[Any], stream))
        if isinstance(first, Refused):
            raise first.error
        if not isinstance(first, SpeechStarted):
            raise TypeError(f"the AudioProcessor began with {type(first).__name__}")
        log.started(first.engine)
        return StreamingResponse(
            _body(first, stream, log),
            media_type=call.audio_format.media_type,
            headers=_headers(call, first),
        )


async def _body(
    started: SpeechStarted, stream: Any, log: RequestLog
) -> AsyncGenerator[bytes, None]:
    """The bytes of a streamed answer. An error in here cuts the connection: the client notices."""
    try:
        with log.unfinished():
            yield started.data
            async for message in stream:
                if isinstance(message, SpeechEnded):
                    log.ended(message)
                else:
                    yield message
    finally:
        stream.cancel()


def _job(call: SpeechCall) -> SpeechJob:
    return SpeechJob(
        synthesis=call.synthesis,
        clip=call.clip,
        affinity=call.brought,
        audio_format=call.audio_format,
    )


def _headers(call: SpeechCall, started: SpeechStarted) -> dict[str, str]:
    headers = {
        "X-TTS-Engine": started.engine,
        "X-TTS-Voice": call.voice,
        "X-Sample-Rate": str(started.sample_rate_hz),
    }
    if started.voice_match:
        headers["X-TTS-Voice-Match"] = started.voice_match
    if started.voice_cache:
        headers["X-TTS-Voice-Cache"] = started.voice_cache
    return headers
