"""The key/value cache: one slot for each request, all in shared tensors."""

import torch
from torch import Tensor

from engines.cosyvoice.committed import committed_zeros
from engines.cosyvoice.config import LlmConfig


class NoFreeSlotError(RuntimeError):
    """Every slot of the cache holds a request."""


class CacheFullError(ValueError):
    """A request needs more positions than the cache may grow to."""


class KvCache:
    """Keys and values of ``slots`` requests of any length.

    One tensor a layer, [slots, capacity, 2, kv_heads, head_dim]: a position's keys and values lie
    together, so that new ones are written with one indexed copy, and a slot's live part is a view.
    Lengths are kept on the host, where the scheduler needs them.

    Args:
        capacity: positions that each slot has room for at first.
        max_capacity: positions that it may grow to, doubling; ``capacity`` where it is fixed.
    """

    def __init__(
        self,
        config: LlmConfig,
        *,
        slots: int,
        capacity: int,
        max_capacity: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self.slots = slots
        self.max_capacity = capacity if max_capacity is None else max_capacity
        self.lengths = [0] * slots
        self._free = list(range(slots))
        self.layers = [
            committed_zeros(
                slots, capacity, 2, config.kv_heads, config.head_dim, dtype=dtype, device=device
            )
            for _ in range(config.layers)
        ]

    @staticmethod
    def bytes_for(config: LlmConfig, *, slots: int, capacity: int, dtype: torch.dtype) -> int:
        """Memory that a cache of this size takes."""
        values = 2 * config.layers * config.kv_heads * config.head_dim
        return values * slots * capacity * dtype.itemsize

    @property
    def num_bytes(self) -> int:
        """Memory that the cache takes now."""
        return sum(layer.numel() * layer.element_size() for layer in self.layers)

    @property
    def capacity(self) -> int:
        """Positions that each slot has room for now."""
        return self.layers[0].shape[1]

    @property
    def free_slots(self) -> int:
        """How many more requests fit."""
        return len(self._free)

    def acquire(self) -> int:
        """Take the lowest free slot: neighbours decode without gathering.

        Raises:
            NoFreeSlotError: all are taken.
        """
        if not self._free:
            raise NoFreeSlotError(f"all {self.slots} slots of the key/value cache are taken")
        slot = min(self._free)
        self._free.remove(slot)
        self.lengths[slot] = 0
        return slot

    def release(self, slot: int) -> None:
        """Give ``slot`` back; what it holds is forgotten."""
        self.lengths[slot] = 0
        self._free.append(slot)

    def reserve(self, positions: int) -> None:
        """Make room for ``positions`` in every slot.

        Raises:
            CacheFullError: that is more than ``max_capacity``.
        """
        if positions <= self.capacity:
            return
        if positions > self.max_capacity:
            raise CacheFullError(
                f"{positions} positions are needed, the cache holds {self.max_capacity}"
            )
        grown = min(max(positions, 2 * self.capacity), self.max_capacity)
        for index, layer in enumerate(self.layers):
            self.layers[index] = _lengthened(layer, grown)


def _lengthened(layer: Tensor, capacity: int) -> Tensor:
    shape = (layer.shape[0], capacity, *layer.shape[2:])
    longer = committed_zeros(*shape, dtype=layer.dtype, device=layer.device)
    longer[:, : layer.shape[1]] = layer
    return longer
