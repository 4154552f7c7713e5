"""How the new frames of many sequences lie in one packed matrix.

A batch is ragged: sequences have histories and chunks of different lengths. Linear layers do not
care about sequences, so all new positions are packed into one matrix [rows, width] without
padding. Attention and convolutions do care; what they need to know about the packing is here,
worked out once for each batch and shared by all layers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor

BLANK_BLOCK = 0
"""The pool's block that stands before every sequence: zeros."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The new positions of one sequence.

    Attributes:
        length: how many positions are new.
        history: pool blocks that hold the positions before them, in order, all full.
        filled: pool blocks that the new positions fill; empty where nothing is to be kept.
    """

    length: int
    history: tuple[int, ...] = ()
    filled: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Neighbouring segments of equal shape: attention takes them as one batch.

    Attributes:
        rows: where the segments' rows lie in the packed matrix.
        count: how many segments.
        length: new positions in each.
        past: positions before them in each.
        spans: attention spans as [first, end) among the new positions. The positions of a span
            see everything before its end, and nothing after it.
        filled: pool blocks that the new positions fill [count * blocks], or None.
        context: pool blocks whose positions the group attends to [count * blocks]: the history,
            and what is filled; or None where there are none.
    """

    rows: slice
    count: int
    length: int
    past: int
    spans: tuple[tuple[int, int], ...]
    filled: Tensor | None
    context: Tensor | None


class Layout:
    """The packing of ``segments``, in order, at one frame rate.

    Args:
        segments: what is packed.
        block: positions in a pool block.
        chunked: whether attention is causal between blocks (each position sees its own block and
            those before it), or else full.
        device: where index tensors go.
    """

    def __init__(
        self, segments: Sequence[Segment], block: int, *, chunked: bool, device: torch.device
    ) -> None:
        self.block = block
        self.device = device
        self._segments = tuple(segments)
        self._lengths = [segment.length for segment in segments]
        self.rows = sum(self._lengths)
        self._windows: dict[int, Tensor] = {}
        self._kept: dict[int, Tensor] = {}
        self._padded: dict[int, tuple[Tensor, Tensor]] = {}
        self.groups = tuple(self._groups(chunked=chunked))

    @property
    def num_segments(self) -> int:
        """How many segments are packed."""
        return len(self._segments)

    @cached_property
    def positions(self) -> Tensor:
        """Each row's position in its own sequence, int64 [rows]."""
        parts = [torch.arange(s.length) + len(s.history) * self.block for s in self._segments]
        return self._to_device(torch.cat(parts))

    @cached_property
    def last_blocks(self) -> Tensor:
        """The block before each segment, int64 [segments]."""
        return self._ids(s.history[-1] if s.history else BLANK_BLOCK for s in self._segments)

    @cached_property
    def filled_blocks(self) -> Tensor | None:
        """All blocks that this batch fills, or None."""
        ids = [block for s in self._segments for block in s.filled]
        return self._ids(ids) if ids else None

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
                ends = offset + self.block * torch.arange(1, len(segment.filled) + 1)
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
        for number, length in enumerate(self._lengths):
            parts.append(torch.arange(number * context, (number + 1) * context))
            parts.append(torch.arange(offset, offset + length))
            offset += length
        return torch.cat(parts), [length + context for length in self._lengths]

    def _groups(self, *, chunked: bool) -> Iterator[Group]:
        start = 0
        for _, run in groupby(self._segments, lambda s: (s.length, len(s.history), len(s.filled))):
            alike = list(run)
            rows = slice(start, start + len(alike) * alike[0].length)
            yield self._group(alike, rows, chunked=chunked)
            start = rows.stop

    def _group(self, alike: list[Segment], rows: slice, *, chunked: bool) -> Group:
        first = alike[0]
        context = [block for s in alike for block in s.history + s.filled]
        filled = [block for s in alike for block in s.filled]
        return Group(
            rows=rows,
            count=len(alike),
            length=first.length,
            past=len(first.history) * self.block,
            spans=_spans(first.length, self.block if chunked else first.length),
            filled=self._ids(filled) if filled else None,
            context=self._ids(context) if first.history else None,
        )

    def _ids(self, ids: Iterator[int] | Sequence[int]) -> Tensor:
        return self._to_device(torch.tensor(list(ids), dtype=torch.int64))

    def _to_device(self, indices: Tensor) -> Tensor:
        return indices.to(self.device, non_blocking=True)


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


def _spans(length: int, width: int) -> tuple[tuple[int, int], ...]:
    return tuple((first, min(first + width, length)) for first in range(0, length, width))
