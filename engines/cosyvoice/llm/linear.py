"""Linear maps of the language model, in the storage that the device reads fastest."""

from typing import Literal, Protocol

import torch
import torch.nn.functional as F  # noqa: N812  the usual name
from torch import Tensor

LlmWeights = Literal["native", "int8"]
"""``native``: in the compute dtype. ``int8``: one signed byte a weight, CPU only."""

_INT8_LARGEST = 127
_DEQUANTIZE_FROM_ROWS = 64


class Linear(Protocol):
    """Maps [n, in] to [n, out]."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Multiply."""
        ...


class DenseLinear:
    """The plain product, in the weights' dtype."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = weight
        self._bias = bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """Multiply."""
        return F.linear(inputs, self._weight, self._bias)


class PackedLinear:
    """The same product with the weights in oneDNN's blocked order (CPU, fp32).

    Plain weights are re-ordered in every call; packed ones are streamed once from memory, which is
    what a decode step of few rows is bound by (1.5 to 2 times faster there).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())
        self._bias = bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """Multiply."""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            inputs, self._weight, self._bias, "none", [], ""
        )
        return product


class Int8Linear:
    """Weights rounded to 8 bits with one scale for each output (symmetric), activations in bf16.

    A quarter of the memory traffic of fp32. Only the weights are quantised: a scale for the
    activations would be shared by the rows of a batch, and so let requests change each other.
    Many rows are faster with the weights expanded first.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        largest = weight.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        scale = largest / _INT8_LARGEST
        self._weight = (weight / scale).round().to(torch.int8)
        self._scale = scale[:, 0].to(torch.bfloat16)
        self._bias = bias

    def __call__(self, inputs: Tensor) -> Tensor:
        """Multiply; fp32 comes out."""
        if inputs.shape[0] >= _DEQUANTIZE_FROM_ROWS:
            product = F.linear(inputs.float(), self._weight.float()) * self._scale
        else:
            narrow = inputs.to(torch.bfloat16)
            product = torch._weight_int8pack_mm(narrow, self._weight, self._scale).float()
        return product if self._bias is None else product + self._bias


def make_linear(
    weight: Tensor, bias: Tensor | None, *, dtype: torch.dtype, weights: LlmWeights = "native"
) -> Linear:
    """Store ``weight`` [out, in] and ``bias`` [out] on the device where they lie.

    Raises:
        ValueError: int8 weights are asked for on another device than the CPU.
    """
    if weights == "int8":
        if weight.device.type not in ("cpu", "meta"):
            raise ValueError("int8 weights of the language model run on the CPU only")
        return Int8Linear(weight.float(), None if bias is None else bias.float())
    weight = weight.to(dtype)
    bias = None if bias is None else bias.to(dtype)
    packs = weight.device.type == "cpu" and dtype == torch.float32
    if packs and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return PackedLinear(weight, bias)
    return DenseLinear(weight, bias)
