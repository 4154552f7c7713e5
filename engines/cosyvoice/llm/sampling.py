"""Repetition-aware sampling (Chen et al., VALL-E 2, 2024) over a batch, on the device.

The candidates are upstream's (cosyvoice/utils/common.py, ras_sampling): tokens in falling order of
probability, ties by lower id, while the sum before a token is below top_p, at most top_k. If the
draw was already made often enough in the last outputs, it is struck out and the token is drawn
from all others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from engines.cosyvoice.config import SamplingConfig

Draw = Callable[[Tensor], Tensor]
"""Picks one column in each row of weights [b, n] (not normalised); int64 [b]."""

GREEDY = SamplingConfig(top_k=1, tau=2.0)
"""Always the likeliest token: one candidate, and a repetition limit that is never reached."""

_NO_TOKEN = -1


class Candidates(NamedTuple):
    """What the first draw chooses among."""

    ids: Tensor
    """int64 [b, k], the likeliest first."""
    weights: Tensor
    """Probabilities, not renormalised; fp32 [b, k], zero where a token is left out."""


@dataclass(frozen=True, slots=True)
class SamplingRows:
    """The settings and recent outputs of each request in a batch, on the device."""

    top_p: Tensor
    """fp32 [b]."""
    top_k: Tensor
    """[b]."""
    repeat_limit: Tensor
    """[b]: so many occurrences in the window strike a token out (window * tau)."""
    recent: Tensor
    """The last outputs, [b, window], -1 where there were fewer."""
    largest_k: int

    @classmethod
    def of(
        cls,
        settings: Sequence[SamplingConfig],
        histories: Sequence[Sequence[int]],
        device: torch.device,
    ) -> Self:
        """Gather ``settings`` and the tails of ``histories``, with one copy to the device."""
        width = max(setting.window for setting in settings)
        rows = torch.tensor(
            [
                (
                    setting.top_p,
                    setting.top_k,
                    setting.window * setting.tau,
                    *_recent(history, setting.window, width),
                )
                for setting, history in zip(settings, histories, strict=True)
            ],
            dtype=torch.float64,
        ).to(device)
        return cls(
            top_p=rows[:, 0].float(),
            top_k=rows[:, 1],
            repeat_limit=rows[:, 2],
            recent=rows[:, 3:],
            largest_k=max(setting.top_k for setting in settings),
        )


def _recent(history: Sequence[int], window: int, width: int) -> list[int]:
    tail = list(history[-window:])
    return tail + [_NO_TOKEN] * (width - len(tail))


def nucleus(scores: Tensor, rows: SamplingRows) -> Candidates:
    """Select the candidates of ``scores`` [b, vocabulary] (log-probabilities, fp32)."""
    ordered, ids = scores.softmax(dim=-1).sort(dim=-1, descending=True, stable=True)
    ordered, ids = ordered[:, : rows.largest_k], ids[:, : rows.largest_k]
    before = ordered.cumsum(dim=-1).roll(1, dims=-1)
    before[:, 0] = 0.0
    ranks = torch.arange(ordered.shape[1], device=scores.device)
    kept = (before < rows.top_p[:, None]) & (ranks < rows.top_k[:, None])
    return Candidates(ids, ordered * kept)


def strike_out(scores: Tensor, tokens: Tensor) -> Tensor:
    """Return probabilities, float64 [b, vocabulary], with ``tokens`` [b] made impossible."""
    struck = scores.scatter(1, tokens[:, None], float("-inf"))
    return struck.softmax(dim=-1, dtype=torch.float64)


def sample(scores: Tensor, rows: SamplingRows, first: Draw, fallback: Draw) -> Tensor:
    """Draw one token for each row of ``scores`` [b, vocabulary]; int64 [b].

    Nothing here waits for the device: both draws are made for every row, and the second is used
    where the first repeats.
    """
    candidates = nucleus(scores, rows)
    rank = first(candidates.weights)
    picked = candidates.ids.gather(1, rank[:, None])[:, 0]
    occurrences = (rows.recent == picked[:, None]).sum(dim=1)
    others = fallback(strike_out(scores, picked))
    return torch.where(occurrences >= rows.repeat_limit, others, picked)


def inverse_cdf(uniforms: Tensor) -> Draw:
    """Draw by inverting the cumulative distribution at ``uniforms`` [b], float64 in [0, 1)."""

    def draw(weights: Tensor) -> Tensor:
        cumulative = weights.double().cumsum(dim=-1)
        total = cumulative[:, -1]
        # Rounding must not reach the total, where only impossible tokens could follow.
        target = torch.minimum(uniforms * total, torch.nextafter(total, total.new_zeros(())))
        index = torch.searchsorted(cumulative, target[:, None], right=True)
        return index[:, 0].clamp(max=weights.shape[1] - 1)

    return draw


class UniformStream:
    """The uniforms of one request, two for every sampled token whether or not both are used.

    They depend on the seed and on how many tokens were sampled, never on other requests.
    """

    _BLOCK_STEPS = 64

    def __init__(self, seed: int | None) -> None:
        self._generator = torch.Generator()
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)
        self._pairs: list[list[float]] = []

    def next_pair(self) -> list[float]:
        """Return the uniforms of the first and the fallback draw, in [0, 1)."""
        if not self._pairs:
            block = torch.rand(
                (self._BLOCK_STEPS, 2), generator=self._generator, dtype=torch.float64
            )
            self._pairs = block.flip(0).tolist()
        return self._pairs.pop()
