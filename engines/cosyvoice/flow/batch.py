"""Stretches of sequences that are solved together."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engines.cosyvoice.config import CHUNK_FRAMES, CHUNK_TOKENS, TOKEN_MEL_RATIO
from engines.cosyvoice.flow.groups import Segment, Style
from engines.cosyvoice.flow.layout import Layout
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

    def segment(self, ratio: int) -> Segment:
        """The stretch at ``ratio`` positions for each token."""
        return Segment((self.stop - self.start) * ratio, self.history, self.filled)

    @property
    def frames(self) -> int:
        """Mel frames in the stretch."""
        return (self.stop - self.start) * TOKEN_MEL_RATIO

    @property
    def first_frame(self) -> int:
        """The stretch's place in its sequence."""
        return self.start * TOKEN_MEL_RATIO


class Batch:
    """Stretches to be solved together, and their packings.

    The guided packing holds both guidance branches: stretch by stretch, first the conditional
    rows, then the unconditional ones.

    Args:
        stretches: what is solved.
        branch_blocks: by how much the unconditional branch's block numbers are higher.
        style: how attention goes about the batch.

    Attributes:
        tokens: the conditional branch at 25 Hz.
        frames: the conditional branch at 50 Hz.
        guided: both branches at 50 Hz.
        guided_frames: for each row of ``guided`` its row in ``frames``, int64.
        conditional: rows of the conditional branch in ``guided``, int64.
        unconditional: rows of the unconditional branch in ``guided``, int64.
    """

    def __init__(self, stretches: Sequence[Stretch], branch_blocks: int, style: Style) -> None:
        self.stretches = tuple(stretches)
        self.tokens = Layout([s.segment(1) for s in stretches], CHUNK_TOKENS, style)
        given = [s.segment(TOKEN_MEL_RATIO) for s in stretches]
        self.frames = Layout(given, CHUNK_FRAMES, style)
        both = [part for own in given for part in (own, own.moved(branch_blocks))]
        self.guided = Layout(both, CHUNK_FRAMES, style)
        conditional, unconditional, frames = _branches([own.length for own in given])
        self.conditional = conditional.to(style.device, non_blocking=True)
        self.unconditional = unconditional.to(style.device, non_blocking=True)
        self.guided_frames = frames.to(style.device, non_blocking=True)


def _branches(lengths: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of both branches in a guided packing, and the frame of each of its rows."""
    conditional, unconditional, frames, first = [], [], [], 0
    for length in lengths:
        own = torch.arange(first, first + length)
        conditional.append(own + first)
        unconditional.append(own + first + length)
        frames += [own, own]
        first += length
    return torch.cat(conditional), torch.cat(unconditional), torch.cat(frames)
