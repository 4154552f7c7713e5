"""A short sentence that is spoken now and then, to know that the service can speak."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from loguru import logger

from audio.formats import AudioFormat
from audio.soundness import problem_of
from configs.app import Readiness
from deployments.errors import OverloadedError
from deployments.metrics import RequestMetrics
from engines.protocol import Priority
from serve_app.caller import Caller
from serve_app.desk import SpeechDesk
from serve_app.errors import CLIENT_ERRORS
from serve_app.orders import SpeechOrder
from serve_app.spoken_lately import SpokenLately

_CALLER = Caller("canary", frozenset({"speak"}))
_REQUEST_ID = "canary"
_NOT_YET = "no sentence was spoken yet; ask again in a moment"
_STALE_INTERVALS = 3
_FIRST_RETRY_S = 1.0
_JITTER = 0.2
"""Replicas that start together shall not go on speaking together."""


@dataclass(slots=True)
class _Finding:
    """What the canary knows of one engine, by its clock."""

    problem: str | None = None
    spoken_s: float = float("-inf")
    """When a sentence was last spoken well."""
    due_s: float = float("-inf")
    """When to have the next one spoken."""
    num_tries: int = 0
    """Since then."""

    def try_again(self, now_s: float, interval_s: float) -> None:
        """Put the next sentence off, each time for longer, as if this one failed."""
        self.due_s = now_s + min(interval_s, _FIRST_RETRY_S * 2.0 ** min(self.num_tries, 32))
        self.num_tries += 1

    def succeeded(self, now_s: float, interval_s: float) -> None:
        """Note that the sentence was spoken well."""
        self.problem, self.spoken_s, self.num_tries = None, now_s, 0
        jitter = random.uniform(-_JITTER, _JITTER)  # noqa: S311  nothing to keep secret
        self.due_s = now_s + interval_s * (1 + jitter)


class Canary:
    """Has each engine speak its sentence, one at a time, as long as ``at_work`` runs.

    An engine that spoke well is left alone for ``interval_s`` after that, and after each request
    that it spoke well since. One that failed is tried again soon, then less and less often. What
    is known counts for nothing when it is older than three intervals.
    """

    def __init__(
        self, desk: SpeechDesk, sentences: Mapping[str, str], settings: Readiness,
        metrics: RequestMetrics, lately: SpokenLately,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._sentences = sentences
        self._settings = settings
        self._metrics = metrics
        self._lately = lately
        self._clock = clock
        self._sleep = sleep
        self._findings = {engine: _Finding() for engine in sentences}
        self._asked = asyncio.Event()

    def problems(self) -> dict[str, str]:
        """What is wrong with each engine that cannot speak, as far as is known."""
        self._asked.set()
        return self._known()

    def publish(self) -> None:
        """Export again what is known: Ray forgets a gauge that nobody sets, and a busy engine needs
        no sentence that would.

        A canary that only speaks when asked says nothing: what it knows may be old by intention.
        """
        if self._settings.background:
            self._metrics.readiness(ready=not self._known())

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Keep what is known fresh as long as the block runs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    def _known(self) -> dict[str, str]:
        known = {engine: self._problem_of(engine) for engine in self._findings}
        return {engine: problem for engine, problem in known.items() if problem}

    def _problem_of(self, engine: str) -> str | None:
        finding = self._findings[engine]
        if finding.problem:
            return finding.problem
        age_s = self._clock() - max(finding.spoken_s, self._lately.at_s(engine))
        if age_s == float("inf"):
            return _NOT_YET
        if age_s > _STALE_INTERVALS * self._settings.interval_s:
            return f"the last sentence is {age_s:.0f} s old, and the next one does not come"
        return None

    async def _watch(self) -> None:
        while True:
            await self._until_due()
            for engine in self._findings:
                if self._due_s(engine) <= self._clock():
                    await self._try(engine)

    async def _until_due(self) -> None:
        if self._settings.background:
            due_s = min(map(self._due_s, self._findings))
            await self._sleep(max(0.0, due_s - self._clock()))
        else:
            await self._asked.wait()
            self._asked.clear()

    def _due_s(self, engine: str) -> float:
        """A request that was spoken well puts a sentence off, but proves no failed one wrong."""
        finding = self._findings[engine]
        if finding.problem:
            return finding.due_s
        return max(finding.due_s, self._lately.at_s(engine) + self._settings.interval_s)

    async def _try(self, engine: str) -> None:
        self._findings[engine].try_again(self._clock(), self._settings.interval_s)
        try:
            await self._check(engine)
            self._metrics.readiness(ready=not self._known())
        except Exception:  # noqa: BLE001  whatever broke, the next try comes
            logger.exception("the canary of {} broke", engine)

    async def _check(self, engine: str) -> None:
        began_s, finding = self._clock(), self._findings[engine]
        try:
            finding.problem = await self._problem(engine)
        except OverloadedError:
            logger.info("the canary of {} found no place", engine)
            return  # what is known stays known, until it is too old
        except TimeoutError:
            if self._lately.at_s(engine) >= began_s:
                logger.info("the canary of {} waited in vain; others were served", engine)
                return
            finding.problem = f"not spoken within {self._settings.timeout_s:g} s"
        if finding.problem:
            logger.warning("the canary of {} failed: {}", engine, finding.problem)
        else:
            finding.succeeded(self._clock(), self._settings.interval_s)

    async def _problem(self, engine: str) -> str | None:
        """What is wrong with what ``engine`` makes of its sentence.

        Raises:
            OverloadedError, TimeoutError: it does not come to it.
        """
        order = SpeechOrder(
            text=self._sentences[engine],
            engine=engine,
            priority=Priority.INTERACTIVE,
            audio_format=AudioFormat.WAV,
            caller=_CALLER,
        )
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                _, whole = await self._desk.whole(order, _REQUEST_ID)
        except (OverloadedError, TimeoutError):
            raise
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return "the call was cancelled"
        except CLIENT_ERRORS as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  whatever broke, the service is not ready
            return f"{type(error).__name__}; the log has the details"
        return await asyncio.to_thread(problem_of, whole.started.data)
