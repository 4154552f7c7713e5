"""One Qwen2 decoder layer: grouped-query attention and a gated feed-forward (SwiGLU)."""

from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.config import LlmConfig
from engines.cosyvoice.llm.attention import AttentionPlan, attend
from engines.cosyvoice.llm.linear import Linear, LlmWeights, make_linear
from engines.cosyvoice.llm.rope import rotate
from engines.cosyvoice.weights import StateReader


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the weights lie and how they are stored."""

    device: torch.device
    dtype: torch.dtype
    weights: LlmWeights

    def linear(self, weight: Tensor, bias: Tensor | None = None) -> Linear:
        """Place one linear map, [out, in]."""
        moved = None if bias is None else bias.to(self.device)
        return make_linear(weight.to(self.device), moved, dtype=self.dtype, weights=self.weights)

    def vector(self, values: Tensor) -> Tensor:
        """Place a vector that stays in fp32."""
        return values.to(self.device, torch.float32)


class RmsNorm:
    """Root-mean-square norm (Zhang and Sennrich, 2019), statistics in fp32."""

    def __init__(self, weight: Tensor, eps: float, dtype: torch.dtype) -> None:
        self._weight = weight
        self._eps = eps
        self._dtype = dtype

    def __call__(self, hidden: Tensor) -> Tensor:
        """Norm fp32 [n, hidden] to the linear maps' dtype."""
        return F.rms_norm(hidden, self._weight.shape, self._weight, self._eps).to(self._dtype)


@dataclass(frozen=True, slots=True)
class DecoderLayer:
    """Pre-norm attention and feed-forward around an fp32 residual stream."""

    config: LlmConfig
    attention_norm: RmsNorm
    qkv: Linear
    output: Linear
    ffn_norm: RmsNorm
    gate_up: Linear
    down: Linear

    @classmethod
    def load(cls, reader: StateReader, name: str, config: LlmConfig, place: Placement) -> Self:
        """Read the layer called ``name``; queries, keys and values become one product."""
        hidden, ffn = config.hidden, config.ffn
        widths = {
            "q": config.heads * config.head_dim,
            "k": config.kv_heads * config.head_dim,
            "v": config.kv_heads * config.head_dim,
        }
        attention = f"{name}.self_attn"
        qkv_weight = [
            reader.take(f"{attention}.{part}_proj.weight", width, hidden)
            for part, width in widths.items()
        ]
        qkv_bias = [
            reader.take(f"{attention}.{part}_proj.bias", width) for part, width in widths.items()
        ]
        gate_up = [
            reader.take(f"{name}.mlp.{part}_proj.weight", ffn, hidden) for part in ("gate", "up")
        ]
        output = reader.take(f"{attention}.o_proj.weight", hidden, widths["q"])
        down = reader.take(f"{name}.mlp.down_proj.weight", hidden, ffn)

        def norm(which: str) -> RmsNorm:
            weight = place.vector(reader.take(f"{name}.{which}_layernorm.weight", hidden))
            return RmsNorm(weight, config.norm_eps, place.dtype)

        return cls(
            config=config,
            attention_norm=norm("input"),
            qkv=place.linear(torch.cat(qkv_weight), torch.cat(qkv_bias)),
            output=place.linear(output),
            ffn_norm=norm("post_attention"),
            gate_up=place.linear(torch.cat(gate_up)),
            down=place.linear(down),
        )

    def forward(
        self, hidden: Tensor, cached: Tensor, plan: AttentionPlan, rotary: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Map the residual stream [n, hidden] fp32, and extend this layer's cache."""
        hidden = hidden + self.output(self._attention(hidden, cached, plan, rotary))
        gate, up = self.gate_up(self.ffn_norm(hidden)).chunk(2, dim=-1)
        return hidden + self.down(F.silu(gate) * up)

    def _attention(
        self, hidden: Tensor, cached: Tensor, plan: AttentionPlan, rotary: tuple[Tensor, Tensor]
    ) -> Tensor:
        config = self.config
        packed = self.qkv(self.attention_norm(hidden))
        heads = packed.view(packed.shape[0], -1, config.head_dim)
        turned = rotate(heads[:, : config.heads + config.kv_heads], *rotary).to(cached.dtype)
        return attend(
            turned[:, : config.heads],
            turned[:, config.heads :],
            heads[:, config.heads + config.kv_heads :].to(cached.dtype),
            cached,
            plan,
        )
