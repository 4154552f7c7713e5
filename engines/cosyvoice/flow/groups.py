"""Segments of a packed batch, and how attention takes them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

BLANK_BLOCK = 0
"""The block that stands before every sequence and where there is none: zeros."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The new positions of one sequence.

    Attributes:
        length: how many positions are new.
        history: blocks that hold the positions before them, in order, all full.
        filled: blocks that the new positions fill; empty where nothing is to be kept.
    """

    length: int
    history: tuple[int, ...] = ()
    filled: tuple[int, ...] = ()

    def moved(self, offset: int) -> "Segment":
        """The same segment with block numbers that are higher by ``offset``."""
        history = tuple(block + offset for block in self.history)
        return Segment(self.length, history, tuple(block + offset for block in self.filled))

    @property
    def shape(self) -> tuple[int, int, int]:
        """What must be equal for attention to take segments together as they are."""
        return self.length, len(self.history), len(self.filled)


@dataclass(frozen=True, slots=True)
class Style:
    """How attention goes about a batch.

    Attributes:
        chunked: whether it is causal between blocks (each position sees its own block and those
            before it), or else full.
        merged: whether segments of different shapes are padded to one and taken as one batch.
            That is for devices where a launch costs more than the padding.
        device: where tensors go.
    """

    chunked: bool
    merged: bool
    device: torch.device

    def spans(self, length: int, block: int) -> tuple[tuple[int, int], ...]:
        """The attention spans of ``length`` new positions."""
        width = block if self.chunked else length
        return tuple((first, min(first + width, length)) for first in range(0, length, width))


@dataclass(frozen=True, slots=True, eq=False)
class Padding:
    """Segments of different shapes as one batch: histories end together, new rows begin together.

    Attributes:
        gather: for each padded position its packed row (any row, where there is none).
        scatter: for each packed row its padded position.
        present: which keys exist, bool [count, 1, 1, past + length].
    """

    gather: Tensor
    scatter: Tensor
    present: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Segments that attention takes as one batch of equal shape.

    Attributes:
        rows: where the segments' rows lie in the packed matrix.
        count: how many segments.
        length: new positions in each, padding included.
        past: positions before them in each, padding included.
        spans: attention spans as [first, end) among the new positions. The positions of a span
            see everything before its end, and nothing after it.
        history: blocks of the positions before, segment by segment, int64, or None.
        filled: blocks that the new positions fill, int64, or None.
        padding: how segments of different shapes were brought to one, or None.
    """

    rows: slice
    count: int
    length: int
    past: int
    spans: tuple[tuple[int, int], ...]
    history: Tensor | None
    filled: Tensor | None
    padding: Padding | None = None

    def take(self, x: Tensor) -> Tensor:
        """The segments' rows of a packed matrix: [rows, width] -> [count, length, width]."""
        own = x.index_select(0, self.padding.gather) if self.padding else x[self.rows]
        return own.view(self.count, self.length, x.shape[1])

    def give(self, x: Tensor) -> Tensor:
        """The reverse of ``take``: [count, length, width] -> [rows, width]."""
        rows = x.flatten(0, 1)
        return rows.index_select(0, self.padding.scatter) if self.padding else rows


def group_segments(segments: Sequence[Segment], block: int, style: Style) -> tuple[Group, ...]:
    """Put neighbours of equal shape together, or all segments if they are to be merged."""
    runs = [list(run) for _, run in groupby(segments, lambda segment: segment.shape)]
    if style.merged and len(runs) > 1:
        return (_merged(segments, block, style),)
    groups, start = [], 0
    for run in runs:
        rows = slice(start, start + len(run) * run[0].length)
        groups.append(_alike(run, rows, block, style))
        start = rows.stop
    return tuple(groups)


def block_ids(ids: Sequence[int], device: torch.device) -> Tensor | None:
    """Block numbers as int64, or None where there are none."""
    return torch.tensor(ids, dtype=torch.int64).to(device, non_blocking=True) if ids else None


def _alike(run: Sequence[Segment], rows: slice, block: int, style: Style) -> Group:
    length, history, _ = run[0].shape
    return Group(
        rows=rows,
        count=len(run),
        length=length,
        past=history * block,
        spans=style.spans(length, block),
        history=block_ids([number for s in run for number in s.history], style.device),
        filled=block_ids([number for s in run for number in s.filled], style.device),
    )


def _merged(segments: Sequence[Segment], block: int, style: Style) -> Group:
    before = max(len(s.history) for s in segments)
    new = -(-max(s.length for s in segments) // block)
    history, filled = [], []
    for s in segments:
        history += [BLANK_BLOCK] * (before - len(s.history)) + list(s.history)
        filled += list(s.filled) + [BLANK_BLOCK] * (new - len(s.filled))
    length, past = new * block, before * block
    return Group(
        rows=slice(0, sum(s.length for s in segments)),
        count=len(segments),
        length=length,
        past=past,
        spans=style.spans(length, block),
        history=block_ids(history, style.device),
        filled=block_ids(filled if any(filled) else [], style.device),
        padding=_padding(segments, (past, length), block, style.device),
    )


def _padding(
    segments: Sequence[Segment], common: tuple[int, int], block: int, device: torch.device
) -> Padding:
    past, length = common
    lengths = torch.tensor([s.length for s in segments])[:, None]
    known = torch.tensor([len(s.history) * block for s in segments])[:, None]
    own = torch.arange(length) < lengths
    starts = lengths.cumsum(0) - lengths
    gather = torch.where(own, starts + torch.arange(length), 0)
    present = torch.cat([torch.arange(past) >= past - known, own], dim=1)
    return Padding(
        gather.flatten().to(device, non_blocking=True),
        own.flatten().nonzero().squeeze(1).to(device, non_blocking=True),
        present[:, None, None].to(device, non_blocking=True),
    )
