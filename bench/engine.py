"""``python -m bench.engine``: what our engine makes of the machine, beside upstream's.

Both have random weights of the released sizes and make exactly the same number of speech tokens
for each request, in turns, each in a process of its own. Ratios are ours / upstream's.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bench.contenders.child import Answer, Order
from bench.contenders.process import ContenderError, ContenderProcess
from bench.load import Load, joined
from bench.workload import TOKENS_FOR_EACH_TEXT_ID, Workload
from engines.cosyvoice.config import Version

_MODULES = {"ours": "bench.contenders.ours", "upstream": "bench.contenders.upstream"}
_GIB = 2**30
_AUDIO_TOLERANCE = 0.02


class UnequalWorkError(RuntimeError):
    """A contender failed, or made more or less audio than was asked for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender at one concurrency."""

    load: Load
    peak_bytes: int

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> "Cell":
        """All turns as one."""
        load = joined([answer.load for answer in answers])
        return cls(load, max(answer.peak_bytes for answer in answers))

    def as_dict(self) -> dict[str, float]:
        """The figures as JSON knows them."""
        load = self.load
        starved = sum(sample.underruns > 0 for sample in load.samples)
        return {
            **load.as_dict(),
            "requests": len(load.samples),
            "underruns": load.underruns,
            "requests_with_underruns": starved,
            "peak_memory_bytes": self.peak_bytes,
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One concurrency."""

    concurrency: int
    ours: Cell
    upstream: Cell | None

    @property
    def throughput_ratio(self) -> float | None:
        """Our audio per second over upstream's: above 1 is faster."""
        if self.upstream is None:
            return None
        return self.ours.load.audio_s_per_s / self.upstream.load.audio_s_per_s

    @property
    def first_chunk_ratio(self) -> float | None:
        """Our median time to the first chunk over upstream's: below 1 is faster."""
        if self.upstream is None:
            return None
        return self.ours.load.first_audio_s(50) / self.upstream.load.first_audio_s(50)


def main() -> None:
    """Measure, and print a table."""
    arguments = _parse_arguments()
    workload = _workload(arguments)
    levels = [int(level) for level in arguments.concurrency.split(",")]
    names = ["ours", "upstream"] if arguments.versus else ["ours"]
    pythons = {"ours": sys.executable, "upstream": arguments.upstream_python}
    try:
        with ExitStack() as stack:
            contenders = {
                name: stack.enter_context(ContenderProcess(_MODULES[name], workload, pythons[name]))
                for name in names
            }
            for contender in contenders.values():
                contender.run(Order(concurrency=1, num_requests=1))  # the first is always slower
            about = {name: contender.about for name, contender in contenders.items()}
            rows = [
                _measure(contenders, level, level * arguments.repeats, arguments.rounds, workload)
                for level in levels
            ]
    except (ContenderError, UnequalWorkError) as error:
        sys.exit(str(error))
    print(_table(rows, about))
    if arguments.json:
        print(json.dumps(report(rows, workload, about)))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--model", type=Version, choices=list(Version), default="cosyvoice2")
    parser.add_argument("--concurrency", default="1,2,4,8,16", help="comma-separated")
    parser.add_argument("--versus", choices=["upstream"], help="measure this one too")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stream", dest="streamed", action="store_true", default=True)
    how.add_argument("--offline", dest="streamed", action="store_false")
    parser.add_argument("--precision", choices=["fp32", "bf16", "int8"], default="fp32")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each operation")
    parser.add_argument("--tokens", type=int, default=128, help="speech tokens of a request")
    parser.add_argument("--prompt-tokens", type=int, default=87, help="of the voice; 25 a second")
    parser.add_argument("--repeats", type=int, default=1, help="requests of each stream in a turn")
    parser.add_argument("--rounds", type=int, default=1, help="turns that each contender gets")
    parser.add_argument("--final-chunk", choices=["causal", "full"], default="causal")
    parser.add_argument("--flow-cache-seconds", type=int, default=32, help="of all our streams")
    parser.add_argument("--flow-cache-compact", action="store_true", help="CosyVoice 2 only")
    parser.add_argument("--cold-voice", action="store_true", help="a new voice in each request")
    parser.add_argument("--fresh-hop", action="store_true", help="reset upstream's chunk size")
    parser.add_argument("--upstream-python", default=sys.executable, help="its interpreter")
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")
    arguments = parser.parse_args()
    if arguments.tokens <= 0 or arguments.tokens % TOKENS_FOR_EACH_TEXT_ID:
        parser.error(f"--tokens must be a multiple of {TOKENS_FOR_EACH_TEXT_ID}")
    return arguments


