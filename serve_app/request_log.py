"""One log line for each request, however it ends. Never the text."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger

from deployments.messages import SpeechEnded
from serve_app.errors import CLIENT_ERRORS


class RequestLog:
    """Gathers what is known of a request and writes it once."""

    def __init__(self, request_id: str, num_characters: int) -> None:
        self._arrived = time.perf_counter()
        self._logger = logger.bind(request_id=request_id)
        self._num_characters = num_characters
        self._what = "- -"
        self._first_audio_s: float | None = None
        self._engine = "-"

    def understood(self, deployment: str, mode: str) -> None:
        """Note which deployment shall speak, and how."""
        self._what = f"{deployment} {mode}"

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

    @contextmanager
    def unfinished(self) -> Iterator[None]:
        """Write the line of a request that ends inside the block by an error or a hang-up."""
        try:
            yield
        except CLIENT_ERRORS as error:
            self._logger.info("{} refused: {}", self._prefix(), type(error).__name__)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._logger.info("{} cancelled: the client left", self._prefix())
            raise
        except Exception:
            self._logger.exception("{} failed", self._prefix())
            raise

    def _prefix(self) -> str:
        first = "-" if self._first_audio_s is None else f"{self._first_audio_s:.3f}s"
        took_s = time.perf_counter() - self._arrived
        return (
            f"{self._what} chars={self._num_characters} engine={self._engine} "
            f"first_audio={first} took={took_s:.3f}s"
        )
