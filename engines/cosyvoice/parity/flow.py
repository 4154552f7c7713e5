"""Parity of the flow: whole requests, what happens inside one of them, and streams."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.cosyvoice.config import CHUNK_TOKENS
from engines.cosyvoice.flow import Chunk, Final, Flow, FlowRequest, FlowStream, Prompt
from engines.cosyvoice.flow.batch import Stretch
from engines.cosyvoice.flow.lookahead import TokenWindow
from engines.cosyvoice.flow.time_grid import TimeGrid
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenArrays, GoldenVersion
from engines.cosyvoice.parity.watch import watched

_MEL_TOLERANCE = 1e-4
_INTERMEDIATE_TOLERANCE = 2e-5
"""As a share of the largest value; the mel's tolerance is as much of its scale of 5."""
_CASE_MARK = "_prompt_token"
_SHARED_INPUTS_MARK = "_same_inputs_as_"
_VARIANTS = {
    "mel": {"chunked": False, "finalize": True},
    "mel_streaming_final": {"chunked": True, "finalize": True},
    "mel_streaming_notfinal": {"chunked": True, "finalize": False},
    "mel_full_attention_notfinal": {"chunked": False, "finalize": False},
}

Chunks = Sequence[Mapping[str, Any]]


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every case of ``flow.npz``."""
    arrays = version.arrays("flow")
    schedules: dict[str, Chunks] = {
        name: notes["chunks"]
        for name, notes in version.notes("flow").items()
        if isinstance(notes, dict) and "chunks" in notes
    }
    cases = [key.removesuffix(_CASE_MARK) for key in arrays if key.endswith(_CASE_MARK)]
    flow = load_flow(version, tokens=max((_tokens(arrays, case) for case in cases), default=0))
    noise = arrays["noise"]
    yield Comparison.of("noise", flow.solver.noise[: noise.shape[1]].t(), noise, 0.0)
    for case in cases:
        if case in schedules:
            yield from _streamed(flow, arrays, case, schedules.pop(case))
        else:
            yield from _whole(flow, arrays, case)
    for name, chunks in schedules.items():
        hop, mark, source = name.partition(_SHARED_INPUTS_MARK)
        if mark and source in cases:
            yield from _fixed_hop(flow, arrays, hop, source, chunks)
        else:
            yield Comparison.failure(name, "no arrays for this case")
    yield from (Comparison.failure(name, "unknown array") for name in arrays.unused)


def load_flow(version: GoldenVersion, tokens: int, merged: bool | None = None) -> Flow:
    """Load the flow of ``version``, with memory for one stream of ``tokens``, prompt included."""
    return Flow.load(
        version.config.flow,
        version.state("flow"),
        device=version.device,
        cache_blocks=tokens // CHUNK_TOKENS + 1,
        merged=merged,
    )


def read_request(flow: Flow, arrays: GoldenArrays, case: str) -> FlowRequest:
    """Read the inputs of ``case``."""
    prompt = flow.prompt(
        token_tensor(arrays, f"{case}_prompt_token"),
        arrays.tensor(f"{case}_prompt_feat"),
        arrays.tensor(f"{case}_embedding"),
    )
    return FlowRequest(prompt, token_tensor(arrays, f"{case}_token"))


def token_tensor(arrays: GoldenArrays, name: str) -> Tensor:
    """Read tokens, int64 [n] on the CPU."""
    return torch.tensor(arrays.ids(name), dtype=torch.int64)


@contextmanager
def opened(flow: Flow, prompt: Prompt) -> Iterator[FlowStream]:
    """Open a stream of its own voice."""
    with closing(flow.voice(prompt)) as voice, closing(flow.open(voice)) as stream:
        yield stream


def stream_mels(
    flow: Flow, request: FlowRequest, ends: Sequence[int], final: Final | None
) -> list[Tensor]:
    """Stream ``request`` in chunks that end after so many tokens, the last of them as ``final``."""
    mels, start = [], 0
    with opened(flow, request.prompt) as stream:
        for number, end in enumerate(ends, start=1):
            chunk = Chunk(stream, request.tokens[start:end], final if number == len(ends) else None)
            mels += flow.advance([chunk])
            start = end
    return mels


def _tokens(arrays: GoldenArrays, case: str) -> int:
    return len(arrays[f"{case}_prompt_token"]) + len(arrays[f"{case}_token"])


def _whole(flow: Flow, arrays: GoldenArrays, case: str) -> Iterator[Comparison]:
    request = read_request(flow, arrays, case)
    for variant, how in _VARIANTS.items():
        name = f"{case}_{variant}"
        if name in arrays:
            (mel,) = flow.offline([request], **how)
            yield Comparison.of(name, mel, arrays[name], _MEL_TOLERANCE)
    prefix = f"{case}_dbg_"
    if any(name.startswith(prefix) for name in arrays):
        for part, ours in _inside(flow, request).items():
            if f"{prefix}{part}" in arrays:
                yield _intermediate(f"{prefix}{part}", ours, arrays[f"{prefix}{part}"])


def _intermediate(name: str, ours: Tensor, theirs: NDArray[Any]) -> Comparison:
    """Compare by the reference's own scale: some are much larger than a mel, some smaller."""
    scale = float(np.abs(theirs).max(initial=0.0))
    return Comparison.of(name, ours, theirs, _INTERMEDIATE_TOLERANCE * scale)


