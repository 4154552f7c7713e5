"""The plain layers: matrix products in the compute dtype, everything else in float32.

They hold tensors and nothing else. A layer is built once, from a checkpoint, and never changes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """``x @ weight.T + bias``, with ``x`` cast to the weight's dtype first."""

    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """[..., width_in] -> [..., width_out] in the weight's dtype."""
        return functional.linear(x.to(self.weight.dtype), self.weight, self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class LayerNorm:
    """Normalisation over the last dimension; statistics, gain and bias in float32."""

    weight: Tensor
    bias: Tensor
    width: int
    eps: float

    def __call__(self, x: Tensor) -> Tensor:
        """[..., width] -> the same shape in float32."""
        return functional.layer_norm(x.float(), (self.width,), self.weight, self.bias, self.eps)


def mish(x: Tensor) -> Tensor:
    """``x * tanh(softplus(x))`` (Misra, 2019), same shape and dtype.

    With ``e = exp(x)`` this is ``x * n / (n + 2)`` where ``n = e * (e + 2)``. CPUs have a fast
    exponential and a slow tanh, which makes this form four times as fast there; beyond 20 the
    ratio is 1 in float32.
    """
    if x.is_cuda:
        return functional.mish(x)
    e = torch.exp(x.clamp(max=20.0))
    n = e * (e + 2.0)
    return x * (n / (n + 2.0))


def gelu_tanh(x: Tensor) -> Tensor:
    """The tanh approximation of GELU (Hendrycks and Gimpel, 2016), same shape and dtype.

    ``(1 + tanh(u)) / 2`` is ``sigmoid(2 u)``, which CPUs compute faster.
    """
    if x.is_cuda:
        return functional.gelu(x, approximate="tanh")
    inner = (x * x).mul_(0.044715).add_(1.0).mul_(x)
    return inner.mul_(1.5957691216057308).sigmoid_().mul_(x)
