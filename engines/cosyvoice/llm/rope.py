"""Rotary position embedding (Su et al., 2021) in the rotate-half form of Qwen2."""

import torch
from torch import Tensor


class RotaryTable:
    """Cosines and sines of every position up to ``positions``, computed once."""

    def __init__(self, head_dim: int, theta: float, positions: int, device: torch.device) -> None:
        exponents = torch.arange(0, head_dim, 2, dtype=torch.int64).float() / head_dim
        angles = torch.outer(torch.arange(positions).float(), 1.0 / theta**exponents)
        cosines, sines = angles.cos(), angles.sin()
        self._cosines = torch.cat((cosines, cosines), dim=1).to(device)
        # Rolling by half puts the second half first; its sign goes into the table.
        self._sines = torch.cat((-sines, sines), dim=1).to(device)

    @property
    def positions(self) -> int:
        """How many positions the table covers."""
        return self._cosines.shape[0]

    def at(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosines and signed sines for ``positions`` [n], each [n, 1, head_dim]."""
        return self._cosines[positions][:, None], self._sines[positions][:, None]


def rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotate ``heads`` [n, heads, head_dim], in fp32, and return them in their own dtype."""
    wide = heads.float()
    rotated = torch.addcmul(wide * cosines, wide.roll(heads.shape[-1] // 2, dims=-1), sines)
    return rotated.to(heads.dtype)
