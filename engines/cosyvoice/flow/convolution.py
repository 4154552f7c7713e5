"""Causal convolutions over packed rows, continued from what each sequence had before."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.flow.layers import Linear
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory
from engines.cosyvoice.flow.weights import Weights


@dataclass(frozen=True, slots=True, eq=False)
class CausalConv:
    """A convolution that sees ``context`` positions of the past, as one matrix product.

    ``number`` names the convolution in the memory.
    """

    number: int
    context: int
    linear: Linear

    @classmethod
    def load(
        cls, weights: Weights, name: str, number: int, width_out: int, width_in: int, kernel: int
    ) -> "CausalConv":
        """Take the convolution ``name`` of weight [width_out, width_in, kernel]."""
        kernels = weights.take(f"{name}.weight", width_out, width_in, kernel)
        bias = weights.take(f"{name}.bias", width_out)
        return cls(number, kernel - 1, weights.matrix(unfolded(kernels), bias))

    @property
    def state(self) -> tuple[int, int]:
        """Positions of context, width of the input."""
        return self.context, self.linear.weight.shape[1] // (self.context + 1)

    def __call__(self, x: Tensor, layout: Layout, memory: Memory) -> Tensor:
        """[rows, width_in] -> [rows, width_out]."""
        x = x.to(self.linear.weight.dtype)
        joined = memory.precede(self.number, self.context, x, layout)
        seen = joined.index_select(0, layout.windows(self.context))
        return self.linear(seen.view(layout.rows, -1))


@dataclass(frozen=True, slots=True, eq=False)
class GroupedCausalConv:
    """A causal convolution in channel groups, for kernels too long to unfold.

    Sequences are laid end to end, each behind its own context, so that one call serves all.
    """

    number: int
    weight: Tensor
    bias: Tensor

    @classmethod
    def load(
        cls, weights: Weights, name: str, number: int, width: int, kernel: int, groups: int
    ) -> "GroupedCausalConv":
        """Take the convolution ``name`` of weight [width, width / groups, kernel]."""
        kernels = weights.take(f"{name}.weight", width, width // groups, kernel)
        bias = weights.take(f"{name}.bias", width)
        return cls(number, kernels.to(weights.dtype), bias.to(weights.dtype))

    @property
    def context(self) -> int:
        """Positions of the past that it sees."""
        return self.weight.shape[2] - 1

    @property
    def state(self) -> tuple[int, int]:
        """Positions of context, width of the input."""
        return self.context, self.weight.shape[0]

    def __call__(self, x: Tensor, layout: Layout, memory: Memory) -> Tensor:
        """[rows, width] -> [rows, width]."""
        joined = memory.precede(self.number, self.context, x.to(self.weight.dtype), layout)
        inputs, outputs = layout.padded(self.context)
        sequence = joined.index_select(0, inputs).t().unsqueeze(0)
        groups = self.weight.shape[0] // self.weight.shape[1]
        mixed = functional.conv1d(sequence, self.weight, self.bias, groups=groups)
        return mixed.squeeze(0).t().index_select(0, outputs)


def unfolded(kernels: Tensor) -> Tensor:
    """[out, in, kernel] -> [out, kernel * in], as windows of rows want it."""
    return kernels.transpose(1, 2).flatten(1)
