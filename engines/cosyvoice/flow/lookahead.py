"""Token embedding and the look-ahead layer: the only place where the flow sees the future."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.config import LOOKAHEAD_TOKENS
from engines.cosyvoice.flow.convolution import unfolded
from engines.cosyvoice.flow.layers import Linear
from engines.cosyvoice.flow.layout import sliding
from engines.cosyvoice.flow.weights import Weights

_LOOKBACK = 2
"""Tokens of the past that the second convolution (kernel 3) sees."""
_MISSING = -1


@dataclass(frozen=True, slots=True, eq=False)
class TokenWindow:
    """The tokens that the look-ahead layer needs for a stretch of a sequence.

    ``ids`` is int64 [2 + length + 3] on the CPU, -1 where the sequence has no token.
    """

    ids: Tensor
    length: int

    @classmethod
    def cut(cls, tokens: Tensor, start: int, stop: int) -> "TokenWindow":
        """The window of positions ``start`` to ``stop`` of a whole sequence ``tokens``."""
        first, last = start - _LOOKBACK, stop + LOOKAHEAD_TOKENS
        inside = tokens[max(first, 0) : last]
        before = max(-first, 0)
        after = last - first - before - len(inside)
        return cls(functional.pad(inside, (before, after), value=_MISSING), stop - start)


@dataclass(frozen=True, slots=True, eq=False)
class Lookahead:
    """Embeds tokens; each then takes in the 3 after it and, through them, the 2 before it.

    ``table`` is [vocab, width] float32, the embedding with all that depends on the token alone.
    Nothing needs to be kept between chunks: the two tokens of the past are embedded again.
    Upstream: PreLookaheadLayer (upsample_encoder.py).
    """

    table: Tensor
    ahead: Linear
    back: Linear

    @classmethod
    def load(cls, weights: Weights, table: Tensor, channels: int) -> "Lookahead":
        """Take ``conv1`` (kernel 4, to ``channels``) and ``conv2`` (kernel 3, back)."""
        width = table.shape[1]
        conv1 = weights.take("conv1.weight", channels, width, LOOKAHEAD_TOKENS + 1)
        conv2 = weights.take("conv2.weight", width, channels, _LOOKBACK + 1)
        return cls(
            table,
            weights.matrix(unfolded(conv1), weights.take("conv1.bias", channels)),
            weights.matrix(unfolded(conv2), weights.take("conv2.bias", width)),
        )

    def __call__(self, windows: Sequence[TokenWindow]) -> Tensor:
        """Packed features [sum of lengths, width] in float32."""
        device = self.table.device
        lengths = [window.length for window in windows]
        ids = torch.cat([window.ids for window in windows]).to(device, non_blocking=True)
        present = (ids != _MISSING).unsqueeze(1)
        embedded = self.table.index_select(0, ids.clamp(min=0)) * present

        inner = [length + _LOOKBACK for length in lengths]
        starts = sliding([n + LOOKAHEAD_TOKENS for n in inner], 1 + LOOKAHEAD_TOKENS).to(device)
        seen = embedded.index_select(0, starts).view(sum(inner), -1)
        # before the sequence there is nothing, not even the convolution's bias
        own = starts[:: 1 + LOOKAHEAD_TOKENS]
        hidden = functional.leaky_relu(self.ahead(seen)) * present.index_select(0, own)

        taps = sliding(inner, 1 + _LOOKBACK).to(device)
        mixed = self.back(hidden.index_select(0, taps).view(sum(lengths), -1))
        return mixed + embedded.index_select(
            0, own.index_select(0, taps[_LOOKBACK :: 1 + _LOOKBACK])
        )
