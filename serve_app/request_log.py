"""One log line for each request, however it ends, its metrics and its span. Never the text."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from loguru import logger

from deployments.messages import SpeechEnded, SpeechStarted
from deployments.metrics import RequestMetrics
from deployments.tracing import Outcome, Span
from serve_app.errors import CLIENT_ERRORS, failure_of
from serve_app.orders import SpeechCall
from serve_app.spoken_lately import SpokenLately

_OK = "ok"
_CANCELLED = "cancelled"
_UNKNOWN = "-"


class RequestLog:
    """Gathers what is known of a request, writes it once and counts it once."""

    def __init__(
        self, request_id: str, num_characters: int, key: str, metrics: RequestMetrics,
        lately: SpokenLately, span: Span,
    ) -> None:  # fmt: skip
        self._arrived = time.perf_counter()
        self._logger = logger.bind(request_id=request_id)
        self._num_characters = num_characters
        self._key = key
        self._metrics = metrics
        self._lately = lately
        self._span = span
        self._deployment = self._mode = self._engine = _UNKNOWN
        self._first_audio_s: float | None = None
        self._has_ended = False

    @property
    def traceparent(self) -> str | None:
        """What makes the work of others a part of this request's trace."""
        return self._span.traceparent

    def understood(self, call: SpeechCall) -> None:
        """Note which deployment shall speak, and how."""
        self._deployment, self._mode = call.engine, call.synthesis.mode
        self._span.note(asked=self._deployment, mode=self._mode, language=call.synthesis.language)

    def started(self, speech: SpeechStarted) -> None:
        """Note that the first audio is in hand."""
        self._engine = speech.engine
        self._first_audio_s = time.perf_counter() - self._arrived
        self._span.note(
            engine=speech.engine, language=speech.language, voice_cache=speech.voice_cache
        )
        self._span.event("first_audio")

    def ended(self, speech: SpeechEnded) -> None:
        """Write the line of a request that succeeded."""
        self._logger.info(
            "{} ok audio={:.2f}s rtf={:.3f}", self._prefix(), speech.audio_s,
            speech.real_time_factor,
        )  # fmt: skip
        self._metrics.spoken(self._key, self._engine, self._num_characters, speech.audio_s)
        self._lately.note(self._deployment, speech)
        self._span.note(audio_s=speech.audio_s)
        self._end(Outcome.OK, _OK)

    def left(self) -> None:
        """Write the line of a request whose client has gone; nothing, if it has ended."""
        if not self._has_ended:
            self._logger.info("{} cancelled: the client left", self._prefix())
            self._end(Outcome.CANCELLED, _CANCELLED)

    @contextmanager
    def unfinished(self) -> Iterator[None]:
        """Write the line of a request that ends inside the block by an error or a hang-up."""
        try:
            yield
        except CLIENT_ERRORS as error:
            self._logger.info("{} refused: {}", self._prefix(), type(error).__name__)
            self._broken(error)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self.left()
            raise
        except Exception as error:  # whatever broke is written down here, and answered by others
            self._logger.exception("{} failed", self._prefix())
            self._broken(error)
            raise

    def _broken(self, error: Exception) -> None:
        failure = failure_of(error)
        is_ours = failure.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self._end(Outcome.FAILED if is_ours else Outcome.REFUSED, failure.code)

    def _end(self, outcome: Outcome, name: str) -> None:
        """Count the request once, under ``name``, and end its span."""
        if not self._has_ended:
            self._has_ended = True
            self._metrics.ended(self._deployment, self._mode, name)
            is_error = outcome in (Outcome.FAILED, Outcome.REFUSED)
            self._span.end(outcome, name if is_error else None)

    def _prefix(self) -> str:
        first = _UNKNOWN if self._first_audio_s is None else f"{self._first_audio_s:.3f}s"
        took_s = time.perf_counter() - self._arrived
        return (
            f"{self._deployment} {self._mode} chars={self._num_characters} "
            f"engine={self._engine} first_audio={first} took={took_s:.3f}s"
        )
