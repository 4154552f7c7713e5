"""The desk: has orders spoken, whichever family of endpoints took them."""

from typing import Any

from opentelemetry.trace import SpanKind
from ray.serve.handle import DeploymentHandle
from starlette.responses import Response

from deployments.calls import no_replica_is_refusal, with_second_try
from deployments.errors import ReplicaLostError
from deployments.messages import Refused, SpeechJob, SpeechStarted, WholeSpeech
from deployments.metrics import RequestMetrics
from deployments.tracing import OFF, Tracer
from serve_app.meter import Meter
from serve_app.orders import OrderTaker, SpeechCall, SpeechOrder
from serve_app.request_log import RequestLog
from serve_app.speech import Speech, SpeechResponse, speech_headers
from serve_app.spoken_lately import SpokenLately


class SpeechDesk:
    """Hands orders to the AudioProcessor with the handle of the engine that shall speak.

    Nothing is answered before the first audio is in hand: every method raises what it refuses
    (any error in ``serve_app.errors.CLIENT_ERRORS``) before that. Until then a request whose engine
    or AudioProcessor dies is tried once more, of which its client learns nothing. An order's text
    is whole: what a WebSocket sends in pieces is made into orders sentence by sentence.
    """

    def __init__(
        self,
        taker: OrderTaker,
        audio_processor: DeploymentHandle[Any],
        engines: dict[str, DeploymentHandle[Any]],
        meter: Meter,
        metrics: RequestMetrics,
        lately: SpokenLately,
        tracer: Tracer = OFF,
    ) -> None:
        self._taker = taker
        self._whole = audio_processor.options(method_name="speak_whole")
        self._streamed = audio_processor.options(method_name="speak", stream=True)
        self._engines = engines
        self._meter = meter
        self._metrics = metrics
        self._lately = lately
        self._tracer = tracer

    async def answer(self, order: SpeechOrder, request_id: str) -> Response:
        """Have ``order`` spoken and answer over HTTP, whole or as a stream."""
        if order.stream:
            speech = await self.begin(order, request_id)
            return SpeechResponse(
                speech, speech.chunks(), order.audio_format.media_type, speech.headers()
            )
        call, whole = await self.whole(order, request_id)
        headers = speech_headers(call, whole.started) | {
            "X-Audio-Duration": f"{whole.ended.audio_s:.3f}",
            "X-TTS-RTF": f"{whole.ended.real_time_factor:.4f}",
        }
        return Response(
            whole.started.data, media_type=call.audio_format.media_type, headers=headers
        )

    async def begin(self, order: SpeechOrder, request_id: str) -> Speech:
        """Have ``order`` spoken as a stream; return with its first audio."""
        log = self._log(order, request_id)
        with log.unfinished():
            call = await self._understand(order, log)
            async with self._meter.charged(order.caller, len(order.text)):
                job = _job(call, request_id, log.traceparent)
                stream, first = await with_second_try(lambda: self._start(call, job), request_id)
            log.started(first)
            return Speech(call, first, stream, log, self._meter)

    async def whole(self, order: SpeechOrder, request_id: str) -> tuple[SpeechCall, WholeSpeech]:
        """Have ``order`` spoken; return what it meant, and the finished file."""
        log = self._log(order, request_id)
        with log.unfinished():
            call = await self._understand(order, log)
            async with self._meter.charged(order.caller, len(order.text)):
                job = _job(call, request_id, log.traceparent)
                speech = await with_second_try(lambda: self._finish(call, job), request_id)
            log.started(speech.started)
            log.ended(speech.ended)
            self._meter.heard(order.caller, speech.ended.audio_s)
            return call, speech

    async def _start(self, call: SpeechCall, job: SpeechJob) -> tuple[Any, SpeechStarted]:
        stream: Any = self._streamed.remote(job, self._engines[call.engine])
        try:
            with no_replica_is_refusal():
                first = await anext(stream)
        except ReplicaLostError:
            stream.cancel()  # it may only be out of reach
            raise
        if isinstance(first, Refused):
            raise first.error
        if not isinstance(first, SpeechStarted):
            raise TypeError(f"the AudioProcessor began with {type(first).__name__}")
        return stream, first

    async def _finish(self, call: SpeechCall, job: SpeechJob) -> WholeSpeech:
        with no_replica_is_refusal():
            speech = await self._whole.remote(job, self._engines[call.engine])
        if isinstance(speech, Refused):
            raise speech.error
        if not isinstance(speech, WholeSpeech):
            raise TypeError(f"the AudioProcessor answered {type(speech).__name__}")
        return speech

    def _log(self, order: SpeechOrder, request_id: str) -> RequestLog:
        num_characters, name = len(order.text), order.caller.name
        span = self._tracer.start(
            "speech", order.traceparent, SpanKind.SERVER,
            request_id=request_id, characters=num_characters, stream=order.stream,
        )  # fmt: skip
        return RequestLog(request_id, num_characters, name, self._metrics, self._lately, span)

    async def _understand(self, order: SpeechOrder, log: RequestLog) -> SpeechCall:
        await self._taker.refresh()
        call = self._taker.take(order)
        log.understood(call)
        return call


def _job(call: SpeechCall, request_id: str, traceparent: str | None) -> SpeechJob:
    return SpeechJob(
        request_id=request_id,
        synthesis=call.synthesis,
        clip=call.clip,
        affinity=call.brought,
        audio_format=call.audio_format,
        traceparent=traceparent,
    )
