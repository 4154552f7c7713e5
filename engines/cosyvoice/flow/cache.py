"""The memory of all streams of a flow, of a size that is fixed when the flow is loaded."""

import torch

from engines.cosyvoice.flow.memory import BlockStore, StateShape, StoredMemory
from engines.cosyvoice.flow.pool import BlockPool


class FlowCache:
    """Blocks of one second: the front's state, and the estimator's at every solver step.

    The first step keeps the conditional branch alone, for the unconditional one is the same for
    everybody (``UnguidedStart``).

    Args:
        front: what the front leaves in a block.
        estimator: what one pass through the estimator leaves in a block.
        steps: solver steps.
        blocks: how many blocks there are to give away.
        dtype, device: of all that is stored.
    """

    def __init__(
        self,
        front: StateShape,
        estimator: StateShape,
        steps: int,
        blocks: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.pool = BlockPool(blocks + 1)
        self._front = BlockStore(front, 1, blocks + 1, dtype, device)
        self._estimator = BlockStore(estimator, 2 * steps - 1, blocks + 1, dtype, device)

    @property
    def branch_blocks(self) -> int:
        """By how much the unconditional branch's block numbers are higher."""
        return self._estimator.blocks

    @property
    def block_bytes(self) -> int:
        """Memory of one block."""
        return self._front.block_bytes + self._estimator.block_bytes

    @property
    def num_bytes(self) -> int:
        """Memory of all blocks."""
        return self._front.num_bytes + self._estimator.num_bytes

    def front(self) -> StoredMemory:
        """The front's memory."""
        return self._front.view(0, 1)

    def step(self, step: int) -> StoredMemory:
        """The estimator's memory at a solver step: both branches, or one at the first step."""
        return self._estimator.view(2 * step - 1, 2) if step else self._estimator.view(0, 1)
