"""``python -m engines.cosyvoice.parity.work DIR``: how much the flow computes for a stream.

Counts what the flow's networks are given for 30 s of speech, over the frames that there are, the
prompt's included: in chunks as we stream, with either way to end, and in chunks as upstream does,
which solves prompt and all tokens so far again for every chunk (cosyvoice/cli/model.py). The
networks themselves are left out: their answers do not change what they are given.

Exits with 1 if a ratio is above its limit.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path

import torch
from torch import Tensor

from engines.cosyvoice.config import (
    CHUNK_TOKENS,
    MEL_BINS,
    SPEAKER_DIM,
    TOKEN_MEL_RATIO,
    TOKEN_RATE_HZ,
)
from engines.cosyvoice.flow import Chunk, Final, Flow, FlowRequest
from engines.cosyvoice.flow.estimator import Estimator
from engines.cosyvoice.flow.front import Front
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.lookahead import TokenWindow
from engines.cosyvoice.flow.memory import Memory
from engines.cosyvoice.parity.flow import load_flow, opened, stream_mels
from engines.cosyvoice.parity.golden import GoldenVersion, golden_versions

SPEECH_TOKENS = 30 * TOKEN_RATE_HZ
PROMPT_TOKENS = 87
"""A clip of three and a half seconds, which does not end with a chunk."""
LIMITS = {Final.CAUSAL: 1.3, Final.FULL: 2.3}
HOPS = {
    "25, 50, 100": (CHUNK_TOKENS, 2 * CHUNK_TOKENS, 4 * CHUNK_TOKENS),
    "25": (CHUNK_TOKENS,),
    "50": (2 * CHUNK_TOKENS,),
    "100": (4 * CHUNK_TOKENS,),
}
"""Tokens of each chunk, the last number repeated. The first is upstream's in a new process."""


class CountingFront:
    """Stands where a front stands, and counts its frames."""

    def __init__(self, front: Front) -> None:
        self.lookahead = front.lookahead
        self.state = front.state
        self.frames = 0

    def __call__(
        self, windows: Sequence[TokenWindow], tokens: Layout, frames: Layout, memory: Memory
    ) -> Tensor:
        """Count, and answer with nothing."""
        self.frames += frames.rows
        return torch.zeros(frames.rows, MEL_BINS)


class CountingEstimator:
    """Stands where an estimator stands, and counts its rows.

    The unconditional branch's first step of streams, which all of them share, does not come here.
    """

    def __init__(self, estimator: Estimator) -> None:
        self.state = estimator.state
        self.condition = estimator.condition
        self.rows = 0

    def __call__(
        self, x: Tensor, condition: Tensor, step: int, layout: Layout, memory: Memory
    ) -> Tensor:
        """Count, and stand still."""
        self.rows += len(x)
        return torch.zeros_like(x)


@dataclass(frozen=True, slots=True)
class Work:
    """What a stream costs, over one pass through all of its frames.

    Attributes:
        frames: frames that are solved, for each frame that there is.
        evaluations: rows that the estimator gets, for each frame, step and guidance branch.
    """

    frames: float
    evaluations: float


class Bench:
    """A flow that counts, and 30 s of speech for it."""

    def __init__(self, version: GoldenVersion) -> None:
        self._steps = version.config.flow.ode_steps
        self._flow = load_flow(version, PROMPT_TOKENS + SPEECH_TOKENS)
        prompt = self._flow.prompt(
            torch.zeros(PROMPT_TOKENS, dtype=torch.int64),
            torch.zeros(PROMPT_TOKENS * TOKEN_MEL_RATIO, MEL_BINS),
            torch.ones(SPEAKER_DIM),
        )
        self._request = FlowRequest(prompt, torch.zeros(SPEECH_TOKENS, dtype=torch.int64))
        solver = self._flow.solver
        self._front, self._estimator = (
            CountingFront(solver.front),
            CountingEstimator(solver.estimator),
        )
        solver.front, solver.estimator = self._front, self._estimator

    def streamed(self, hops: Sequence[int], final: Final) -> Work:
        """Stream as we do, the prompt's own part included."""
        ends = chunk_ends(self._flow, self._request, hops)
        return self._count(lambda: stream_mels(self._flow, self._request, ends, final))

    def recomputed(self, hops: Sequence[int]) -> Work:
        """Solve everything so far again for every chunk, as upstream does."""
        ends = chunk_ends(self._flow, self._request, hops)
        return self._count(lambda: recompute(self._flow, self._request, ends))

    def _count(self, run: Callable[[], object]) -> Work:
        self._front.frames = self._estimator.rows = 0
        run()
        frames = (PROMPT_TOKENS + SPEECH_TOKENS) * TOKEN_MEL_RATIO
        rows = 2 * self._steps * frames
        return Work(self._front.frames / frames, self._estimator.rows / rows)


def chunk_ends(flow: Flow, request: FlowRequest, hops: Sequence[int]) -> list[int]:
    """How many tokens are there after each chunk; the last of ``hops`` is repeated."""
    ends, total = [0], len(request.tokens)
    with opened(flow, request.prompt) as stream:
        for hop in chain(hops, repeat(hops[-1])):
            end = ends[-1] + stream.tokens_needed(hop)
            if end >= total:
                break
            flow.advance([Chunk(stream, request.tokens[ends[-1] : end])])
            ends.append(end)
    return [*ends[1:], total]


def recompute(flow: Flow, request: FlowRequest, ends: Sequence[int]) -> None:
    """Solve what is there after each chunk from the beginning, the last time unmasked."""
    for end in ends[:-1]:
        known = FlowRequest(request.prompt, request.tokens[:end])
        flow.offline([known], chunked=True, finalize=False)
    flow.offline([request])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    case: str
    work: Work
    upstream: Work
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the frames are within the limit."""
        return self.work.frames <= self.limit

    def __str__(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        return (
            f"{self.case:44} {self.work.frames:7.2f} {self.work.evaluations:11.2f} "
            f"{self.upstream.frames:9.2f} {self.limit:6.1f} {verdict}"
        )


def measure(root: Path) -> Iterator[Line]:
    """Count for every version in ``root``, every schedule, and either way to end."""
    for version in golden_versions(root, "cpu"):
        bench = Bench(version)
        for name, hops in HOPS.items():
            upstream = bench.recomputed(hops)
            for final, limit in LIMITS.items():
                case = f"{version.name} hops {name}, final {final.value}"
                yield Line(case, bench.streamed(hops, final), upstream, limit)


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m engines.cosyvoice.parity.work")
    parser.add_argument("directory", type=Path, help="laid out as <version>/tiny")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'case':44} {'frames':>7} {'evaluations':>11} {'upstream':>9} {'limit':>6}")
    failed = 0
    for line in measure(arguments.directory):
        failed += not line.passed
        print(line, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
