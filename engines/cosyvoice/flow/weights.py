"""Reading a checkpoint's state dict strictly: every tensor is taken once, and none is left over."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engines.cosyvoice.flow.layers import LayerNorm, Linear


class WeightsError(ValueError):
    """The state dict does not fit the model; the message names the keys."""


class Weights:
    """A state dict under a key prefix, with a record of what was taken from it.

    Args:
        state: the state dict, any floating dtype, on any device (``meta`` included).
        device: where taken tensors go.
        dtype: what matrix products are computed in.
    """

    def __init__(
        self, state: Mapping[str, Tensor], device: torch.device, dtype: torch.dtype
    ) -> None:
        self.device = device
        self.dtype = dtype
        self._state = state
        self._prefix = ""
        self._taken: set[str] = set()

    def scope(self, name: object) -> "Weights":
        """The same weights, seen from below ``name``; what is taken counts for both."""
        scoped = Weights(self._state, self.device, self.dtype)
        scoped._prefix = f"{self._prefix}{name}."
        scoped._taken = self._taken
        return scoped

    def precise(self) -> "Weights":
        """The same weights with float32 as the compute dtype, for what is folded at load."""
        precise = Weights(self._state, self.device, torch.float32)
        precise._prefix, precise._taken = self._prefix, self._taken
        return precise

    def take(self, name: str, *shape: int) -> Tensor:
        """One tensor in float32.

        Raises:
            WeightsError: there is none of that name, or it has another shape.
        """
        key = self._prefix + name
        if key not in self._state:
            raise WeightsError(f"the state dict lacks {key}")
        tensor = self._state[key]
        if tensor.shape != shape:
            raise WeightsError(f"{key} has shape {tuple(tensor.shape)}, not {shape}")
        self._taken.add(key)
        return tensor.detach().to(self.device, torch.float32)

    def matrix(self, weight: Tensor, bias: Tensor | None = None) -> Linear:
        """A linear layer in the compute dtype, from float32 tensors."""
        cast = None if bias is None else bias.to(self.dtype)
        return Linear(weight.to(self.dtype).contiguous(), cast)

    def linear(self, name: str, width_out: int, width_in: int, *, bias: bool = True) -> Linear:
        """The linear layer ``name``: weight [width_out, width_in], bias [width_out]."""
        return self.matrix(
            self.take(f"{name}.weight", width_out, width_in),
            self.take(f"{name}.bias", width_out) if bias else None,
        )

    def norm(self, name: str, width: int, eps: float) -> LayerNorm:
        """The layer norm ``name`` with gain and bias of ``width``, kept in float32."""
        return LayerNorm(
            self.take(f"{name}.weight", width), self.take(f"{name}.bias", width), width, eps
        )

    def finish(self) -> None:
        """Check that nothing is left over.

        Raises:
            WeightsError: the state dict holds keys that nobody took.
        """
        left = sorted(set(self._state) - self._taken)
        if left:
            shown = ", ".join(left[:5]) + (", ..." if len(left) > 5 else "")
            raise WeightsError(f"the state dict has {len(left)} unknown keys: {shown}")
