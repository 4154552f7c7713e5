"""CosyVoice 3's estimator: a diffusion transformer.

Upstream: DiT/dit.py and DiT/modules.py, after F5-TTS and Peebles and Xie (2022). All modulation
(shift, scale, gate) depends on the time alone. The solver's times are fixed, so the modulations
are computed at load and their weights, two fifths of the checkpoint, are not kept.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import CHUNK_FRAMES, MEL_BINS, DitConfig
from engines.cosyvoice.flow.attention import Attention
from engines.cosyvoice.flow.convolution import GroupedCausalConv
from engines.cosyvoice.flow.layers import LayerNorm, Linear, gelu_tanh, mish
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory, StateShape
from engines.cosyvoice.flow.time_grid import TimeGrid, sinusoids
from engines.cosyvoice.flow.weights import Weights

_TIME_WIDTH = 256
_NORM_EPS = 1e-6
_CONDITIONS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Modulation:
    """Norms and gates of one block, one of each for every solver step."""

    norm_attention: tuple[LayerNorm, ...]
    gate_attention: Tensor
    norm_feed: tuple[LayerNorm, ...]
    gate_feed: Tensor

    @classmethod
    def load(cls, weights: Weights, times: Tensor) -> "Modulation":
        """Take ``attn_norm``; ``times`` is the activated time embedding [steps, dim]."""
        dim = times.shape[1]
        table = weights.precise().linear("attn_norm.linear", 6 * dim, dim)(times)
        shift, scale, gate, feed_shift, feed_scale, feed_gate = table.chunk(6, dim=1)
        return cls(_modulated(scale, shift), gate, _modulated(feed_scale, feed_shift), feed_gate)


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """Rotary positions: cosines and sines of the batch's rows, [rows, 1, pairs] each.

    Upstream rotates before the heads are split, so only the first head turns (DiT/modules.py,
    AttnProcessor). Neighbouring channels form a pair.
    """

    cosine: Tensor
    sine: Tensor

    def __call__(self, qkv: Tensor) -> None:
        """Turn the first head of queries and keys in place; ``qkv`` is [rows, 3 * inner]."""
        pairs = self.cosine.shape[2]
        heads = qkv.view(len(qkv), 3, -1, pairs, 2)[:, :2, 0]
        even, odd = heads[..., 0].float(), heads[..., 1].float()
        turned_even = even * self.cosine - odd * self.sine
        turned_odd = odd * self.cosine + even * self.sine
        heads[..., 0] = turned_even
        heads[..., 1] = turned_odd


@dataclass(frozen=True, slots=True, eq=False)
class DitBlock:
    """Modulated self-attention and feed-forward."""

    modulation: Modulation
    qkv: Linear
    attention: Attention
    out: Linear
    feed_in: Linear
    feed_out: Linear

    @classmethod
    def load(cls, weights: Weights, config: DitConfig, number: int, times: Tensor) -> "DitBlock":
        """Take one block; ``number`` names it in the memory."""
        dim, inner, own = config.dim, config.heads * config.head_dim, weights.scope("attn")
        names = ("to_q", "to_k", "to_v")
        matrices = [own.take(f"{name}.weight", inner, dim) for name in names]
        biases = [own.take(f"{name}.bias", inner) for name in names]
        return cls(
            Modulation.load(weights, times),
            weights.matrix(torch.cat(matrices), torch.cat(biases)),
            Attention(number, config.heads),
            own.linear("to_out.0", dim, inner),
            weights.linear("ff.ff.0.0", config.ff_mult * dim, dim),
            weights.linear("ff.ff.2", dim, config.ff_mult * dim),
        )

    def __call__(
        self, x: Tensor, step: int, rotation: Rotation, layout: Layout, memory: Memory
    ) -> Tensor:
        """[rows, dim] -> [rows, dim]."""
        modulation = self.modulation
        qkv = self.qkv(modulation.norm_attention[step](x))
        rotation(qkv)
        inner = qkv.shape[1] // 3
        mixed = self.attention(qkv[:, :inner], qkv[:, inner:], layout, memory)
        x = torch.addcmul(x, modulation.gate_attention[step], self.out(mixed))
        fed = self.feed_out(gelu_tanh(self.feed_in(modulation.norm_feed[step](x))))
        return torch.addcmul(x, modulation.gate_feed[step], fed)


@dataclass(frozen=True, slots=True, eq=False)
class Dit:
    """The estimator.

    The input projection is split: ``project_state`` takes x at every step, ``project_condition``
    takes the rest once for each solve. ``angles`` is [positions, head_dim / 2].
    """

    project_state: Linear
    project_condition: Linear
    position_convs: tuple[GroupedCausalConv, GroupedCausalConv]
    cosines: Tensor
    sines: Tensor
    blocks: tuple[DitBlock, ...]
    norm_out: tuple[LayerNorm, ...]
    project_out: Linear

    @classmethod
    def load(cls, weights: Weights, config: DitConfig, grid: TimeGrid, positions: int) -> "Dit":
        """Take all weights of the estimator; sequences have up to ``positions`` frames."""
        dim = config.dim
        times = functional.silu(_time_embedding(weights.scope("time_embed.time_mlp"), dim, grid))
        state, condition = _load_input(weights.scope("input_embed.proj"), dim)
        convs = weights.scope("input_embed.conv_pos_embed")
        angles = _angles(weights.scope("rotary_embed"), config.head_dim // 2, positions)
        blocks = weights.scope("transformer_blocks")
        return cls(
            state,
            condition,
            (_load_position_conv(convs, config, 0), _load_position_conv(convs, config, 1)),
            angles.cos(),
            angles.sin(),
            tuple(DitBlock.load(blocks.scope(n), config, n, times) for n in range(config.depth)),
            _load_final_norm(weights, times),
            weights.linear("proj_out", MEL_BINS, dim),
        )

    @property
    def state(self) -> StateShape:
        """Keys and values of all blocks, the contexts of the position convolutions."""
        width = self.blocks[0].qkv.weight.shape[0] * 2 // 3
        return StateShape(
            ((CHUNK_FRAMES, width),) * len(self.blocks),
            tuple(conv.state for conv in self.position_convs),
        )

    def condition(self, mu: Tensor, speaker: Tensor, prompt: Tensor) -> Tensor:
        """See ``Estimator``: their part of the input projection."""
        return self.project_condition(torch.cat([mu, speaker, prompt], dim=1)).float()

    def __call__(
        self, x: Tensor, condition: Tensor, step: int, layout: Layout, memory: Memory
    ) -> Tensor:
        """See ``Estimator``."""
        x = self.project_state(x) + condition
        mixed = x
        for conv in self.position_convs:
            mixed = mish(conv(mixed, layout, memory))
        x = x + mixed
        rotation = self._rotation(layout)
        for block in self.blocks:
            x = block(x, step, rotation, layout, memory)
        return self.project_out(self.norm_out[step](x)).float()

    def _rotation(self, layout: Layout) -> Rotation:
        return Rotation(
            self.cosines.index_select(0, layout.positions).unsqueeze(1),
            self.sines.index_select(0, layout.positions).unsqueeze(1),
        )


def _modulated(scale: Tensor, shift: Tensor) -> tuple[LayerNorm, ...]:
    """``norm(x) * (1 + scale) + shift`` for each step, as plain layer norms with gain and bias."""
    return tuple(
        LayerNorm(gain, bias, gain.shape[0], _NORM_EPS)
        for gain, bias in zip(1 + scale, shift.clone(), strict=True)
    )


def _time_embedding(weights: Weights, dim: int, grid: TimeGrid) -> Tensor:
    """[steps, dim] in float32."""
    precise = weights.precise()
    waves = sinusoids(grid.times, _TIME_WIDTH, weights.device)
    hidden = functional.silu(precise.linear("0", dim, _TIME_WIDTH)(waves))
    return precise.linear("2", dim, dim)(hidden)


def _load_input(weights: Weights, dim: int) -> tuple[Linear, Linear]:
    """Upstream concatenates x, prompt, mu and speaker; ours are x, and mu, speaker, prompt."""
    weight = weights.take("weight", dim, (1 + _CONDITIONS) * MEL_BINS)
    state, prompt, mu, speaker = weight.chunk(1 + _CONDITIONS, dim=1)
    condition = torch.cat([mu, speaker, prompt], dim=1)
    return weights.matrix(state), weights.matrix(condition, weights.take("bias", dim))


def _load_position_conv(weights: Weights, config: DitConfig, number: int) -> GroupedCausalConv:
    return GroupedCausalConv.load(
        weights,
        f"conv{number + 1}.0",
        number,
        config.dim,
        config.conv_kernel,
        config.conv_groups,
    )


def _load_final_norm(weights: Weights, times: Tensor) -> tuple[LayerNorm, ...]:
    dim = times.shape[1]
    table = weights.precise().linear("norm_out.linear", 2 * dim, dim)(times)
    scale, shift = table.chunk(2, dim=1)
    return _modulated(scale, shift)


def _angles(weights: Weights, pairs: int, positions: int) -> Tensor:
    frequencies = weights.take("inv_freq", pairs)
    steps = torch.arange(positions, dtype=torch.float32, device=weights.device)
    return steps[:, None] * frequencies