def _workload(arguments: argparse.Namespace) -> Workload:
    return Workload(
        model=arguments.model,
        streamed=arguments.streamed,
        speech_tokens=arguments.tokens,
        prompt_tokens=arguments.prompt_tokens,
        precision=arguments.precision,
        device=arguments.device,
        threads=arguments.threads,
        final_chunk=arguments.final_chunk,
        flow_cache_blocks=arguments.flow_cache_seconds,
        flow_cache_compact=arguments.flow_cache_compact,
        cold_voice=arguments.cold_voice,
        fresh_hop=arguments.fresh_hop,
    )


def _measure(
    contenders: dict[str, ContenderProcess],
    concurrency: int,
    num_requests: int,
    rounds: int,
    workload: Workload,
) -> Row:
    """Run all contenders in turns, so that a slow minute of the machine hits all."""
    order = Order(concurrency, num_requests)
    answers: dict[str, list[Answer]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            answer = contender.run(order)
            _check_audio(name, answer.load, workload.audio_s)
            answers[name].append(answer)
    cells = {name: Cell.of(turns) for name, turns in answers.items()}
    return Row(concurrency, cells["ours"], cells.get("upstream"))


def _check_audio(name: str, load: Load, expected_s: float) -> None:
    if load.num_errors:
        raise UnequalWorkError(f"{name} failed {load.num_errors} of {len(load.samples)} requests")
    for sample in load.samples:
        if abs(sample.audio_s - expected_s) > _AUDIO_TOLERANCE * expected_s:
            raise UnequalWorkError(f"{name} made {sample.audio_s} s of audio, not {expected_s} s")


def report(rows: Sequence[Row], workload: Workload, about: dict[str, str]) -> dict[str, Any]:
    """All figures; those of each concurrency stand under its number."""
    by_level = {str(row.concurrency): row for row in rows}
    return {
        "machine": platform.processor() or platform.machine(),
        "contenders": about,
        "workload": json.loads(workload.to_json()),
        "ours": {level: row.ours.as_dict() for level, row in by_level.items()},
        "upstream": {
            level: row.upstream.as_dict() for level, row in by_level.items() if row.upstream
        },
        "ratio": {
            "audio_s_per_s": {level: row.throughput_ratio for level, row in by_level.items()},
            "first_chunk": {level: row.first_chunk_ratio for level, row in by_level.items()},
        },
    }


def _table(rows: Sequence[Row], about: dict[str, str]) -> str:
    head = (
        "| c | who | audio s/s | first chunk p50/p90/p99 ms | underruns | peak GiB |\n"
        "|---|---|---|---|---|---|"
    )
    lines = [*about.values(), "", head]
    for row in rows:
        lines.append(_line(row.concurrency, "ours", row.ours))
        if row.upstream is not None:
            lines.append(_line(row.concurrency, "upstream", row.upstream))
            lines.append(
                f"| {row.concurrency} | ours / upstream | {row.throughput_ratio:.2f} "
                f"| {row.first_chunk_ratio:.3f} | | |"
            )
    return "\n".join(lines)


def _line(concurrency: int, name: str, cell: Cell) -> str:
    load = cell.load
    return (
        f"| {concurrency} | {name} | {load.audio_s_per_s:.3f} | {load.first_audio_ms()} "
        f"| {load.underruns} | {cell.peak_bytes / _GIB:.2f} |"
    )


if __name__ == "__main__":
    main()
