"""The harmonic-plus-noise source (neural source filter, Wang et al., 2019).

Upstream (hifigan/generator.py, SineGen2 and SourceModuleHnNSF) makes the phase at the sample rate,
resamples it to the frame rate, sums it up there and stretches it again. Within a frame the
frequency is constant, so the first resampling changes nothing and the sum is made per frame here.
"""

from typing import NamedTuple, Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.config import MEL_HOP, SAMPLE_RATE_HZ, HiftConfig
from engines.cosyvoice.weights import StateReader


class Phases(NamedTuple):
    """Phase of every harmonic at each frame."""

    radians: Tensor
    """fp32 [b, harmonics + 1, frames]."""
    turns: Tensor
    """Where the sums ended, for the next chunk; float64 [b, harmonics + 1]."""


class HarmonicSource:
    """Sines at the multiples of F0 where a frame is voiced, and noise."""

    def __init__(self, config: HiftConfig, weight: Tensor, bias: Tensor) -> None:
        self._config = config
        self._weight = weight
        self._bias = bias
        self._multiples = torch.arange(
            1, config.harmonics + 2, dtype=torch.float32, device=weight.device
        )[:, None]

    @classmethod
    def load(cls, reader: StateReader, config: HiftConfig, device: torch.device) -> Self:
        """Read ``m_source.l_linear.*``."""
        weight = reader.take("m_source.l_linear.weight", 1, config.harmonics + 1)
        bias = reader.take("m_source.l_linear.bias", 1)
        return cls(config, weight[0].to(device, torch.float32), bias.to(device, torch.float32))

    @property
    def channels(self) -> int:
        """The fundamental and its harmonics."""
        return self._config.harmonics + 1

    def start(self, batch: int) -> Tensor:
        """Return the turns of new streams, float64 [b, harmonics + 1]."""
        return self._weight.new_zeros((batch, self.channels), dtype=torch.float64)

    def phases(self, f0_hz: Tensor, turns: Tensor) -> Phases:
        """Sum the phases up from ``turns`` over ``f0_hz`` [b, frames].

        The sum is float64 and rounded to fp32 unreduced, as upstream's is on a CPU: at 10,000
        radians that rounding is heard in the third digit, so it must be the same one.
        """
        steps = (f0_hz[:, None] * self._multiples / SAMPLE_RATE_HZ) % 1
        total = steps.double().cumsum(dim=-1) + turns[:, :, None]
        return Phases(total.float() * 2 * torch.pi * MEL_HOP, total[:, :, -1])

    def sines(self, radians: Tensor, f0_hz: Tensor) -> Tensor:
        """Return the sines, silent where unvoiced, fp32 [b, harmonics + 1, columns].

        Causal models hold each frame's phase, so a column is a frame; the others draw a line from
        the middle of a frame to the next one's, so a column is a sample.
        """
        voiced = self._voiced(f0_hz)
        if not self._config.causal:
            radians = F.interpolate(radians, scale_factor=MEL_HOP, mode="linear")
            voiced = voiced.repeat_interleave(MEL_HOP, dim=-1)
        return radians.sin().mul_(self._config.sine_amplitude).mul_(voiced[:, None])

    def forward(self, f0_hz: Tensor, radians: Tensor, noise: Tensor) -> Tensor:
        """Make the source.

        Args:
            f0_hz: fp32 [b, frames].
            radians: from ``phases``.
            noise: fp32 [b, frames * 480, harmonics + 1].

        Returns:
            fp32 [b, frames * 480].
        """
        voiced = self._voiced(f0_hz)
        harmonic = self._weight @ self.sines(radians, f0_hz)
        if self._config.causal:
            harmonic = harmonic.repeat_interleave(MEL_HOP, dim=-1)
        unvoiced_noise = self._config.sine_amplitude / 3
        level = voiced * self._config.noise_std + (1 - voiced) * unvoiced_noise
        mixed = (noise @ self._weight).mul_(level.repeat_interleave(MEL_HOP, dim=-1))
        return mixed.add_(harmonic).add_(self._bias).tanh_()

    def _voiced(self, f0_hz: Tensor) -> Tensor:
        return (f0_hz > self._config.voiced_threshold_hz).float()
