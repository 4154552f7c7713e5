"""Convolutions of the vocoder, over [batch, channels, 1, time].

The extra dimension lets the CPU keep channels innermost (channels_last), where its convolution
kernels are fastest and an upsampling layer's phases fall into place without a transpose.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from engines.cosyvoice.weights import StateReader


@dataclass(frozen=True, slots=True, eq=False)
class Conv:
    """A convolution whose edges are supplied from outside.

    Attributes:
        weight: [out, in, 1, kernel].
        bias: [out].
        rate: input columns for each mel frame.
        edge: columns to supply; on both sides of a whole sequence, or on the left in a causal
            model, where they come from the chunk before. Zeros at the very ends.
    """

    weight: Tensor
    bias: Tensor
    rate: int
    edge: int
    stride: int = 1
    dilation: int = 1

    @property
    def in_channels(self) -> int:
        """Channels of the input."""
        return self.weight.shape[1]


@dataclass(frozen=True, slots=True, eq=False)
class UpConv:
    """Upsampling in polyphase form: every output phase is a channel group of one convolution."""

    conv: Conv
    factor: int

    def spread(self, phases: Tensor) -> Tensor:
        """Lay [b, factor * channels, 1, t] out as [b, channels, 1, factor * t]."""
        batch, channels, _, columns = phases.shape
        timed = phases.permute(0, 2, 3, 1)
        timed = timed.reshape(batch, 1, columns * self.factor, channels // self.factor)
        return timed.permute(0, 3, 1, 2)


class ConvReader:
    """Builds layers from a vocoder's state dict (weight norm folded)."""

    def __init__(
        self, reader: StateReader, *, causal: bool, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._reader = reader
        self._causal = causal
        self._device = device
        self._dtype = dtype

    def conv(
        self, name: str, channels: tuple[int, int], kernel: int, *, rate: int, dilation: int = 1
    ) -> Conv:
        """Read a convolution that keeps the rate; ``channels`` is (in, out)."""
        weight = self._reader.take(f"{name}.weight", channels[1], channels[0], kernel)
        reach = (kernel - 1) * dilation
        edge = reach if self._causal else reach // 2
        return self._placed(weight, self._bias(name, channels[1]), rate, edge, dilation=dilation)

    def ahead(self, name: str, channels: tuple[int, int], kernel: int, *, rate: int) -> Conv:
        """Read a convolution that looks ahead only; what it sees ahead is part of its input."""
        weight = self._reader.take(f"{name}.weight", channels[1], channels[0], kernel)
        return self._placed(weight, self._bias(name, channels[1]), rate, 0)

    def down(self, name: str, channels: tuple[int, int], factor: int, *, rate: int) -> Conv:
        """Read a strided convolution; factor 1 is a plain one over single columns."""
        kernel = 1 if factor == 1 else 2 * factor
        weight = self._reader.take(f"{name}.weight", channels[1], channels[0], kernel)
        edge = factor - 1 if self._causal else factor // 2 if factor > 1 else 0
        return self._placed(weight, self._bias(name, channels[1]), rate, edge, stride=factor)

    def up(
        self, name: str, channels: tuple[int, int], kernel: int, factor: int, *, rate: int
    ) -> UpConv:
        """Read an upsampling layer: nearest neighbour and convolution, or a transposed one."""
        if self._causal:
            weight = self._reader.take(f"{name}.weight", channels[1], channels[0], kernel)
            phases, edge = nearest_phases(weight.double(), factor)
        else:
            weight = self._reader.take(f"{name}.weight", *channels, kernel)
            phases, edge = transposed_phases(weight.double(), factor, (kernel - factor) // 2)
        bias = self._bias(name, channels[1]).repeat(factor)
        return UpConv(self._placed(phases, bias, rate, edge), factor)

    def vector(self, name: str, *shape: int) -> Tensor:
        """Read another parameter."""
        return self._reader.take(name, *shape).to(self._device, self._dtype)

    def _bias(self, name: str, channels: int) -> Tensor:
        return self._reader.take(f"{name}.bias", channels)

    def _placed(
        self, weight: Tensor, bias: Tensor, rate: int, edge: int, *, stride: int = 1,
        dilation: int = 1,
    ) -> Conv:  # fmt: skip
        placed = weight.to(self._device, self._dtype)[:, :, None]
        return Conv(
            placed.contiguous(memory_format=fast_format(self._device)),
            bias.to(self._device, self._dtype),
            rate,
            edge,
            stride,
            dilation,
        )


def fast_format(device: torch.device) -> torch.memory_format:
    """Return the memory layout that the device's fp32 convolutions are fastest in."""
    return torch.channels_last if device.type == "cpu" else torch.contiguous_format


def transposed_phases(weight: Tensor, factor: int, padding: int) -> tuple[Tensor, int]:
    """Write a transposed convolution as one convolution with ``factor`` output phases.

    Output ``factor * t + phase`` gets ``x[t + d] * weight[phase + padding - factor * d]``.

    Args:
        weight: [in, out, kernel].

    Returns:
        Weight [factor * out, in, 2 * reach + 1] and the reach, which is its padding.
    """
    inputs, outputs, kernel = weight.shape
    reach = max((kernel - 1 - padding) // factor, (factor - 1 + padding) // factor)
    phases = weight.new_zeros((factor, outputs, inputs, 2 * reach + 1))
    for phase in range(factor):
        for offset in range(-reach, reach + 1):
            tap = phase + padding - factor * offset
            if 0 <= tap < kernel:
                phases[phase, :, :, offset + reach] = weight[:, :, tap].T
    return phases.flatten(0, 1), reach


def nearest_phases(weight: Tensor, factor: int) -> tuple[Tensor, int]:
    """Write nearest-neighbour upsampling and a causal convolution as one convolution.

    Taps that fall on the same repeated input are added up, so that it costs as many products as
    there are different inputs.

    Args:
        weight: [out, in, kernel].

    Returns:
        Weight [factor * out, in, history + 1] and the history, columns to the left.
    """
    outputs, inputs, kernel = weight.shape
    history = -((1 - kernel) // factor)
    phases = weight.new_zeros((factor, outputs, inputs, history + 1))
    for phase in range(factor):
        for tap in range(kernel):
            offset = (phase + tap - (kernel - 1)) // factor
            phases[phase, :, :, offset + history] += weight[:, :, tap]
    return phases.flatten(0, 1), history
