"""The noise that is mixed into the harmonic source."""

from typing import Protocol

import torch
from torch import Tensor


class SourceNoise(Protocol):
    """A stream of noise, one for each request."""

    def draw(self, samples: int) -> Tensor:
        """Return the next ``samples`` of noise, fp32 [samples, harmonics + 1]."""
        ...


class SeededNoise:
    """Noise from a generator of its own: the same seed gives the same noise in any company.

    CosyVoice 2 draws from a normal distribution; CosyVoice 3 uniformly from [0, 1), as upstream's
    fixed tables are filled.
    """

    def __init__(
        self, seed: int | None, *, channels: int, uniform: bool, device: torch.device
    ) -> None:
        self._generator = torch.Generator(device)
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)
        self._channels = channels
        self._uniform = uniform

    def draw(self, samples: int) -> Tensor:
        """Return the next ``samples`` of noise."""
        draw = torch.rand if self._uniform else torch.randn
        return draw(
            (samples, self._channels), generator=self._generator, device=self._generator.device
        )
