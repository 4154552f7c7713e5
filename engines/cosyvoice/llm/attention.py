"""Attention of a ragged batch over the slots of the key/value cache.

A batch mixes rows that add one position (decoding) with spans that add several (a prompt, or a
piece of one). Linear layers see all positions packed, [positions, width]; attention is computed
for all rows at once and for each span over its own slot. Grouped queries share a key head, so the
group stands where scaled_dot_product_attention expects queries (rows) or heads (spans), and keys
are never repeated in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.llm.cache import KvCache


@dataclass(frozen=True, slots=True)
class SpanPlan:
    """Positions ``first`` to ``last`` of the batch go into ``slot``, which then holds ``seen``."""

    first: int
    last: int
    slot: int
    seen: int
    mask: Tensor | None
    """Bool [last - first, seen], or None where the span starts its slot and is plainly causal."""


@dataclass(frozen=True, slots=True)
class AttentionPlan:
    """Where each new position is written, and what it sees; the same for every layer."""

    positions: Tensor
    """Position in its request, int64 [n]."""
    cells: Tensor
    """Place in the flattened cache, int64 [n]."""
    rows: int
    row_slots: slice | Tensor
    rows_seen: int
    row_mask: Tensor | None
    """Additive [rows, 1, 1, rows_seen], or None where all rows are equally long."""
    spans: tuple[SpanPlan, ...]

    @classmethod
    def of(cls, cache: KvCache, turns: Sequence[tuple[int, int]]) -> Self:
        """Plan ``turns``, (slot, new positions) each; those with one position come first."""
        device, dtype = cache.layers[0].device, cache.layers[0].dtype
        starts = [cache.lengths[slot] for slot, _ in turns]
        positions = [
            start + step
            for start, (_, count) in zip(starts, turns, strict=True)
            for step in range(count)
        ]
        bases = [slot * cache.capacity for slot, count in turns for _ in range(count)]
        where = torch.tensor([positions, bases], device=device)
        slots = [slot for slot, count in turns if count == 1]
        seen = [start + 1 for start in starts[: len(slots)]]
        return cls(
            positions=where[0],
            cells=where[0] + where[1],
            rows=len(slots),
            row_slots=_slot_index(slots, device),
            rows_seen=max(seen, default=0),
            row_mask=_row_mask(seen, where[0, : len(slots)], dtype),
            spans=tuple(_span_plans(turns[len(slots) :], starts[len(slots) :], len(slots), device)),
        )


def _slot_index(slots: Sequence[int], device: torch.device) -> slice | Tensor:
    """Neighbouring slots are a view of the cache; others must be gathered."""
    if slots and list(slots) == list(range(slots[0], slots[0] + len(slots))):
        return slice(slots[0], slots[0] + len(slots))
    return torch.tensor(slots, dtype=torch.int64, device=device)


def _row_mask(seen: Sequence[int], positions: Tensor, dtype: torch.dtype) -> Tensor | None:
    if len(set(seen)) < 2:
        return None
    hidden = torch.arange(max(seen), device=positions.device) > positions[:, None]
    mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
    return mask.masked_fill_(hidden, float("-inf"))[:, None, None]


def _span_plans(
    turns: Sequence[tuple[int, int]], starts: Sequence[int], first: int, device: torch.device
) -> list[SpanPlan]:
    plans = []
    for (slot, count), start in zip(turns, starts, strict=True):
        seen = start + count
        mask = None
        if start > 0:
            mask = torch.ones((count, seen), dtype=torch.bool, device=device).tril_(start)
        plans.append(SpanPlan(first, first + count, slot, seen, mask))
        first += count
    return plans


def attend(
    queries: Tensor, keys: Tensor, values: Tensor, layer: Tensor, plan: AttentionPlan
) -> Tensor:
    """Write the new keys and values into ``layer`` and attend.

    Args:
        queries: [n, heads, head_dim], rotated.
        keys: [n, kv_heads, head_dim], rotated.
        values: [n, kv_heads, head_dim].
        layer: one layer of the cache, [slots, capacity, 2, kv_heads, head_dim]; changed.

    Returns:
        [n, heads * head_dim].
    """
    layer.flatten(0, 1).index_copy_(0, plan.cells, torch.stack((keys, values), dim=1))
    grouped = queries.view(queries.shape[0], keys.shape[1], -1, keys.shape[2])
    parts = [_attend_span(grouped[span.first : span.last], layer, span) for span in plan.spans]
    if plan.rows:
        parts.insert(0, _attend_rows(grouped[: plan.rows], layer, plan))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _attend_rows(grouped: Tensor, layer: Tensor, plan: AttentionPlan) -> Tensor:
    """``grouped`` [rows, kv_heads, group, head_dim]: the group takes the place of time."""
    live = layer[plan.row_slots, : plan.rows_seen]
    keys, values = live.permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=plan.row_mask)
    return mixed.reshape(plan.rows, -1)


def _attend_span(grouped: Tensor, layer: Tensor, span: SpanPlan) -> Tensor:
    """``grouped`` [n, kv_heads, group, head_dim]: key heads take the place of the batch."""
    live = layer[span.slot, : span.seen]
    keys, values = live.permute(1, 2, 0, 3).unsqueeze(2)
    queries = grouped.permute(1, 2, 0, 3)
    shared = (-1, queries.shape[1], -1, -1)
    mixed = F.scaled_dot_product_attention(
        queries,
        keys.expand(shared),
        values.expand(shared),
        attn_mask=span.mask,
        is_causal=span.mask is None,
    )
    return mixed.permute(2, 0, 1, 3).reshape(grouped.shape[0], -1)
