"""Stretches of sequences that are solved together, and how their guidance branches are packed."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.cosyvoice.config import CHUNK_FRAMES, CHUNK_TOKENS, TOKEN_MEL_RATIO
from engines.cosyvoice.flow.layout import Layout, Segment
from engines.cosyvoice.flow.prompt import Prompt


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Positions ``start`` to ``stop`` (in tokens) of one sequence, prompt included.

    Attributes:
        prompt: who speaks.
        tokens: the sequence as far as it is known, int64 on the CPU. Beyond ``stop`` it gives
            the look-ahead; tokens that it lacks there count as silence after the end.
        history: pool blocks that hold what comes before ``start``.
        filled: pool blocks that this stretch fills; empty where nothing is kept.
    """

    prompt: Prompt
    tokens: Tensor
    start: int
    stop: int
    history: tuple[int, ...] = ()
    filled: tuple[int, ...] = ()

    @property
    def frames(self) -> int:
        """Mel frames in the stretch."""
        return (self.stop - self.start) * TOKEN_MEL_RATIO

    @property
    def first_frame(self) -> int:
        """The stretch's place in its sequence."""
        return self.start * TOKEN_MEL_RATIO


@dataclass(frozen=True, slots=True, eq=False)
class Guided:
    """Both guidance branches of a batch in one packing.

    Stretch by stretch, first the conditional rows, then the unconditional ones.

    Attributes:
        layout: the packing; the unconditional branch's blocks come ``blocks`` later.
        frames: for each row, its frame in the batch [2 * frames].
        conditional: rows of the conditional branch [frames].
        unconditional: rows of the unconditional branch [frames].
    """

    layout: Layout
    frames: Tensor
    conditional: Tensor
    unconditional: Tensor


def token_layout(stretches: Sequence[Stretch], *, chunked: bool, device: torch.device) -> Layout:
    """The packing of the conditional branch at 25 Hz."""
    segments = [Segment(s.stop - s.start, s.history, s.filled) for s in stretches]
    return Layout(segments, CHUNK_TOKENS, chunked=chunked, device=device)


def frame_layout(stretches: Sequence[Stretch], *, chunked: bool, device: torch.device) -> Layout:
    """The packing of the conditional branch at 50 Hz."""
    segments = [Segment(s.frames, s.history, s.filled) for s in stretches]
    return Layout(segments, CHUNK_FRAMES, chunked=chunked, device=device)


def guided_layout(
    stretches: Sequence[Stretch], blocks: int, *, chunked: bool, device: torch.device
) -> Guided:
    """The packing of both branches at 50 Hz; the pool has ``blocks`` blocks for each branch."""
    segments, frames, conditional, offset = [], [], [], 0
    for stretch in stretches:
        segments.append(Segment(stretch.frames, stretch.history, stretch.filled))
        segments.append(
            Segment(
                stretch.frames,
                tuple(block + blocks for block in stretch.history),
                tuple(block + blocks for block in stretch.filled),
            )
        )
        own = torch.arange(offset, offset + stretch.frames)
        frames.append(own.repeat(2))
        conditional.append(own + offset)
        offset += stretch.frames
    lengths = torch.tensor([stretch.frames for stretch in stretches])
    rows = torch.cat(conditional)
    return Guided(
        Layout(segments, CHUNK_FRAMES, chunked=chunked, device=device),
        torch.cat(frames).to(device),
        rows.to(device),
        (rows + lengths.repeat_interleave(lengths)).to(device),
    )
