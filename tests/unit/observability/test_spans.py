"""Spans by themselves, and on their way to a collector that may be well, slow or away."""

import asyncio
import contextvars
import subprocess
import sys

import pytest
from collector import Collector
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from configs.app import AppConfig, Tracing
from deployments.errors import OverloadedError, UnavailableError
from deployments.tracing import OFF, Outcome, open_tracer, tracer_to
from engines.errors import EngineBusyError, EngineFailureError
from voices.errors import UnknownVoiceError

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
NOT_SAMPLED = PARENT[:-1] + "0"
SECRET = "what a user sent"


class Traced:
    """A tracer, and the spans that it has exported."""

    def __init__(self, sample_ratio=1.0):
        self._exporter = InMemorySpanExporter()
        self.tracer = tracer_to(self._exporter, "Tester", sample_ratio)
        self.start = self.tracer.start

    def spans(self):
        self.tracer.close()
        return self._exporter.get_finished_spans()

    def span(self):
        (span,) = self.spans()
        return span


@pytest.fixture
def traced():
    traced = Traced()
    yield traced
    traced.tracer.close()


def test_a_span_says_what_was_done_where(traced):
    with traced.start("speech", None, SpanKind.SERVER, request_id="r-1", language=None) as span:
        span.note(audio_s=1.5, voice_cache=None)
        span.event("first_audio", queue_wait_s=0.25)
    found = traced.span()
    assert (found.name, found.kind, found.parent) == ("speech", SpanKind.SERVER, None)
    outcome = {"tts.request_id": "r-1", "tts.audio_s": 1.5, "tts.outcome": "ok"}
    assert dict(found.attributes) == outcome
    (event,) = found.events
    assert (event.name, dict(event.attributes)) == ("first_audio", {"tts.queue_wait_s": 0.25})
    assert found.resource.attributes["service.name"] == "cosyvoice-mms-tts"
    assert found.resource.attributes["tts.deployment"] == "Tester"


def test_it_continues_the_trace_that_it_is_told_of(traced):
    with traced.start("speech", PARENT) as span:
        assert span.traceparent.split("-")[1] == TRACE_ID
        assert span.traceparent != PARENT
    found = traced.span()
    assert f"{found.context.trace_id:032x}" == TRACE_ID
    assert f"{found.parent.span_id:016x}" == "00f067aa0ba902b7"


def test_a_child_belongs_to_its_parent_even_in_another_process(traced):
    there = Traced()
    with traced.start("speech", None) as parent:
        parent.child("encode", format="mp3").end()
        there.start("process", parent.traceparent).end()
    encode, speech = traced.spans()
    for child in (encode, there.span()):
        assert child.context.trace_id == speech.context.trace_id
        assert child.parent.span_id == speech.context.span_id


@pytest.mark.parametrize(
    "malformed",
    ["", "x", "00-0-0-01", PARENT[:-3], PARENT.replace(TRACE_ID, 32 * "0"), "ff" + PARENT[2:],
     PARENT.upper().replace("4BF", "XYZ"), 100_000 * "0-", "00-\r\n", PARENT + "-extra"],
)  # fmt: skip
def test_a_malformed_parent_is_ignored(traced, malformed):
    traced.start("speech", malformed).end()
    found = traced.span()
    assert found.parent is None
    assert f"{found.context.trace_id:032x}" != TRACE_ID


@pytest.mark.parametrize(
    ("ratio", "parent", "count"),
    [(1.0, None, 1), (0.0, None, 0), (0.0, PARENT, 1), (1.0, NOT_SAMPLED, 0)],
)
def test_who_is_traced(ratio, parent, count):
    """What the parent says counts; the share is of those that have none."""
    traced = Traced(ratio)
    with traced.start("speech", parent) as span:
        child = span.child("encode")
        child.end()
        assert int(child.traceparent[-2:], 16) & 1 == count  # the flag "sampled"
    assert len(traced.spans()) == 2 * count


@pytest.mark.parametrize(
    ("error", "outcome", "status", "error_type"),
    [
        (UnknownVoiceError(SECRET, ()), "refused", StatusCode.UNSET, "UnknownVoiceError"),
        (OverloadedError(1.0), "refused", StatusCode.UNSET, "OverloadedError"),
        (EngineBusyError(1.0), "refused", StatusCode.UNSET, "EngineBusyError"),
        (UnavailableError(), "failed", StatusCode.ERROR, "UnavailableError"),
        (EngineFailureError(SECRET), "failed", StatusCode.ERROR, "EngineFailureError"),
        (KeyboardInterrupt(), "failed", StatusCode.ERROR, "KeyboardInterrupt"),
        (asyncio.CancelledError(), "cancelled", StatusCode.UNSET, None),
        (GeneratorExit(), "cancelled", StatusCode.UNSET, None),
    ],
)
def test_how_it_ended(traced, error, outcome, status, error_type):
    with pytest.raises(type(error)), traced.start("process", None):
        raise error
    found = traced.span()
    assert found.attributes["tts.outcome"] == outcome
    assert found.status.status_code is status
    assert found.attributes.get("error.type") == error_type
    assert SECRET not in found.to_json()


