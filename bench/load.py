"""A closed loop of requests, and what came of it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Attributes:
        first_audio_s: from sending it to its first audio; None if it failed.
        total_s: from sending it to its end.
        audio_s: seconds of audio that came.
    """

    first_audio_s: float | None
    total_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """All requests of one run."""

    samples: Sequence[Sample]
    wall_s: float

    @property
    def num_errors(self) -> int:
        """Requests that failed."""
        return sum(sample.first_audio_s is None for sample in self.samples)

    @property
    def audio_s_per_s(self) -> float:
        """Seconds of audio made in each second: 1 / the aggregate real-time factor."""
        return sum(sample.audio_s for sample in self.samples) / self.wall_s

    @property
    def real_time_factor(self) -> float:
        """Median over the requests of time taken for each second of audio."""
        factors = [sample.total_s / sample.audio_s for sample in self.samples if sample.audio_s]
        return statistics.median(factors) if factors else float("nan")

    def first_audio_s(self, percent: float) -> float:
        """A percentile of the time to first audio."""
        times = sorted(s.first_audio_s for s in self.samples if s.first_audio_s is not None)
        return percentile(times, percent)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order; NaN of none."""
    if not ordered:
        return float("nan")
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


async def run_load(
    speak: Callable[[str], Awaitable[Sample]],
    texts: Sequence[str],
    *,
    concurrency: int,
    num_requests: int,
) -> Load:
    """Keep ``concurrency`` requests under way until ``num_requests`` are done."""
    waiting = islice(cycle(texts), num_requests)
    started = time.perf_counter()
    workers = [_work(speak, waiting) for _ in range(concurrency)]
    samples = [sample for done in await asyncio.gather(*workers) for sample in done]
    return Load(samples, time.perf_counter() - started)


async def _work(speak: Callable[[str], Awaitable[Sample]], waiting: Iterator[str]) -> list[Sample]:
    return [await speak(text) for text in waiting]
