"""Multi-head attention over packed rows, each sequence over its own history."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.flow.groups import Group
from engines.cosyvoice.flow.layers import Linear
from engines.cosyvoice.flow.layout import Layout
from engines.cosyvoice.flow.memory import Memory

Bias = Callable[[Tensor, int, int], Tensor]
"""Scores to add, already scaled: of queries [count, heads, span, head_dim], the first of which
stands at the given position, for as many keys as given: [count, heads, span, keys]."""


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Softmax attention, scaled by ``1 / sqrt(head_dim)``.

    Attributes:
        number: names the layer in the memory.
        heads: how many heads.
        expand: makes keys and values of what is remembered, [.., width] -> [.., 2 * inner]; None
            where keys and values themselves are remembered.
    """

    number: int
    heads: int
    expand: Linear | None = None

    def __call__(
        self,
        queries: Tensor,
        remembered: Tensor,
        layout: Layout,
        memory: Memory,
        bias: Bias | None = None,
    ) -> Tensor:
        """Mix what each position may see.

        Args:
            queries: of the new rows [rows, inner], inner = heads * head_dim.
            remembered: of the new rows [rows, width]; keys beside values, or what they are
                made of.
            layout: how the rows are packed.
            memory: what came before them.
            bias: relative position scores, where the layer has them.

        Returns:
            [rows, inner] in the dtype of ``queries``.
        """
        parts = []
        for group in layout.groups:
            known = memory.recall(self.number, group, group.take(remembered))
            context = self.expand(known) if self.expand else known
            parts.append(group.give(self._mix(group.take(queries), context, group, bias)))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _mix(self, queries: Tensor, context: Tensor, group: Group, bias: Bias | None) -> Tensor:
        """[count, length, inner] and [count, past + length, 2 * inner] -> [count, length, inner].

        A span sees exactly the keys that lie before its end: each is one call over a prefix of
        the keys, and a mask is needed only where segments are padded to a common length.
        """
        inner = queries.shape[2]
        split_queries = self._split(queries)
        keys, values = self._split(context[:, :, :inner]), self._split(context[:, :, inner:])
        mixed = []
        for first, end in group.spans:
            asking, seen = split_queries[:, :, first:end], group.past + end
            scores = bias(asking, group.past + first, seen) if bias else None
            if group.padding:
                scores = _masked(scores, group.padding.present[..., :seen])
            mixed.append(
                functional.scaled_dot_product_attention(
                    asking, keys[:, :, :seen], values[:, :, :seen], scores
                )
            )
        joined = torch.cat(mixed, dim=2) if len(mixed) > 1 else mixed[0]
        return joined.transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        """[count, length, inner] -> [count, heads, length, head_dim], a view."""
        return x.view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)


def _masked(scores: Tensor | None, present: Tensor) -> Tensor:
    return present if scores is None else scores.masked_fill(~present, -torch.inf)
