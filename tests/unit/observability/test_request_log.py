"""A request is written, counted and traced once, however it ends."""

import asyncio
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.requests import ClientDisconnect

from deployments.errors import OverloadedError, UnavailableError
from deployments.messages import SpeechEnded, SpeechStarted
from deployments.tracing import tracer_to
from serve_app.errors import InvalidFieldError
from serve_app.request_log import RequestLog
from serve_app.speech import Speech, SpeechResponse
from serve_app.spoken_lately import SpokenLately

STARTED = SpeechStarted("tone", "en", 24_000, None, None, b"first")
ENDED = SpeechEnded(audio_s=2.0, first_audio_s=0.1, total_s=0.5, peak=0.5)


class Metrics:
    def __init__(self):
        self.outcomes = []
        self.spoken_for = []

    def ended(self, asked, mode, outcome):
        self.outcomes.append((asked, mode, outcome))

    def spoken(self, key, engine, num_characters, audio_s):
        self.spoken_for.append((key, engine, num_characters, audio_s))


class Stream:
    """What the AudioProcessor sends; counts how often it was cancelled."""

    def __init__(self, *messages):
        self._messages = messages
        self.cancelled = 0

    def cancel(self):
        self.cancelled += 1

    async def __aiter__(self):
        for message in self._messages:
            if isinstance(message, BaseException):
                raise message
            yield message


class Request:
    """A request's log, and what has become of it."""

    def __init__(self):
        self._exporter = InMemorySpanExporter()
        self.tracer = tracer_to(self._exporter, "Ingress")
        self.metrics = Metrics()
        span = self.tracer.start("speech", None)
        self.log = RequestLog("r-1", 5, "anna", self.metrics, SpokenLately(), span)
        self.call = SimpleNamespace(
            engine="cosyvoice",
            synthesis=SimpleNamespace(mode="tts", language="en"),
            caller=None,
            voice="qwen",
        )
        self.log.understood(self.call)
        self.log.started(STARTED)

    def speech(self, *messages):
        self.stream = Stream(*messages)
        meter = SimpleNamespace(heard=lambda *_: None)
        return Speech(self.call, STARTED, self.stream, self.log, meter)

    def outcome(self):
        """As it was counted and as it was traced; each once."""
        self.tracer.close()
        (span,) = self._exporter.get_finished_spans()
        ((asked, mode, counted),) = self.metrics.outcomes
        assert (asked, mode) == ("cosyvoice", "tts")
        return counted, span.attributes["tts.outcome"], span.attributes.get("error.type")


@pytest.fixture
def request_():
    request = Request()
    yield request
    request.tracer.close()


async def test_a_speech_that_is_heard_to_its_end(request_, lines):
    speech = request_.speech(b"second", ENDED)
    async with speech:
        assert [data async for data in speech.chunks()] == [b"first", b"second"]
    assert request_.outcome() == ("ok", "ok", None)
    assert request_.metrics.spoken_for == [("anna", "tone", 5, 2.0)]
    (line,) = lines
    assert line["extra"]["request_id"] == "r-1"


async def test_who_leaves_after_the_end_has_heard_it(request_, lines):
    """The last message has come, the stream has not ended yet."""
    speech = request_.speech(ENDED, asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        async for _ in speech.chunks():
            pass
    assert request_.outcome() == ("ok", "ok", None)
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (asyncio.CancelledError(), ("cancelled", "cancelled", None)),
        (OverloadedError(1.0), ("overloaded", "refused", "overloaded")),
        (InvalidFieldError("a", "b", "c"), ("invalid_field", "refused", "invalid_field")),
        (UnavailableError(), ("unavailable", "failed", "unavailable")),
        (RuntimeError("secret"), ("internal", "failed", "internal")),
    ],
)
async def test_a_speech_that_breaks_off(request_, lines, error, outcome):
    speech = request_.speech(error)
    with pytest.raises(type(error)):
        async with speech:
            async for _ in speech.chunks():
                pass
    assert request_.outcome() == outcome
    assert len(lines) == 1


async def test_who_leaves_in_the_middle(request_, lines):
    speech = request_.speech(b"second", ENDED)
    async with speech:
        chunks = speech.chunks()
        assert await anext(chunks) == b"first"
    await chunks.aclose()
    assert request_.outcome() == ("cancelled", "cancelled", None)
    assert len(lines) == 1
    assert request_.stream.cancelled


async def test_who_leaves_before_the_answer_begins(request_, lines):
    """No piece is asked for, so that nothing in the speech's own generator runs."""
    speech = request_.speech(b"second", ENDED)
    pieces = speech.chunks()

    async def send(message):
        raise OSError

    async def receive():
        await asyncio.Event().wait()

    response = SpeechResponse(speech, pieces, "audio/mpeg", {})
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    with pytest.raises(ClientDisconnect):
        await response(scope, receive, send)
    assert request_.outcome() == ("cancelled", "cancelled", None)
    assert len(lines) == 1
    assert request_.stream.cancelled