@torch.inference_mode()
def _inside(flow: Flow, request: FlowRequest) -> dict[str, Tensor]:
    """What an offline solve goes through, by the names and in the layouts of the reference."""
    solver, prompt = flow.solver, request.prompt
    sequence = torch.cat([prompt.tokens, request.tokens])
    window = TokenWindow.cut(sequence, 0, len(sequence))
    with watched(solver) as watch:
        (mel,) = solver.solve([Stretch(prompt, sequence, 0, len(sequence))], chunked=False)
    (given,) = watch.conditions
    seen = {
        "pre_lookahead_out": solver.front.lookahead([window]),
        "mu": given.mu.t(),
        "spks": given.speaker[0],
        "cond": given.prompt.t(),
        "t": torch.tensor(solver.grid.times),
        "t_span": _grid_points(solver.grid),
        "full_mel": mel.t(),
    }
    for step, (x, velocity) in enumerate(watch.evaluations, start=1):
        # the conditional branch comes first
        seen[f"step{step}_x"] = x[: len(mel)].t()
        seen[f"step{step}_est"] = torch.stack(velocity.chunk(2)).transpose(1, 2)
    return seen


def _grid_points(grid: TimeGrid) -> Tensor:
    times, durations = torch.tensor(grid.times), torch.tensor(grid.durations)
    return torch.cat([times[:1], times + durations])


def _streamed(flow: Flow, arrays: GoldenArrays, case: str, chunks: Chunks) -> Iterator[Comparison]:
    """Stream with upstream's chunks and last chunk, then with a last chunk like the others."""
    request = read_request(flow, arrays, case)
    ends = [chunk["tokens_passed"] for chunk in chunks]
    for number, mel in enumerate(stream_mels(flow, request, ends, Final.FULL)):
        name = f"{case}_chunk{number}_mel"
        yield Comparison.of(name, mel, arrays[name], _MEL_TOLERANCE)
    name = f"{case}_final_streaming_mel"
    if name in arrays:
        tail = stream_mels(flow, request, ends, Final.CAUSAL)[-1]
        yield Comparison.of(name, tail, arrays[name], _MEL_TOLERANCE)


def _fixed_hop(
    flow: Flow, arrays: GoldenArrays, name: str, source: str, chunks: Chunks
) -> Iterator[Comparison]:
    """Stream the inputs of ``source`` with other hops, which must not change the mel."""
    request = read_request(flow, arrays, source)
    ends = [chunk["tokens_passed"] for chunk in chunks]
    yield Comparison.equal(f"{name} boundaries", _boundaries(flow, request, ends), ends)
    streamed = _streamed_reference(arrays, source)
    start = 0
    for number, mel in enumerate(stream_mels(flow, request, ends, None)):
        own, end = f"{name}_chunk{number}_mel", start + mel.shape[1]
        expected = arrays[own] if own in arrays else streamed[:, start:end]
        yield Comparison.of(own, mel, expected, _MEL_TOLERANCE)
        start = end


def _boundaries(flow: Flow, request: FlowRequest, ends: Sequence[int]) -> list[int]:
    """Where our own streams would ask for chunks of the hop that ``ends`` go by."""
    hop = ends[1] - ends[0] if len(ends) > 1 else CHUNK_TOKENS
    ours: list[int] = []
    with opened(flow, request.prompt) as stream:
        for _ in ends:
            start = ours[-1] if ours else 0
            ours.append(start + stream.tokens_needed(hop))
            flow.advance([Chunk(stream, request.tokens[start : ours[-1]])])
    return ours


def _streamed_reference(arrays: GoldenArrays, case: str) -> Tensor:
    """The chunk-masked mel of a streamed case [80, frames], its last chunk included."""
    pattern = re.compile(rf"{re.escape(case)}_chunk\d+_mel")
    *before, _ = (name for name in arrays if pattern.fullmatch(name))
    names = [*before, f"{case}_final_streaming_mel"]
    return torch.cat([arrays.tensor(name) for name in names], dim=1)
