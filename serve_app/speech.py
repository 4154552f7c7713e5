"""Speech under way: its first audio is in hand, the rest is still made."""

from collections.abc import AsyncGenerator, Mapping
from types import TracebackType
from typing import Any, Self

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from deployments.messages import SpeechEnded, SpeechStarted
from serve_app.meter import Meter
from serve_app.orders import SpeechCall
from serve_app.request_log import RequestLog


class Speech:
    """Leaving the ``async with`` block stops everything that still works for it."""

    def __init__(
        self,
        call: SpeechCall,
        started: SpeechStarted,
        stream: Any,
        log: RequestLog,
        meter: Meter,
    ) -> None:
        self._stream = stream
        self._log = log
        self._meter = meter
        self.call = call
        self.started = started
        self.ended: SpeechEnded | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._log.left()
        self._stream.cancel()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield encoded audio as it is ready; ``ended`` is set when all of it was made.

        Raises:
            Whatever broke: who has begun to answer can only cut the connection, or say so in an
            event.
        """
        try:
            with self._log.unfinished():
                yield self.started.data
                async for message in self._stream:
                    if isinstance(message, SpeechEnded):
                        self.ended = message
                        self._log.ended(message)
                        self._meter.heard(self.call.caller, message.audio_s)
                    else:
                        yield message
        finally:
            self._stream.cancel()

    def headers(self) -> dict[str, str]:
        """What the answer says about itself."""
        return speech_headers(self.call, self.started)


class SpeechResponse(StreamingResponse):
    """Answers with a speech, in pieces; it ends with the answer, even if that never began."""

    def __init__(
        self,
        speech: Speech,
        pieces: AsyncGenerator[bytes | str, None],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(pieces, media_type=media_type, headers=headers)
        self._speech = speech

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        async with self._speech:
            await super().__call__(scope, receive, send)


def speech_headers(call: SpeechCall, started: SpeechStarted) -> dict[str, str]:
    """Who spoke, with which voice, and how it was asked for."""
    headers = {
        "X-TTS-Engine": started.engine,
        "X-TTS-Voice": call.voice,
        "X-TTS-Mode": call.synthesis.mode.value,
        "X-Sample-Rate": str(started.sample_rate_hz),
    }
    if started.language:
        headers["X-TTS-Language"] = started.language
    if started.voice_match:
        headers["X-TTS-Voice-Match"] = started.voice_match
    if started.voice_cache:
        headers["X-TTS-Voice-Cache"] = started.voice_cache
    return headers
