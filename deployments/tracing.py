"""Traces of requests over all processes, by OpenTelemetry; off unless a collector is named.

Spans are never made current, and parents are passed on by hand, as W3C ``traceparent`` between
processes: an async generator may be closed by another task than the one that began it, which has
other context variables.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from configs.app import Tracing
from deployments.errors import UnavailableError
from deployments.messages import REFUSALS
from engines.errors import EngineBusyError
from voices.errors import VoiceStoreError

SERVICE_NAME = "cosyvoice-mms-tts"
_PREFIX = "tts."
_TRACEPARENT = "traceparent"
_FLUSH_S = 2.0
"""How long a replica that ends waits for its last spans to be taken."""
_LEFT = (asyncio.CancelledError, GeneratorExit)
_ANSWERS = (*REFUSALS, EngineBusyError)
_OUR_FAULT = (UnavailableError, VoiceStoreError)
_W3C = TraceContextTextMapPropagator()

Attribute = str | bool | int | float


class Outcome(StrEnum):
    """How a piece of work ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    """Only this one has the status ERROR."""
    CANCELLED = "cancelled"
    REFERENCE_WANTED = "reference_wanted"
    """An engine replica lacks the voice and is asked again, with the reference."""


class Span:
    """A piece of work for a request. It ends once: what ends it first counts.

    Leaving the ``with`` block ends it, by the exception if there is one. Of an exception only the
    class is told: messages may hold what a user sent.
    """

    def __init__(self, tracer: "Tracer", span: trace.Span) -> None:
        self._tracer = tracer
        self._span = span

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is None:
            self.end()
        else:
            self.end_with(error)

    @property
    def traceparent(self) -> str | None:
        """Makes spans of other processes children of this one; None where nothing is traced."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(self._span, Context()))
        return carrier.get(_TRACEPARENT)

    def child(self, name: str, **attributes: Attribute | None) -> "Span":
        """Begin a part of this piece of work."""
        return self._tracer.start(name, self.traceparent, SpanKind.INTERNAL, **attributes)

    def note(self, **attributes: Attribute | None) -> None:
        """Set attributes, named ``tts.<name>``; None says nothing."""
        self._span.set_attributes(_prefixed(attributes))

    def event(self, name: str, **attributes: Attribute | None) -> None:
        """Note that something happened now."""
        self._span.add_event(name, _prefixed(attributes))

    def end(self, outcome: Outcome = Outcome.OK, error_type: str | None = None) -> None:
        """Say how it ended; nothing happens if that was said before."""
        if not self._span.is_recording():
            return
        self._span.set_attribute(f"{_PREFIX}outcome", outcome.value)
        if error_type is not None:
            self._span.set_attribute("error.type", error_type)
        if outcome is Outcome.FAILED:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def end_with(self, error: BaseException) -> None:
        """End by ``error``: a refusal, the client's leaving, or a failure."""
        if isinstance(error, _LEFT):
            self.end(Outcome.CANCELLED)
        elif isinstance(error, _ANSWERS) and not isinstance(error, _OUR_FAULT):
            self.end(Outcome.REFUSED, type(error).__name__)
        else:
            self.end(Outcome.FAILED, type(error).__name__)


class Tracer:
    """Begins the spans of one process; ``close`` hands over what has not been exported yet."""

    def __init__(
        self, tracer: trace.Tracer | None = None, close: Callable[[], None] | None = None
    ) -> None:
        self._tracer = tracer
        self._close = close

    def start(
        self,
        name: str,
        parent: str | None,
        kind: SpanKind = SpanKind.INTERNAL,
        **attributes: Attribute | None,
    ) -> Span:
        """Begin a span below ``parent``, a W3C ``traceparent``; without one, or with a malformed
        one, it begins a trace.
        """
        if self._tracer is None:
            return Span(self, trace.INVALID_SPAN)
        carrier = {_TRACEPARENT: parent} if parent else {}
        context = _W3C.extract(carrier, Context())
        span = self._tracer.start_span(name, context, kind, _prefixed(attributes))
        return Span(self, span)

    def close(self) -> None:
        """Export the last spans, for at most two seconds; nothing happens the second time."""
        close, self._close = self._close, None
        if close is not None:
            close()


OFF = Tracer()
"""Traces nothing."""


def open_tracer(settings: Tracing, process: str) -> Tracer:
    """Begin to trace what ``process`` does, by a provider of its own: the global one may be Ray's.

    Spans are exported in the background. What the collector does not take is dropped.
    """
    if settings.endpoint is None:
        return OFF
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  costs time
        OTLPSpanExporter,
    )

    exporter = OTLPSpanExporter(
        settings.endpoint, headers=settings.headers, timeout=settings.export_timeout_s
    )
    return tracer_to(exporter, process, settings.sample_ratio)


def tracer_to(exporter: SpanExporter, process: str, sample_ratio: float = 1.0) -> Tracer:
    """Trace ``process`` to any exporter."""
    resource = Resource.create(
        {
            "service.name": SERVICE_NAME,
            "service.instance.id": f"{process}-{os.getpid()}",
            f"{_PREFIX}deployment": process,
        }
    )
    sampler = ParentBasedTraceIdRatio(sample_ratio)
    provider = TracerProvider(sampler, resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))

    def close() -> None:
        closing = threading.Thread(target=provider.shutdown, name="trace-close", daemon=True)
        closing.start()
        closing.join(_FLUSH_S)
        if closing.is_alive():
            exporter.shutdown()  # it is not tried again

    return Tracer(provider.get_tracer(__name__), close)


def _prefixed(attributes: dict[str, Attribute | None]) -> dict[str, Attribute]:
    return {f"{_PREFIX}{name}": value for name, value in attributes.items() if value is not None}
