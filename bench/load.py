"""A closed loop of requests, and what came of it."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeVar

PERCENTS = (50, 90, 99)

_Job = TypeVar("_Job")


@dataclass(frozen=True, slots=True)
class Sample:
    """One request.

    Attributes:
        first_audio_s: from sending it to its first audio; None if it failed.
        total_s: from sending it to its end.
        audio_s: seconds of audio that came.
        underruns: how often a player that started at the first audio ran dry.
    """

    first_audio_s: float | None
    total_s: float
    audio_s: float
    underruns: int = 0


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
    def underruns(self) -> int:
        """How often a player ran dry, over all requests."""
        return sum(sample.underruns for sample in self.samples)

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

    def as_dict(self) -> dict[str, float]:
        """The figures as JSON knows them."""
        percentiles = {f"first_audio_p{p}_s": self.first_audio_s(p) for p in PERCENTS}
        return {
            **percentiles,
            "real_time_factor": self.real_time_factor,
            "audio_s_per_s": self.audio_s_per_s,
            "errors": self.num_errors,
        }

    def first_audio_ms(self) -> str:
        """The percentiles of the time to first audio, for a table."""
        return " / ".join(f"{1000 * self.first_audio_s(percent):.0f}" for percent in PERCENTS)


def joined(loads: Sequence[Load]) -> Load:
    """Several runs as one."""
    samples = [sample for load in loads for sample in load.samples]
    return Load(samples, sum(load.wall_s for load in loads))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of values in ascending order; NaN of none."""
    if not ordered:
        return float("nan")
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


async def run_load(
    speak: Callable[[_Job], Awaitable[Sample]],
    jobs: Sequence[_Job],
    *,
    concurrency: int,
    num_requests: int,
) -> Load:
    """Keep ``concurrency`` requests under way until ``num_requests`` are done."""
    waiting = islice(cycle(jobs), num_requests)
    started = time.perf_counter()
    workers = [_work(speak, waiting) for _ in range(concurrency)]
    samples = [sample for done in await asyncio.gather(*workers) for sample in done]
    return Load(samples, time.perf_counter() - started)


async def _work(
    speak: Callable[[_Job], Awaitable[Sample]], waiting: Iterator[_Job]
) -> list[Sample]:
    return [await speak(job) for job in waiting]
