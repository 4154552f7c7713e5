"""The stages of CosyVoice 2's U-Net: residual convolutions and transformer blocks.

Upstream: decoder.py (CausalResnetBlock1D), and Matcha-TTS, whose transformer block it uses.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import CHUNK_FRAMES, UNetConfig
from engines.cosyvoice.flow.attention import Attention
from engines.cosyvoice.flow.convolution import CausalConv
from engines.cosyvoice.flow.layers import LayerNorm, Linear, mish
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory
from engines.cosyvoice.flow.weights import Weights

KERNEL = 3
EXPANSION = 4
"""Width of the feed-forward and of the time embedding, relative to the channels."""
NORM_EPS = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Causal convolution, layer norm over channels, mish."""

    conv: CausalConv
    norm: LayerNorm

    @classmethod
    def load(cls, weights: Weights, number: int, width_out: int, width_in: int) -> "Block":
        """Take ``block.0`` and ``block.2``."""
        conv = CausalConv.load(weights, "block.0", number, width_out, width_in, KERNEL)
        return cls(conv, weights.norm("block.2", width_out, NORM_EPS))

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
    """Self-attention without positions, then a feed-forward; both normalised first.

    What is remembered of a position are its keys and values, or, if the block is loaded
    ``compact``, its normalised input, which is a quarter of that and from which they are made
    anew for every chunk.
    """

    norm_attention: LayerNorm
    project: Linear
    attention: Attention
    out: Linear
    norm_feed: LayerNorm
    feed_in: Linear
    feed_out: Linear

    @classmethod
    def load(
        cls, weights: Weights, config: UNetConfig, number: int, *, compact: bool
    ) -> "TransformerBlock":
        """Take one block; ``number`` names its attention in the memory."""
        width, inner = config.channels, config.heads * config.head_dim
        names = ("to_q", "to_k", "to_v")
        matrices = [weights.take(f"attn1.{name}.weight", inner, width) for name in names]
        expand = weights.matrix(torch.cat(matrices[1:])) if compact else None
        return cls(
            weights.norm("norm1", width, NORM_EPS),
            weights.matrix(matrices[0] if compact else torch.cat(matrices)),
            Attention(number, config.heads, expand),
            weights.linear("attn1.to_out.0", width, inner),
            weights.norm("norm3", width, NORM_EPS),
            weights.linear("ff.net.0.proj", EXPANSION * width, width),
            weights.linear("ff.net.2", width, EXPANSION * width),
        )

    @property
    def state(self) -> tuple[int, int]:
        """Positions in a block, width of what is remembered of each."""
        width, inner = self.out.weight.shape
        return CHUNK_FRAMES, width if self.attention.expand else 2 * inner

    def __call__(self, x: Tensor, layout: Layout, memory: Memory) -> Tensor:
        """[rows, channels] -> [rows, channels]."""
        normed = self.norm_attention(x).to(self.project.weight.dtype)
        projected = self.project(normed)
        inner = self.out.weight.shape[1]
        remembered = normed if self.attention.expand else projected[:, inner:]
        x = x + self.out(self.attention(projected[:, :inner], remembered, layout, memory))
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
