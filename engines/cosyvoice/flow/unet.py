"""CosyVoice 2's estimator: a U-Net of one level, convolutions and transformer blocks in turn.

Upstream: decoder.py (CausalConditionalDecoder), after Matcha-TTS. Nothing is downsampled.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import CHUNK_FRAMES, MEL_BINS, UNetConfig
from engines.cosyvoice.flow.attention import attend
from engines.cosyvoice.flow.convolution import CausalConv
from engines.cosyvoice.flow.layers import LayerNorm, Linear, mish
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory, StateShape
from engines.cosyvoice.flow.time_grid import TimeGrid, sinusoids
from engines.cosyvoice.flow.weights import Weights

_INPUT_WIDTH = 4 * MEL_BINS
"""State, mean, speaker and prompt, side by side."""
_KERNEL = 3
_NORM_EPS = 1e-5
_EXPANSION = 4
"""Width of the feed-forward and of the time embedding, relative to the channels."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Causal convolution, layer norm over channels, mish."""

    conv: CausalConv
    norm: LayerNorm

    @classmethod
    def load(cls, weights: Weights, number: int, width_out: int, width_in: int) -> "Block":
        """Take ``block.0`` and ``block.2``."""
        conv = CausalConv.load(weights, "block.0", number, width_out, width_in, _KERNEL)
        return cls(conv, weights.norm("block.2", width_out, _NORM_EPS))

    def __call__(self, x: Tensor, layout: Layout, memory: Memory) -> Tensor:
        """[rows, width_in] -> [rows, width_out]."""
        return mish(self.norm(self.conv(x, layout, memory)))


@dataclass(frozen=True, slots=True, eq=False)
class ResnetBlock:
    """Two blocks with the time added between them, around a linear shortcut.

    ``time_shifts`` is [steps, width_out], float32: the time's part, for the solver's fixed times.
    """

    first: Block
    second: Block
    shortcut: Linear
    time_shifts: Tensor

    @classmethod
    def load(
        cls, weights: Weights, numbers: Iterator[int], widths: tuple[int, int], times: Tensor
    ) -> "ResnetBlock":
        """Take one block of ``widths`` (out, in); ``times`` is the activated time embedding."""
        width_out, width_in = widths
        to_shift = weights.precise().linear("mlp.1", width_out, times.shape[1])
        kernel = weights.take("res_conv.weight", width_out, width_in, 1)
        return cls(
            Block.load(weights.scope("block1"), next(numbers), width_out, width_in),
            Block.load(weights.scope("block2"), next(numbers), width_out, width_out),
            weights.matrix(kernel.squeeze(2), weights.take("res_conv.bias", width_out)),
            to_shift(times),
        )

    @property
    def convolutions(self) -> tuple[CausalConv, CausalConv]:
        """Both, in the order of the data flow."""
        return self.first.conv, self.second.conv

    def __call__(self, x: Tensor, step: int, layout: Layout, memory: Memory) -> Tensor:
        """[rows, width_in] -> [rows, width_out]."""
        hidden = self.first(x, layout, memory) + self.time_shifts[step]
        return self.second(hidden, layout, memory) + self.shortcut(x)


@dataclass(frozen=True, slots=True, eq=False)
class TransformerBlock:
    """Self-attention without positions, then a feed-forward; both normalised first."""

    number: int
    heads: int
    norm_attention: LayerNorm
    qkv: Linear
    out: Linear
    norm_feed: LayerNorm
    feed_in: Linear
    feed_out: Linear

    @classmethod
    def load(cls, weights: Weights, config: UNetConfig, number: int) -> "TransformerBlock":
        """Take one block; ``number`` names its attention in the memory."""
        width, inner = config.channels, config.heads * config.head_dim
        names = ("to_q", "to_k", "to_v")
        matrices = [weights.take(f"attn1.{name}.weight", inner, width) for name in names]
        return cls(
            number,
            config.heads,
            weights.norm("norm1", width, _NORM_EPS),
            weights.matrix(torch.cat(matrices)),
            weights.linear("attn1.to_out.0", width, inner),
            weights.norm("norm3", width, _NORM_EPS),
            weights.linear("ff.net.0.proj", _EXPANSION * width, width),
            weights.linear("ff.net.2", width, _EXPANSION * width),
        )

    def __call__(self, x: Tensor, layout: Layout, memory: Memory) -> Tensor:
        """[rows, channels] -> [rows, channels]."""
        qkv = self.qkv(self.norm_attention(x))
        x = x + self.out(attend(qkv, self.heads, self.number, layout, memory))
        return x + self.feed_out(functional.gelu(self.feed_in(self.norm_feed(x))))


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A residual block and its transformer blocks."""

    resnet: ResnetBlock
    transformers: tuple[TransformerBlock, ...]

    def __call__(self, x: Tensor, step: int, layout: Layout, memory: Memory) -> Tensor:
        """[rows, width_in] -> [rows, channels]."""
        x = self.resnet(x, step, layout, memory)
        for transformer in self.transformers:
            x = transformer(x, layout, memory)
        return x


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
    def load(cls, weights: Weights, config: UNetConfig, grid: TimeGrid) -> "UNet":
        """Take all weights of the estimator."""
        return _Loader(weights, config, grid).load()

    @property
    def state(self) -> StateShape:
        """Keys and values of all attentions, the contexts of all convolutions."""
        stages = (self.down, *self.middle, self.up)
        attentions = sum(len(stage.transformers) for stage in stages)
        width = self.down.transformers[0].qkv.weight.shape[0] * 2 // 3
        convolutions = [
            *self.down.resnet.convolutions,
            self.after_down,
            *(conv for stage in self.middle for conv in stage.resnet.convolutions),
            *self.up.resnet.convolutions,
            self.after_up,
            self.final.conv,
        ]
        return StateShape(
            ((CHUNK_FRAMES, width),) * attentions, tuple(conv.state for conv in convolutions)
        )

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

    def __init__(self, weights: Weights, config: UNetConfig, grid: TimeGrid) -> None:
        self._weights = weights
        self._config = config
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
        blocks = weights.scope(1)
        transformers = [
            TransformerBlock.load(blocks.scope(n), self._config, next(self._attentions))
            for n in range(self._config.blocks)
        ]
        return Stage(resnet, tuple(transformers))

    def _conv(self, name: str) -> CausalConv:
        width = self._config.channels
        number = next(self._convolutions)
        return CausalConv.load(self._weights, name, number, width, width, _KERNEL)


def _time_embedding(weights: Weights, config: UNetConfig, grid: TimeGrid) -> Tensor:
    """[steps, 4 * channels] in float32."""
    width, precise = _EXPANSION * config.channels, weights.precise()
    waves = sinusoids(grid.times, _INPUT_WIDTH, weights.device)
    hidden = functional.silu(precise.linear("linear_1", width, _INPUT_WIDTH)(waves))
    return precise.linear("linear_2", width, width)(hidden)
