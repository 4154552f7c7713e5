"""A short sentence that is spoken now and then, to know that the service can speak."""

import asyncio
import time
from collections.abc import Mapping

from loguru import logger

from audio.formats import AudioFormat
from audio.soundness import problem_of
from configs.app import Readiness
from deployments.metrics import RequestMetrics
from engines.protocol import Priority
from serve_app.caller import Caller
from serve_app.desk import SpeechDesk
from serve_app.errors import CLIENT_ERRORS
from serve_app.orders import SpeechOrder

_CALLER = Caller("canary", frozenset({"speak"}))
_REQUEST_ID = "canary"
_NOT_YET = "no sentence was spoken yet; ask again in a moment"


class Canary:
    """Has each engine speak its sentence, in the background and one at a time, when asked.

    Who asks is answered at once with what was found last. What was found is renewed when it is
    older than ``interval_s``, and counts for nothing when it is older than three times that.
    """

    def __init__(
        self, desk: SpeechDesk, sentences: Mapping[str, str], settings: Readiness,
        metrics: RequestMetrics,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._sentences = sentences
        self._settings = settings
        self._metrics = metrics
        self._problems: dict[str, str] = dict.fromkeys(sentences, _NOT_YET)
        self._checked_s = float("-inf")
        self._checking: asyncio.Task[None] | None = None

    def problems(self) -> dict[str, str]:
        """What is wrong with each engine that cannot speak, as far as is known."""
        age_s = time.monotonic() - self._checked_s
        if age_s > self._settings.interval_s and self._checking is None:
            self._checking = asyncio.ensure_future(self._check())
        if self._checked_s > float("-inf") and age_s > 3 * self._settings.interval_s:
            stale = f"the last sentence is {age_s:.0f} s old, and the next one does not come"
            return dict.fromkeys(self._sentences, stale)
        return self._problems

    async def _check(self) -> None:
        found = {}
        try:
            for engine, sentence in self._sentences.items():
                if problem := await self._problem(engine, sentence):
                    found[engine] = problem
                    logger.warning("the canary of {} failed: {}", engine, problem)
            self._problems, self._checked_s = found, time.monotonic()
        finally:
            self._checking = None
        self._metrics.readiness(ready=not found)

    async def _problem(self, engine: str, sentence: str) -> str | None:
        order = SpeechOrder(
            text=sentence,
            engine=engine,
            priority=Priority.INTERACTIVE,
            audio_format=AudioFormat.WAV,
            caller=_CALLER,
        )
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                _, whole = await self._desk.whole(order, _REQUEST_ID)
        except TimeoutError:
            return f"not spoken within {self._settings.timeout_s:g} s"
        except CLIENT_ERRORS as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  whatever broke, the service is not ready
            return f"{type(error).__name__}; the log has the details"
        return await asyncio.to_thread(problem_of, whole.started.data)
