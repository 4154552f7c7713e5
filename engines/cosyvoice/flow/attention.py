"""Multi-head attention over packed rows, each sequence over its own history."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from engines.cosyvoice.flow.layout import Group, Layout
from engines.cosyvoice.flow.memory import Memory

Bias = Callable[[Group, tuple[int, int]], Tensor]
"""Added to the scaled scores of a span: [count, heads, span, keys]."""


def attend(
    qkv: Tensor,
    heads: int,
    layer: int,
    layout: Layout,
    memory: Memory,
    bias: Bias | None = None,
) -> Tensor:
    """Softmax attention, scaled by ``1 / sqrt(width of a head)``.

    No mask is ever built: a span sees exactly the keys that lie before its end, so each span is
    one unmasked call over a prefix of its group's keys.

    Args:
        qkv: queries, keys and values of the new rows [rows, 3 * heads * head_dim].
        heads: how many heads.
        layer: number of the attention layer, for ``memory``.
        layout: how the rows are packed.
        memory: what came before them.
        bias: relative position scores, where the layer has them.

    Returns:
        [rows, heads * head_dim] in the dtype of ``qkv``.
    """
    inner = qkv.shape[1] // 3
    mixed = qkv.new_empty(layout.rows, inner)
    for group in layout.groups:
        fresh = qkv[group.rows].view(group.count, group.length, 3 * inner)
        context = memory.recall(layer, group, fresh[:, :, inner:])
        queries = _split(fresh[:, :, :inner], heads)
        keys = _split(context[:, :, :inner], heads)
        values = _split(context[:, :, inner:], heads)
        target = mixed[group.rows].view(group.count, group.length, heads, -1).transpose(1, 2)
        for span in group.spans:
            first, end = span
            seen = group.past + end
            target[:, :, first:end] = functional.scaled_dot_product_attention(
                queries[:, :, first:end],
                keys[:, :, :seen],
                values[:, :, :seen],
                attn_mask=None if bias is None else bias(group, span),
            )
    return mixed


def _split(x: Tensor, heads: int) -> Tensor:
    """[count, length, heads * head_dim] -> [count, heads, length, head_dim], a view."""
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