def test_it_ends_once_and_what_ends_it_first_counts(traced):
    with pytest.raises(RuntimeError), traced.start("process", None) as span:
        span.end(Outcome.REFERENCE_WANTED)
        span.note(audio_s=1.0)
        raise RuntimeError
    found = traced.span()
    assert found.attributes["tts.outcome"] == "reference_wanted"
    assert "tts.audio_s" not in found.attributes


async def test_a_generator_may_be_closed_by_another_task(traced):
    """In a context that knows nothing of the one in which it began; and nothing is current."""

    async def speak():
        with traced.start("process", PARENT) as span, span.child("encode"):
            assert trace.get_current_span() is trace.INVALID_SPAN
            yield 1
            yield 2

    speaking = speak()
    first = asyncio.create_task(anext(speaking), context=contextvars.Context())
    assert await first == 1
    await asyncio.create_task(speaking.aclose(), context=contextvars.Context())
    encode, process = traced.spans()
    assert encode.parent.span_id == process.context.span_id
    assert {span.attributes["tts.outcome"] for span in (encode, process)} == {"cancelled"}


def test_the_global_provider_is_left_alone(traced):
    traced.start("speech", None).end()
    with trace.get_tracer("another").start_as_current_span("ray's own"):
        pass
    assert [span.name for span in traced.spans()] == ["speech"]


def test_off_traces_nothing():
    assert open_tracer(Tracing(), "Tester") is OFF
    with OFF.start("speech", PARENT, request_id="r-1") as span:
        span.note(audio_s=1.0)
        span.event("first_audio")
        assert span.traceparent is None
        assert span.child("encode").traceparent is None
    OFF.close()


def test_off_imports_no_exporter():
    code = (
        "import sys; from configs.app import Tracing; from deployments.tracing import open_tracer\n"
        "open_tracer(Tracing(), 'Tester').start('speech', None).end()\n"
        "assert not [name for name in sys.modules if 'opentelemetry.exporter.otlp' in name]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def to(endpoint, **settings):
    return open_tracer(Tracing(endpoint=endpoint, **settings), "Tester")


def test_a_collector_gets_the_spans_when_the_replica_ends():
    with Collector() as collector:
        tracer = to(collector.endpoint, headers={"X-Tenant": "voices"})
        tracer.start("speech", PARENT, request_id="r-1").end()
        tracer.close()
        (span,) = collector.spans()
        ((path, headers),) = collector.headers
    assert (path, headers["X-Tenant"]) == ("/v1/traces", "voices")
    assert (span.trace_id, span.attributes["tts.request_id"]) == (TRACE_ID, "r-1")
    assert span.resource["service.instance.id"].startswith("Tester-")


def test_a_slow_collector_holds_nobody_up():
    """It answers nothing until the end: more spans than fit into the queue end meanwhile."""
    with Collector() as collector:
        collector.hold()
        tracer = to(collector.endpoint)
        for _ in range(512):  # a full batch is sent at once
            tracer.start("speech", None).end()
        assert collector.was_asked.wait(60)
        for _ in range(3_000):
            tracer.start("speech", None).end()
        tracer.close()  # gives up: the collector has not answered yet
        assert not collector.bodies


def test_a_collector_that_is_away_holds_nobody_up():
    with Collector() as collector:
        endpoint = collector.endpoint
    tracer = to(endpoint)
    for _ in range(3_000):
        with tracer.start("speech", None) as span:
            assert span.traceparent
    tracer.close()


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://collector:4317", "http://", ""])
def test_an_endpoint_is_a_url(endpoint):
    args = {"engines": {"cosyvoice": {"engine": "tone"}}, "tracing": {"endpoint": endpoint}}
    with pytest.raises(ValidationError, match=r"tracing.endpoint[\s\S]*http://collector:4318"):
        AppConfig.model_validate(args)


@pytest.mark.parametrize(
    "wrong", [{"sample_ratio": 1.1}, {"sample_ratio": -0.1}, {"export_timeout_s": 0}, {"url": "x"}]
)
def test_other_settings_are_checked(wrong):
    with pytest.raises(ValidationError):
        Tracing.model_validate(wrong)
