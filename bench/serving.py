"""``python -m bench.serving``: what serving costs, as a ratio to the engine itself.

Drives a running service (``make run`` in another terminal) and, in turns with it, the same engine
in this process, with the same texts at the same concurrency.
"""

import argparse
import asyncio
import json
import platform
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.load import Load, Sample, joined, run_load
from configs.engines import PiperSettings
from engines.piper import PiperEngine
from engines.protocol import Engine, SynthesisRequest

_PATH = "/v1/model/cosyvoice/tts"
_MP3_BYTES_PER_S = 96_000 / 8

TEXTS = (
    "The quick brown fox jumps over the lazy dog while the rain falls on the plain.",
    "Please call me back tomorrow morning at nine, because I will be out in the afternoon.",
    "It was a bright cold day in April, and the clocks were striking thirteen.",
    "The children are playing in the garden until it is time to come in for supper.",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One concurrency, streamed or not: the service beside the engine."""

    concurrency: int
    stream: bool
    served: Load
    direct: Load

    @property
    def first_audio_added_s(self) -> float:
        """How much later the median first audio comes through the service."""
        return self.served.first_audio_s(50) - self.direct.first_audio_s(50)

    @property
    def throughput_ratio(self) -> float:
        """Share of the engine's own throughput that arrives at clients."""
        return self.served.audio_s_per_s / self.direct.audio_s_per_s

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON knows it."""
        return {
            "concurrency": self.concurrency,
            "stream": self.stream,
            "served": self.served.as_dict(),
            "direct": self.direct.as_dict(),
            "ratio": {
                "audio_s_per_s": self.throughput_ratio,
                "first_audio_added_s": self.first_audio_added_s,
            },
        }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.serving", description=__doc__)
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--concurrency", default="1,4,16", help="comma-separated")
    parser.add_argument("--requests", type=int, default=48, help="requests in each cell")
    parser.add_argument("--rounds", type=int, default=3, help="turns that they are split into")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")
    arguments = parser.parse_args()
    levels = [int(level) for level in arguments.concurrency.split(",")]
    measure(
        arguments.url, levels,
        num_requests=arguments.requests, rounds=arguments.rounds, as_json=arguments.json,
    )  # fmt: skip


def measure(
    url: str,
    levels: list[int],
    *,
    num_requests: int = 48,
    rounds: int = 3,
    as_json: bool = False,
    key: str | None = None,
) -> None:
    """Measure the service at ``url`` with ``levels`` requests at once, and print a table.

    Args:
        url: of the service.
        levels: how many requests at once, one row each.
        num_requests: in each cell.
        rounds: turns that they are split into.
        as_json: end with one line of JSON.
        key: API key, where the service asks for one.
    """
    rows = asyncio.run(_measure(url, levels, num_requests, rounds, key))
    print(_table(rows))
    if as_json:
        print(json.dumps({"machine": platform.processor(), "rows": [r.as_dict() for r in rows]}))


async def _measure(
    url: str, levels: list[int], num_requests: int, rounds: int, key: str | None
) -> list[Row]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    engine = PiperEngine(PiperSettings(engine="piper"))
    rows = []
    try:
        async with aiohttp.ClientSession(url, headers=headers) as session:
            for stream in (True, False):
                served, direct = _served(session, stream=stream), _direct(engine, stream=stream)
                await served(TEXTS[0])  # the first request of a fresh service opens its handles
                await direct(TEXTS[0])
                for level in levels:
                    count = max(num_requests // rounds, level)
                    pair = await _in_turns(served, direct, level, count, rounds)
                    rows.append(Row(level, stream, *pair))
    finally:
        engine.close()
    return rows


Speak = Callable[[str], Awaitable[Sample]]


async def _in_turns(
    served: Speak, direct: Speak, concurrency: int, count: int, rounds: int
) -> tuple[Load, Load]:
    """Run both in turns, so that a slow minute of the machine hits both."""
    runs: list[list[Load]] = [[], []]
    for _ in range(rounds):
        for place, speak in enumerate((served, direct)):
            load = await run_load(speak, TEXTS, concurrency=concurrency, num_requests=count)
            runs[place].append(load)
    return joined(runs[0]), joined(runs[1])


def _served(session: aiohttp.ClientSession, *, stream: bool) -> Speak:
    async def speak(text: str) -> Sample:
        started, first, num_bytes = time.perf_counter(), None, 0
        try:
            async with session.post(_PATH, json={"text": text, "stream": stream}) as response:
                response.raise_for_status()
                async for data in response.content.iter_any():
                    first = first or time.perf_counter() - started
                    num_bytes += len(data)
        except aiohttp.ClientError:
            return Sample(None, time.perf_counter() - started, 0.0)
        return Sample(first, time.perf_counter() - started, num_bytes / _MP3_BYTES_PER_S)

    return speak


def _direct(engine: Engine, *, stream: bool) -> Speak:
    async def speak(text: str) -> Sample:
        started, first, num_samples = time.perf_counter(), None, 0
        async for samples in engine.synthesize(SynthesisRequest(text)):
            first = first or time.perf_counter() - started
            num_samples += len(samples)
        total_s = time.perf_counter() - started
        audio_s = num_samples / engine.info.sample_rate_hz
        return Sample(first if stream else total_s, total_s, audio_s)

    return speak


def _table(rows: list[Row]) -> str:
    head = (
        "| mode | c | first audio p50/p90/p99 ms | engine alone ms | added ms | RTF "
        "| audio s/s | engine alone | share | errors |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *map(_line, rows)])


def _line(row: Row) -> str:
    served, direct = row.served, row.direct
    mode = "stream" if row.stream else "whole"
    return (
        f"| {mode} | {row.concurrency} | {served.first_audio_ms()} | {direct.first_audio_ms()} "
        f"| {1000 * row.first_audio_added_s:.0f} | {served.real_time_factor:.3f} "
        f"| {served.audio_s_per_s:.1f} | {direct.audio_s_per_s:.1f} "
        f"| {100 * row.throughput_ratio:.0f} % | {served.num_errors} |"
    )


if __name__ == "__main__":
    main()
