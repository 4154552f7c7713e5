"""The blocks of CosyVoice 2's front: transformer layers with relative positions."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import ConformerConfig
from engines.cosyvoice.flow.attention import Attention
from engines.cosyvoice.flow.layers import LayerNorm, Linear
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory
from engines.cosyvoice.flow.weights import Weights

_NORM_EPS = 1e-12
_FIRST_REACH = 512


def distance_encodings(reach: int, width: int) -> Tensor:
    """Sinusoids of the distances ``reach - 1`` down to ``1 - reach``, [2 * reach - 1, width].

    Even channels are sines, odd ones cosines (Transformer-XL, appendix B; upstream embedding.py,
    EspnetRelPositionalEncoding). A distance is the query's position less the key's.
    """
    distances = torch.arange(reach - 1, -reach, -1, dtype=torch.float32)[:, None]
    steps = torch.arange(0, width, 2, dtype=torch.float32)
    angles = distances * torch.exp(steps * -(math.log(10_000) / width))
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)


class RelativeScores:
    """What a layer adds to its attention scores for the distance between query and key.

    Holds the projected encodings of all distances up to a reach, and doubles the reach when a
    longer sequence comes.
    """

    def __init__(self, projection: Tensor, shift: Tensor, dtype: torch.dtype) -> None:
        """
        Args:
            projection: weight of the position projection [width, width], float32.
            shift: what is added to the queries before scoring [heads, head_dim], float32.
            dtype: compute dtype.
        """
        self._projection = projection
        self._shift = shift.to(dtype)[:, None]
        self._dtype = dtype
        self._reach = 0
        self._keys = projection.new_empty(0)

    def __call__(self, queries: Tensor, past: int, seen: int) -> Tensor:
        """Scores, already scaled, of queries that stand at ``past`` and after it.

        Args:
            queries: [count, heads, length, head_dim].
            past: position of the first query.
            seen: keys stand at 0 to ``seen``.

        Returns:
            [count, heads, length, seen].
        """
        count, heads, length, _ = queries.shape
        self._extend(max(past + length, seen))
        first = self._reach - past - length
        keys = self._keys[:, :, first : first + length + seen - 1]
        scores = (queries + self._shift) @ keys
        # row i of the wanted scores starts length - 1 - i columns into row i of these
        width = length + seen - 1
        skewed = scores.as_strided(
            (count, heads, length, seen),
            (heads * length * width, length * width, width - 1, 1),
            scores.storage_offset() + length - 1,
        )
        return skewed.contiguous()  # attention kernels want aligned rows

    def _extend(self, reach: int) -> None:
        """Make sure that distances below ``reach`` are known."""
        if reach <= self._reach:
            return
        self._reach = max(_FIRST_REACH, 1 << (reach - 1).bit_length())
        heads, _, head_dim = self._shift.shape
        encodings = distance_encodings(self._reach, self._projection.shape[1])
        projected = encodings.to(self._projection.device) @ self._projection.t()
        scaled = (projected / math.sqrt(head_dim)).to(self._dtype)
        self._keys = scaled.view(-1, heads, head_dim).permute(1, 2, 0).contiguous()


@dataclass(frozen=True, slots=True, eq=False)
class ConformerLayer:
    """Self-attention with relative positions, then a feed-forward; both normalised first.

    The layer has neither a convolution nor a second feed-forward. Upstream: encoder_layer.py,
    attention.py (RelPositionMultiHeadedAttention).
    """

    norm_attention: LayerNorm
    qkv: Linear
    attention: Attention
    positions: RelativeScores
    out: Linear
    norm_feed: LayerNorm
    feed_in: Linear
    feed_out: Linear

    @classmethod
    def load(cls, weights: Weights, config: ConformerConfig, number: int) -> "ConformerLayer":
        """Take one layer; ``number`` names it in the memory."""
        width, own = config.width, weights.scope("self_attn")
        qkv, positions = _load_attention(own, config)
        return cls(
            weights.norm("norm_mha", width, _NORM_EPS),
            qkv,
            Attention(number, config.heads),
            positions,
            own.linear("linear_out", width, width),
            weights.norm("norm_ff", width, _NORM_EPS),
            weights.linear("feed_forward.w_1", config.ffn, width),
            weights.linear("feed_forward.w_2", width, config.ffn),
        )

    def __call__(self, x: Tensor, layout: Layout, memory: Memory) -> Tensor:
        """[rows, width] -> [rows, width]."""
        qkv = self.qkv(self.norm_attention(x))
        inner = x.shape[1]
        mixed = self.attention(qkv[:, :inner], qkv[:, inner:], layout, memory, self.positions)
        x = x + self.out(mixed)
        return x + self.feed_out(functional.silu(self.feed_in(self.norm_feed(x))))


def _load_attention(weights: Weights, config: ConformerConfig) -> tuple[Linear, RelativeScores]:
    """Fuse the projections; the content bias u becomes a part of the query projection's bias."""
    width = config.width
    heads = (config.heads, width // config.heads)
    content, position = weights.take("pos_bias_u", *heads), weights.take("pos_bias_v", *heads)
    names = ("linear_q", "linear_k", "linear_v")
    matrices = [weights.take(f"{name}.weight", width, width) for name in names]
    biases = [weights.take(f"{name}.bias", width) for name in names]
    biases[0] = biases[0] + content.flatten()
    projection = weights.take("linear_pos.weight", width, width)
    return (
        weights.matrix(torch.cat(matrices), torch.cat(biases)),
        RelativeScores(projection, position - content, weights.dtype),
    )
