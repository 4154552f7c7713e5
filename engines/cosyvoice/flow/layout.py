"""How the new frames of many sequences lie in one packed matrix.

A batch is ragged: sequences have histories and chunks of different lengths. Linear layers do not
care about sequences, so all new positions are packed into one matrix [rows, width] without
padding. Attention and convolutions do care; what they need to know about the packing is here,
worked out once for each batch and shared by all layers.
"""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from engines.cosyvoice.flow.groups import (
    BLANK_BLOCK,
    Segment,
    Style,
    block_ids,
    group_segments,
)


class Layout:
    """The packing of ``segments``, in order, at one frame rate.

    Args:
        segments: what is packed.
        block: positions in a block at this rate.
        style: how attention goes about the batch.
    """

    def __init__(self, segments: Sequence[Segment], block: int, style: Style) -> None:
        self._segments = tuple(segments)
        self._block = block
        self._device = style.device
        self._windows: dict[int, Tensor] = {}
        self._kept: dict[int, Tensor] = {}
        self._padded: dict[int, tuple[Tensor, Tensor]] = {}
        self.num_segments = len(self._segments)
        self.rows = sum(segment.length for segment in segments)
        self.groups = group_segments(self._segments, block, style)

    @cached_property
    def positions(self) -> Tensor:
        """Each row's position in its own sequence, int64 [rows]."""
        parts = [torch.arange(s.length) + len(s.history) * self._block for s in self._segments]
        return self._to_device(torch.cat(parts))

    @cached_property
    def last_blocks(self) -> Tensor:
        """The block before each segment, int64 [segments]."""
        last = [s.history[-1] if s.history else BLANK_BLOCK for s in self._segments]
        return self._to_device(torch.tensor(last))

    @cached_property
    def filled_blocks(self) -> Tensor | None:
        """All blocks that this batch fills, int64, or None."""
        return block_ids([number for s in self._segments for number in s.filled], self._device)

    def windows(self, context: int) -> Tensor:
        """What a causal convolution sees, int64 [rows * (context + 1)].

        The indices point into [segments * context + rows]: first the ``context`` positions before
        each segment, then the packed rows.
        """
        if context not in self._windows:
            joined, lengths = self._joined(context)
            self._windows[context] = self._to_device(joined[sliding(lengths, context + 1)])
        return self._windows[context]

    def kept(self, context: int) -> Tensor:
        """The last ``context`` positions of every filled block, int64 [filled * context].

        The indices point into the same rows as those of ``windows``.
        """
        if context not in self._kept:
            offset = self.num_segments * context
            parts = []
            for segment in self._segments:
                ends = offset + self._block * torch.arange(1, len(segment.filled) + 1)
                parts.append((ends[:, None] + torch.arange(-context, 0)).flatten())
                offset += segment.length
            self._kept[context] = self._to_device(torch.cat(parts))
        return self._kept[context]

    def padded(self, context: int) -> tuple[Tensor, Tensor]:
        """The segments end to end, each behind its ``context``: what goes in, what comes out.

        The first index (int64 [segments * context + rows]) points into the rows that ``windows``
        describes. The second (int64 [rows]) points into the output of a convolution without
        padding, of kernel ``context + 1``, over the sequence that the first one makes.
        """
        if context not in self._padded:
            joined, lengths = self._joined(context)
            valid = sliding(lengths, context + 1)[:: context + 1]
            self._padded[context] = (self._to_device(joined), self._to_device(valid))
        return self._padded[context]

    def _joined(self, context: int) -> tuple[Tensor, list[int]]:
        """Indices that put each segment's context and rows together, and the joint lengths."""
        parts, offset = [], self.num_segments * context
        for number, segment in enumerate(self._segments):
            parts.append(torch.arange(number * context, (number + 1) * context))
            parts.append(torch.arange(offset, offset + segment.length))
            offset += segment.length
        return torch.cat(parts), [segment.length + context for segment in self._segments]

    def _to_device(self, indices: Tensor) -> Tensor:
        return indices.to(self._device, non_blocking=True)


def sliding(lengths: Sequence[int], width: int) -> Tensor:
    """Every window of ``width`` neighbours inside packed sequences of ``lengths``.

    Returns:
        Row numbers, int64 [sum(length - width + 1) * width], on the CPU.
    """
    parts, offset = [], 0
    for length in lengths:
        parts.append(torch.arange(offset, offset + length - width + 1))
        offset += length
    return (torch.cat(parts)[:, None] + torch.arange(width)).flatten()
