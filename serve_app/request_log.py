"""One log line for each request, however it ends, and its metrics. Never the text."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger

from deployments.messages import SpeechEnded
from deployments.metrics import RequestMetrics
from serve_app.errors import CLIENT_ERRORS, failure_of
from serve_app.spoken_lately import SpokenLately

_OK = "ok"
_CANCELLED = "cancelled"
_UNKNOWN = "-"


class RequestLog:
    """Gathers what is known of a request, writes it once and counts it once."""

    def __init__(
        self, request_id: str, num_characters: int, key: str, metrics: RequestMetrics,
        lately: SpokenLately,
    ) -> None:  # fmt: skip
        self._arrived = time.perf_counter()
        self._logger = logger.bind(request_id=request_id)
        self._num_characters = num_characters
        self._key = key
        self._metrics = metrics
        self._lately = lately
        self._deployment = self._mode = self._engine = _UNKNOWN
        self._first_audio_s: float | None = None

    def understood(self, deployment: str, mode: str) -> None:
        """Note which deployment shall speak, and how."""
        self._deployment, self._mode = deployment, mode

    def started(self, engine: str) -> None:
        """Note that the first audio is in hand."""
        self._engine = engine
        self._first_audio_s = time.perf_counter() - self._arrived

    def ended(self, speech: SpeechEnded) -> None:
        """Write the line of a request that succeeded."""
        self._logger.info(
            "{} ok audio={:.2f}s rtf={:.3f}", self._prefix(), speech.audio_s,
            speech.real_time_factor,
        )  # fmt: skip
        self._count(_OK)
        self._metrics.spoken(self._key, self._engine, self._num_characters, speech.audio_s)
        self._lately.note(self._deployment, speech)

    @contextmanager
    def unfinished(self) -> Iterator[None]:
        """Write the line of a request that ends inside the block by an error or a hang-up."""
        try:
            yield
        except CLIENT_ERRORS as error:
            self._logger.info("{} refused: {}", self._prefix(), type(error).__name__)
            self._count(failure_of(error).code)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._logger.info("{} cancelled: the client left", self._prefix())
            self._count(_CANCELLED)
            raise
        except Exception as error:  # whatever broke is written down here, and answered by others
            self._logger.exception("{} failed", self._prefix())
            self._count(failure_of(error).code)
            raise

    def _count(self, outcome: str) -> None:
        self._metrics.ended(self._deployment, self._mode, outcome)

    def _prefix(self) -> str:
        first = _UNKNOWN if self._first_audio_s is None else f"{self._first_audio_s:.3f}s"
        took_s = time.perf_counter() - self._arrived
        return (
            f"{self._deployment} {self._mode} chars={self._num_characters} "
            f"engine={self._engine} first_audio={first} took={took_s:.3f}s"
        )
