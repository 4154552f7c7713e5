"""The unconditional branch's first step, which all streams share.

At the first step the state is the noise, which is the same for every request, and the
unconditional branch sees nothing else. With chunk masks its velocity at a frame then depends on
the frame's position alone, so it is computed once for each block and never again. Only what
follows the last full block of a sequence depends on where the sequence ends.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from engines.cosyvoice.config import CHUNK_FRAMES, MEL_BINS
from engines.cosyvoice.flow.batch import Stretch
from engines.cosyvoice.flow.estimator import Estimator
from engines.cosyvoice.flow.groups import Segment, Style
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import BlockStore


class UnguidedStart:
    """Velocities at the first solver step without conditions, by position.

    Args:
        estimator: the estimator.
        condition: the estimator's condition where there is none [1, width].
        noise: where all solves start [frames, 80], float32, on the flow's device.
        dtype: compute dtype.
        blocks: how many blocks to set memory aside for; longer sequences make it grow.
        merged: see ``Style``.
    """

    def __init__(
        self,
        estimator: Estimator,
        condition: Tensor,
        noise: Tensor,
        dtype: torch.dtype,
        blocks: int,
        *,
        merged: bool,
    ) -> None:
        self._style = Style(chunked=True, merged=merged, device=noise.device)
        self._estimator = estimator
        self._condition = condition
        self._noise = noise
        self._dtype = dtype
        self._store = self._new_store(min(blocks, len(noise) // CHUNK_FRAMES))
        self._known_blocks = 0
        self._known = noise.new_empty(0, MEL_BINS)

    @property
    def num_bytes(self) -> int:
        """Memory held."""
        return self._store.num_bytes + self._known.nbytes

    def velocities(self, stretches: Sequence[Stretch]) -> Tensor:
        """Packed velocities of ``stretches`` [sum of frames, 80], float32."""
        self._extend(max(s.first_frame + s.frames for s in stretches) // CHUNK_FRAMES)
        tails = [s for s in stretches if s.frames % CHUNK_FRAMES]
        ends = iter(self._tails(tails)) if tails else iter(())
        parts = []
        for stretch in stretches:
            rest = stretch.frames % CHUNK_FRAMES
            parts.append(self._known[stretch.first_frame :][: stretch.frames - rest])
            if rest:
                parts.append(next(ends))
        return torch.cat(parts)

    def _extend(self, blocks: int) -> None:
        """Make sure that the first ``blocks`` blocks are known."""
        if blocks <= self._known_blocks:
            return
        self._reserve(blocks)
        known = self._known_blocks
        fresh = Segment(
            (blocks - known) * CHUNK_FRAMES,
            tuple(range(1, known + 1)),
            tuple(range(known + 1, blocks + 1)),
        )
        noise = self._noise[known * CHUNK_FRAMES : blocks * CHUNK_FRAMES]
        self._known = torch.cat([self._known, self._estimate([fresh], noise)])
        self._known_blocks = blocks

    def _tails(self, stretches: Sequence[Stretch]) -> tuple[Tensor, ...]:
        """The velocities after the last full block of each stretch."""
        segments, noise = [], []
        for stretch in stretches:
            end = stretch.first_frame + stretch.frames
            blocks, rest = divmod(end, CHUNK_FRAMES)
            segments.append(Segment(rest, tuple(range(1, blocks + 1))))
            noise.append(self._noise[end - rest : end])
        lengths = [segment.length for segment in segments]
        return torch.split_with_sizes(self._estimate(segments, torch.cat(noise)), lengths)

    def _estimate(self, segments: Sequence[Segment], noise: Tensor) -> Tensor:
        layout = Layout(segments, CHUNK_FRAMES, self._style)
        condition = self._condition.expand(len(noise), -1)
        return self._estimator(noise, condition, 0, layout, self._store.view(0, 1))

    def _reserve(self, blocks: int) -> None:
        if blocks < self._store.blocks:
            return
        store = self._new_store(2 * blocks)
        store.copy_from(self._store)
        self._store = store

    def _new_store(self, blocks: int) -> BlockStore:
        shape, device = self._estimator.state, self._noise.device
        return BlockStore(shape, 1, blocks + 1, self._dtype, device)
