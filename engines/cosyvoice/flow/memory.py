"""What streams remember between chunks: keys, values and convolution inputs, in blocks.

A block is the unit of the chunk masks: 25 tokens, 50 mel frames, one second. All of a stream's
history consists of full blocks, so a stream's memory is a list of block numbers, and blocks that
several streams have in common (the voice prompt) exist once. A block also holds the convolution
inputs at its end, hence a history can be continued from any block.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.committed import committed_zeros
from engines.cosyvoice.flow.groups import Group
from engines.cosyvoice.flow.layout import Layout


@dataclass(frozen=True, slots=True)
class StateShape:
    """What one pass through a network leaves behind.

    Attributes:
        attention: for each attention layer (positions in a block, width of keys and values).
        convolution: for each causal convolution (positions of context, width of its input).
    """

    attention: tuple[tuple[int, int], ...]
    convolution: tuple[tuple[int, int], ...]

    def block_values(self) -> int:
        """Numbers in one block."""
        return sum(rows * width for rows, width in self.attention + self.convolution)


class Memory(Protocol):
    """What layers ask about the positions before the batch."""

    def recall(self, layer: int, group: Group, fresh: Tensor) -> Tensor:
        """Keys and values of the past, followed by the new ones, which are kept if need be.

        Args:
            layer: number of the attention layer.
            group: the segments that ask.
            fresh: their new keys and values [count, length, width].

        Returns:
            [count, past + length, width].
        """
        ...

    def precede(self, convolution: int, context: int, fresh: Tensor, layout: Layout) -> Tensor:
        """A convolution's context before each segment, then its new inputs, which are kept.

        Args:
            convolution: number of the convolution.
            context: positions of context.
            fresh: packed new inputs [rows, width].
            layout: how the rows are packed.

        Returns:
            [segments * context + rows, width].
        """
        ...


class NoMemory:
    """There is no past, and nothing is kept: whole sequences at once."""

    def recall(self, layer: int, group: Group, fresh: Tensor) -> Tensor:
        """The new keys and values alone."""
        del layer, group
        return fresh

    def precede(self, convolution: int, context: int, fresh: Tensor, layout: Layout) -> Tensor:
        """Zeros, then the new inputs."""
        del convolution
        return functional.pad(fresh, (0, 0, layout.num_segments * context, 0))


class BlockStore:
    """Blocks for several passes through one network (``units``: solver steps and branches).

    Args:
        shape: what one pass leaves in a block.
        units: how many passes are kept apart.
        blocks: how many blocks there are; block 0 stays blank.
        dtype, device: of all that is stored.
    """

    def __init__(
        self,
        shape: StateShape,
        units: int,
        blocks: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.units = units
        self.blocks = blocks
        self.block_bytes = units * shape.block_values() * dtype.itemsize
        self._attention, self._convolution = (
            [
                committed_zeros(units * blocks, rows, width, dtype=dtype, device=device)
                for rows, width in layers
            ]
            for layers in (shape.attention, shape.convolution)
        )

    @property
    def num_bytes(self) -> int:
        """Memory of all blocks."""
        return self.blocks * self.block_bytes

    def view(self, first: int, count: int) -> "StoredMemory":
        """The memory of units ``first`` to ``first + count``.

        In it, block ``b`` of the n-th of these units has the number ``n * blocks + b``.
        """
        rows = slice(first * self.blocks, (first + count) * self.blocks)
        return StoredMemory(
            [t[rows] for t in self._attention], [t[rows] for t in self._convolution]
        )

    def copy_from(self, other: "BlockStore") -> None:
        """Take over all blocks of a smaller store of the same shape."""
        for mine, theirs in zip(self._tensors(), other._tensors(), strict=True):
            source = theirs.view(self.units, other.blocks, *theirs.shape[1:])
            mine.view(self.units, self.blocks, *mine.shape[1:])[:, : other.blocks] = source

    def _tensors(self) -> list[Tensor]:
        return self._attention + self._convolution


class StoredMemory:
    """The memory of one pass (or of both guidance branches of one solver step)."""

    def __init__(self, attention: list[Tensor], convolution: list[Tensor]) -> None:
        self._attention = attention
        self._convolution = convolution

    def recall(self, layer: int, group: Group, fresh: Tensor) -> Tensor:
        """See ``Memory``."""
        store = self._attention[layer]
        if group.filled is not None:
            store.index_copy_(0, group.filled, fresh.reshape(-1, *store.shape[1:]))
        if group.history is None:
            return fresh
        known = store.index_select(0, group.history).view(group.count, group.past, -1)
        return torch.cat([known, fresh], 1)

    def precede(self, convolution: int, context: int, fresh: Tensor, layout: Layout) -> Tensor:
        """See ``Memory``."""
        store = self._convolution[convolution]
        before = store.index_select(0, layout.last_blocks)
        joined = torch.cat([before.flatten(0, 1), fresh])
        if layout.filled_blocks is not None:
            ends = joined.index_select(0, layout.kept(context)).view(-1, *store.shape[1:])
            store.index_copy_(0, layout.filled_blocks, ends)
        return joined
