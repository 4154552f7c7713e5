"""The generator of the vocoder: mel and source spectrum to the spectrum of speech (HiFTNet)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.config import MEL_BINS, HiftConfig
from engines.cosyvoice.hift.conv import Conv, ConvReader, UpConv
from engines.cosyvoice.hift.edges import Edges, Lead
from engines.cosyvoice.hift.resblock import ResBlock

_OUTER_KERNEL = 7
_LARGEST_MAGNITUDE = 100.0


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One upsampling with the source mixed in, and parallel residual blocks."""

    up: UpConv
    source_down: Conv
    source_block: ResBlock
    blocks: tuple[ResBlock, ...]

    @classmethod
    def load(cls, reader: ConvReader, config: HiftConfig, index: int) -> Self:
        """Read the stage's parts, which upstream keeps in lists by kind."""
        width = config.base_channels >> index
        half = width // 2
        factor = config.up_rates[index]
        rate = prod(config.up_rates[:index])
        fine_rate = prod(config.up_rates)
        count = len(config.res_kernels)
        out_rate = rate * factor
        return cls(
            up=reader.up(
                f"ups.{index}", (width, half), config.up_kernels[index], factor, rate=rate
            ),
            source_down=reader.down(
                f"source_downs.{index}",
                (config.istft_n_fft + 2, half),
                fine_rate // out_rate,
                rate=fine_rate,
            ),
            source_block=ResBlock.load(
                reader,
                f"source_resblocks.{index}",
                half,
                config.source_res_kernels[index],
                config.source_res_dilations[index],
                rate=out_rate,
            ),
            blocks=tuple(
                ResBlock.load(
                    reader,
                    f"resblocks.{index * count + which}",
                    half,
                    config.res_kernels[which],
                    config.res_dilations[which],
                    rate=out_rate,
                )
                for which in range(count)
            ),
        )

    def convs(self) -> Iterator[Conv]:
        """Yield the convolutions."""
        yield self.up.conv
        yield self.source_down
        for block in (self.source_block, *self.blocks):
            yield from block.convs()


class Generator:
    """Convolutions from the mel rate up to one column for each hop of the inverse transform."""

    def __init__(
        self, config: HiftConfig, conv_pre: Conv, stages: tuple[Stage, ...], conv_post: Conv
    ) -> None:
        self._config = config
        self._conv_pre = conv_pre
        self._stages = stages
        self._conv_post = conv_post
        self.rate = prod(config.up_rates)
        """Columns of the output for each mel frame."""
        self._lead = Lead(config.base_channels >> len(config.up_rates), self.rate)

    @classmethod
    def load(cls, reader: ConvReader, config: HiftConfig) -> Self:
        """Read everything but the source and the F0 predictor."""
        width = config.base_channels
        if config.causal:
            kernel = config.conv_pre_look_right + 1
            conv_pre = reader.ahead("conv_pre", (MEL_BINS, width), kernel, rate=1)
        else:
            conv_pre = reader.conv("conv_pre", (MEL_BINS, width), _OUTER_KERNEL, rate=1)
        stages = tuple(Stage.load(reader, config, index) for index in range(len(config.up_rates)))
        channels = (width >> len(stages), config.istft_n_fft + 2)
        conv_post = reader.conv("conv_post", channels, _OUTER_KERNEL, rate=prod(config.up_rates))
        return cls(config, conv_pre, stages, conv_post)

    @property
    def rates(self) -> tuple[int, ...]:
        """Columns for each mel frame at which convolutions come out."""
        ups = self._config.up_rates
        return tuple(prod(ups[:index]) for index in range(len(ups) + 1))

    def carried_places(self) -> Iterator[Conv | Lead]:
        """Yield every place where a causal model carries columns from chunk to chunk."""
        for stage in self._stages:
            yield from (conv for conv in stage.convs() if conv.edge)
        yield self._lead
        yield self._conv_post

    def forward(self, mel: Tensor, source: Tensor, edges: Edges) -> Tensor:
        """Generate.

        Args:
            mel: [b, 80, 1, frames] (and what a causal first layer sees ahead).
            source: spectrum of the source, [b, n_fft + 2, 1, rate * frames + 1].

        Returns:
            Real and imaginary parts, [b, columns, n_fft + 2]: rate * frames + 1 columns, or one
            fewer where ``edges`` hold the last one back.
        """
        x = edges.conv(self._conv_pre, mel)
        for stage in self._stages:
            x = F.leaky_relu_(x, self._config.lrelu_slope)
            x = stage.up.spread(edges.conv(stage.up.conv, x))
            if stage is self._stages[-1]:
                x = edges.lead(self._lead, x)
                source = source[..., : x.shape[-1]]
            x = x + stage.source_block.forward(edges.conv(stage.source_down, source), edges)
            x = _mean([block.forward(x, edges) for block in stage.blocks])
        x = F.leaky_relu_(x, self._config.last_lrelu_slope)
        return _spectrum(edges.conv(self._conv_post, x)[:, :, 0].transpose(1, 2))


def _mean(parts: list[Tensor]) -> Tensor:
    total, *others = parts
    for other in others:
        total.add_(other)
    return total.div_(len(parts))


def _spectrum(x: Tensor) -> Tensor:
    """Split [b, columns, n_fft + 2] into log magnitude and phase, and combine them."""
    log_magnitude, raw_phase = x.chunk(2, dim=-1)
    magnitude = log_magnitude.exp().clamp_(max=_LARGEST_MAGNITUDE)
    phase = raw_phase.sin()
    return torch.cat((magnitude * phase.cos(), magnitude * phase.sin()), dim=-1)
