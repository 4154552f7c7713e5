"""The front: speech tokens to the mean that conditions the estimator, mu [frames, 80]."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import (
    CHUNK_FRAMES,
    CHUNK_TOKENS,
    MEL_BINS,
    TOKEN_MEL_RATIO,
    ConformerConfig,
    FlowConfig,
    LookaheadConfig,
)
from engines.cosyvoice.flow.conformer import ConformerLayer
from engines.cosyvoice.flow.convolution import CausalConv, unfolded
from engines.cosyvoice.flow.layers import LayerNorm, Linear
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.lookahead import Lookahead, TokenWindow
from engines.cosyvoice.flow.memory import Memory, StateShape
from engines.cosyvoice.flow.weights import Weights

_EMBED_EPS = 1e-5
_UPSAMPLE_KERNEL = 5


class Front(Protocol):
    """Tokens to mu."""

    @property
    def lookahead(self) -> Lookahead:
        """Its first layer."""
        ...

    @property
    def state(self) -> StateShape:
        """What it leaves in a block of 25 tokens."""
        ...

    def __call__(
        self, windows: Sequence[TokenWindow], tokens: Layout, frames: Layout, memory: Memory
    ) -> Tensor:
        """Packed mu [rows of frames, 80] in float32.

        Args:
            windows: the tokens of each segment.
            tokens: the packing at 25 Hz.
            frames: the packing at 50 Hz.
            memory: what came before.
        """
        ...


def load_front(weights: Weights, config: FlowConfig) -> Front:
    """The front that the configuration names."""
    if isinstance(config.front, ConformerConfig):
        return ConformerFront.load(weights, config.front, config.vocab)
    return LookaheadFront.load(weights, config.front, config.vocab)


@dataclass(frozen=True, slots=True, eq=False)
class LookaheadFront:
    """CosyVoice 3: every token's features, twice (flow.py, CausalMaskedDiffWithDiT)."""

    lookahead: Lookahead

    @classmethod
    def load(cls, weights: Weights, config: LookaheadConfig, vocab: int) -> "LookaheadFront":
        """Take the front's weights."""
        table = weights.take("input_embedding.weight", vocab, config.width)
        return cls(Lookahead.load(weights.scope("pre_lookahead_layer"), table, config.channels))

    @property
    def state(self) -> StateShape:
        """Nothing."""
        return StateShape((), ())

    def __call__(
        self, windows: Sequence[TokenWindow], tokens: Layout, frames: Layout, memory: Memory
    ) -> Tensor:
        """See ``Front``."""
        del tokens, frames, memory
        return self.lookahead(windows).repeat_interleave(TOKEN_MEL_RATIO, dim=0)


@dataclass(frozen=True, slots=True, eq=False)
class ConformerFront:
    """CosyVoice 2: conformer layers at 25 Hz, upsampling, conformer layers at 50 Hz.

    Upstream: upsample_encoder.py (UpsampleConformerEncoder) and flow.py (encoder_proj).
    """

    lookahead: Lookahead
    layers: tuple[ConformerLayer, ...]
    upsample: CausalConv
    up_embed: "Embed"
    up_layers: tuple[ConformerLayer, ...]
    norm: LayerNorm
    project: Linear

    @classmethod
    def load(cls, weights: Weights, config: ConformerConfig, vocab: int) -> "ConformerFront":
        """Take the front's weights."""
        width, encoder = config.width, weights.scope("encoder")
        raw = weights.take("input_embedding.weight", vocab, width)
        table = Embed.load(encoder.scope("embed").precise(), width)(raw)
        low, high = encoder.scope("encoders"), encoder.scope("up_encoders")
        return cls(
            Lookahead.load(encoder.scope("pre_lookahead_layer"), table, width),
            tuple(ConformerLayer.load(low.scope(n), config, n) for n in range(config.layers)),
            _load_upsample(encoder.scope("up_layer"), width),
            Embed.load(encoder.scope("up_embed"), width),
            tuple(
                ConformerLayer.load(high.scope(n), config, config.layers + n)
                for n in range(config.up_layers)
            ),
            encoder.norm("after_norm", width, _EMBED_EPS),
            weights.linear("encoder_proj", MEL_BINS, width),
        )

    @property
    def state(self) -> StateShape:
        """Keys and values of all layers, two positions before the upsampling."""
        width = 2 * self.norm.width
        return StateShape(
            ((CHUNK_TOKENS, width),) * len(self.layers)
            + ((CHUNK_FRAMES, width),) * len(self.up_layers),
            (self.upsample.state,),
        )

    def __call__(
        self, windows: Sequence[TokenWindow], tokens: Layout, frames: Layout, memory: Memory
    ) -> Tensor:
        """See ``Front``."""
        x = self.lookahead(windows)
        for layer in self.layers:
            x = layer(x, tokens, memory)
        x = self.upsample(x, tokens, memory).view(frames.rows, -1)
        x = self.up_embed(x)
        for layer in self.up_layers:
            x = layer(x, frames, memory)
        return self.project(self.norm(x)).float()


@dataclass(frozen=True, slots=True, eq=False)
class Embed:
    """Linear, layer norm, and the Transformer's factor sqrt(width) (subsampling.py)."""

    linear: Linear
    norm: LayerNorm

    @classmethod
    def load(cls, weights: Weights, width: int) -> "Embed":
        """Take ``out.0`` and ``out.1``."""
        return cls(weights.linear("out.0", width, width), weights.norm("out.1", width, _EMBED_EPS))

    def __call__(self, x: Tensor) -> Tensor:
        """[rows, width] -> [rows, width] in float32."""
        return self.norm(self.linear(x)) * math.sqrt(self.norm.width)


def _load_upsample(weights: Weights, width: int) -> CausalConv:
    """Doubling positions and then convolving them, as one convolution at the lower rate.

    Upstream repeats each position and convolves with a causal kernel of 5. The even output sees
    its token once and the two before it twice, the odd one sees its token twice, the one before
    twice and the second before once: two kernels of 3, whose taps are sums of the given ones.
    """
    kernel = weights.take("conv.weight", width, width, _UPSAMPLE_KERNEL)
    bias = weights.take("conv.bias", width)
    even = functional.pad(kernel, (0, 1)).view(width, width, 3, 2).sum(3)
    odd = functional.pad(kernel, (1, 0)).view(width, width, 3, 2).sum(3)
    phases = torch.cat([unfolded(even), unfolded(odd)])
    return CausalConv(0, _UPSAMPLE_KERNEL // 2, weights.matrix(phases, bias.repeat(2)))
