"""Fundamental frequency of each mel frame."""

from collections.abc import Iterator
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.config import MEL_BINS, HiftConfig
from engines.cosyvoice.hift.conv import Conv, ConvReader
from engines.cosyvoice.hift.edges import Edges
from engines.cosyvoice.weights import StateReader

_LAYERS = 5
_KERNEL = 3


class F0Predictor:
    """Five convolutions with ELU and a linear map (upstream: hifigan/f0_predictor.py).

    CosyVoice 3 runs it in float64, causal but for a first layer that looks ahead.
    """

    def __init__(self, layers: tuple[Conv, ...], weight: Tensor, bias: Tensor) -> None:
        self._layers = layers
        self._weight = weight
        self._bias = bias

    @classmethod
    def load(cls, reader: StateReader, config: HiftConfig, device: torch.device) -> Self:
        """Read ``f0_predictor.*``."""
        dtype = torch.float64 if config.causal else torch.float32
        layers = ConvReader(reader, causal=config.causal, device=device, dtype=dtype)
        width, name = config.f0_channels, "f0_predictor"
        # Activations lie between the layers in upstream's numbering.
        first, *rest = (f"{name}.condnet.{2 * index}" for index in range(_LAYERS))
        if config.causal:
            kernel = config.f0_look_right + 1
            start = layers.ahead(first, (MEL_BINS, width), kernel, rate=1)
        else:
            start = layers.conv(first, (MEL_BINS, width), _KERNEL, rate=1)
        others = [layers.conv(place, (width, width), _KERNEL, rate=1) for place in rest]
        return cls(
            (start, *others),
            layers.vector(f"{name}.classifier.weight", 1, width),
            layers.vector(f"{name}.classifier.bias", 1),
        )

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in."""
        return self._weight.dtype

    def convs(self) -> Iterator[Conv]:
        """Yield the convolutions."""
        yield from self._layers

    def forward(self, mel: Tensor, edges: Edges) -> Tensor:
        """Map mel [b, 80, 1, t] (and what the first layer sees ahead) to Hz, fp32 [b, t]."""
        x = mel.to(self.dtype)
        for layer in self._layers:
            x = F.elu_(edges.conv(layer, x))
        hertz = F.linear(x[:, :, 0].transpose(1, 2), self._weight, self._bias)
        return hertz[:, :, 0].abs().float()
