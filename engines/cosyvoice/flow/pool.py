"""Who owns which block of the streams' memory."""

from collections.abc import Sequence

from engines.cosyvoice.flow.errors import CacheFullError
from engines.cosyvoice.flow.groups import BLANK_BLOCK


class BlockPool:
    """Who owns which block: a free list and reference counts. Block 0 is never given away."""

    def __init__(self, blocks: int) -> None:
        self._free = list(range(blocks - 1, BLANK_BLOCK, -1))
        self._owners: dict[int, int] = {}

    @property
    def num_free(self) -> int:
        """Blocks that nobody owns."""
        return len(self._free)

    def acquire(self, count: int) -> list[int]:
        """Own ``count`` free blocks.

        Raises:
            CacheFullError: there are fewer; nothing was taken.
        """
        if count > len(self._free):
            raise CacheFullError(count, len(self._free))
        taken = [self._free.pop() for _ in range(count)]
        self._owners.update(dict.fromkeys(taken, 1))
        return taken

    def share(self, blocks: Sequence[int]) -> None:
        """Become one more owner of ``blocks``."""
        for block in blocks:
            self._owners[block] += 1

    def release(self, blocks: Sequence[int]) -> None:
        """Own ``blocks`` no more; those without owners are free again."""
        for block in blocks:
            self._owners[block] -= 1
            if not self._owners[block]:
                del self._owners[block]
                self._free.append(block)
