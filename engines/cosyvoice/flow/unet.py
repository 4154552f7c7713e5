"""CosyVoice 2's estimator: a U-Net of one level, convolutions and transformer blocks in turn.

Upstream: decoder.py (CausalConditionalDecoder), after Matcha-TTS. Nothing is downsampled.
"""

from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import MEL_BINS, UNetConfig
from engines.cosyvoice.flow.convolution import CausalConv
from engines.cosyvoice.flow.layers import Linear, mish
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory, StateShape
from engines.cosyvoice.flow.stages import (
    EXPANSION,
    KERNEL,
    Block,
    ResnetBlock,
    Stage,
    TransformerBlock,
)
from engines.cosyvoice.flow.time_grid import TimeGrid, sinusoids
from engines.cosyvoice.flow.weights import Weights

_INPUT_WIDTH = 4 * MEL_BINS
"""State, mean, speaker and prompt, side by side."""


@dataclass(frozen=True, slots=True, eq=False)
class UNet:
    """The estimator; ``up`` sees the output of ``down`` beside that of ``middle``."""

    down: Stage
    after_down: CausalConv
    middle: tuple[Stage, ...]
    up: Stage
    after_up: CausalConv
    final: Block
    project: Linear

    @classmethod
    def load(cls, weights: Weights, config: UNetConfig, grid: TimeGrid, *, compact: bool) -> "UNet":
        """Take all weights of the estimator; ``compact`` is about what its blocks remember."""
        return _Loader(weights, config, grid, compact=compact).load()

    @property
    def state(self) -> StateShape:
        """Keys and values of all attentions, the contexts of all convolutions."""
        stages = (self.down, *self.middle, self.up)
        attentions = [block.state for stage in stages for block in stage.transformers]
        convolutions = [
            *self.down.resnet.convolutions,
            self.after_down,
            *(conv for stage in self.middle for conv in stage.resnet.convolutions),
            *self.up.resnet.convolutions,
            self.after_up,
            self.final.conv,
        ]
        return StateShape(tuple(attentions), tuple(conv.state for conv in convolutions))

    def condition(self, mu: Tensor, speaker: Tensor, prompt: Tensor) -> Tensor:
        """See ``Estimator``: the three side by side."""
        return torch.cat([mu, speaker, prompt], dim=1)

    def __call__(
        self, x: Tensor, condition: Tensor, step: int, layout: Layout, memory: Memory
    ) -> Tensor:
        """See ``Estimator``."""
        skip = self.down(torch.cat([x, condition], dim=1), step, layout, memory)
        x = self.after_down(skip, layout, memory)
        for stage in self.middle:
            x = stage(x, step, layout, memory)
        x = self.up(torch.cat([x, skip], dim=1), step, layout, memory)
        x = self.final(self.after_up(x, layout, memory), layout, memory)
        return self.project(x).float()


class _Loader:
    """Builds the stages in the order of the data flow, numbering attentions and convolutions."""

    def __init__(
        self, weights: Weights, config: UNetConfig, grid: TimeGrid, *, compact: bool
    ) -> None:
        self._weights = weights
        self._config = config
        self._compact = compact
        self._attentions = count()
        self._convolutions = count()
        self._times = mish(_time_embedding(weights.scope("time_mlp"), config, grid))

    def load(self) -> UNet:
        weights, width = self._weights, self._config.channels
        down = self._stage("down_blocks.0", _INPUT_WIDTH)
        after_down = self._conv("down_blocks.0.2")
        middle = tuple(self._stage(f"mid_blocks.{n}", width) for n in range(self._config.mid))
        up = self._stage("up_blocks.0", 2 * width)
        after_up = self._conv("up_blocks.0.2")
        final = Block.load(weights.scope("final_block"), next(self._convolutions), width, width)
        kernel = weights.take("final_proj.weight", MEL_BINS, width, 1)
        project = weights.matrix(kernel.squeeze(2), weights.take("final_proj.bias", MEL_BINS))
        return UNet(down, after_down, middle, up, after_up, final, project)

    def _stage(self, name: str, width_in: int) -> Stage:
        weights = self._weights.scope(name)
        widths = (self._config.channels, width_in)
        resnet = ResnetBlock.load(weights.scope(0), self._convolutions, widths, self._times)
        blocks = [self._transformer(weights.scope(1).scope(n)) for n in range(self._config.blocks)]
        return Stage(resnet, tuple(blocks))

    def _transformer(self, weights: Weights) -> TransformerBlock:
        number = next(self._attentions)
        return TransformerBlock.load(weights, self._config, number, compact=self._compact)

    def _conv(self, name: str) -> CausalConv:
        width = self._config.channels
        number = next(self._convolutions)
        return CausalConv.load(self._weights, name, number, width, width, KERNEL)


def _time_embedding(weights: Weights, config: UNetConfig, grid: TimeGrid) -> Tensor:
    """[steps, 4 * channels] in float32."""
    width, precise = EXPANSION * config.channels, weights.precise()
    waves = sinusoids(grid.times, _INPUT_WIDTH, weights.device)
    hidden = functional.silu(precise.linear("linear_1", width, _INPUT_WIDTH)(waves))
    return precise.linear("linear_2", width, width)(hidden)
