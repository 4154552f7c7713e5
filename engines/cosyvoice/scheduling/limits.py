"""What a scheduler may take on at once."""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

from engines.cosyvoice.flow import Final


@dataclass(frozen=True, slots=True)
class SchedulerLimits:
    """The scheduler's settings.

    Attributes:
        slots: segments that the language model works on at once.
        positions: what each of them can hold at first; memory doubles as they grow.
        max_positions: what each can hold at most.
        prefill_symbols: prompt symbols fed in one step beside the streams under way.
        frames_per_pass: mel frames of one flow pass, unless a single chunk has more. On a CPU a
            pass takes as long as it has frames, so that small ones let urgent chunks go first; a
            GPU takes nearly the same time for few and for many.
        largest_hop: tokens of a stream's largest hop.
        align_prompts: cut up to 24 tokens from the beginning of a streamed voice's prompt, so
            that the first chunk needs 25 tokens and no more.
        first_audio_budget_s: interactive requests that would wait longer are refused.
        final: how a stream's last chunk is made.
        guards: treat loops, silence and endless speech as errors.
    """

    slots: int = 16
    positions: int = 512
    max_positions: int = 8_192
    prefill_symbols: int = 256
    frames_per_pass: int = 100
    largest_hop: int = 100
    align_prompts: bool = True
    first_audio_budget_s: float = math.inf
    final: Final = Final.CAUSAL
    guards: bool = True

    @classmethod
    def for_device(cls, device: torch.device, **others: Any) -> Self:
        """Return what suits ``device``; the defaults are a CPU's."""
        limits = cls(**others)
        if device.type == "cuda":
            return replace(limits, slots=64, frames_per_pass=8_000)
        return limits
