"""One face for the vocoders of both versions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from engines.cosyvoice.config import HiftConfig
from engines.cosyvoice.hift import (
    CausalChunk,
    CausalVocoder,
    Crossfade,
    HiftModules,
    OverlapChunk,
    OverlapVocoder,
    SourceNoise,
)

VocoderStream = Any
"""What a stream carries from chunk to chunk: each version has its own."""


class VocoderChunk(NamedTuple):
    """New mel frames [80, t] of one stream."""

    stream: VocoderStream
    mel: Tensor
    is_last: bool


class Vocoder(Protocol):
    """Mel to samples at 24 kHz, batched."""

    def noise(self, seed: int | None) -> SourceNoise:
        """Make the noise of one stream."""
        ...

    def open(self, noise: SourceNoise) -> VocoderStream:
        """Start a stream."""
        ...

    def advance(self, chunks: Sequence[VocoderChunk]) -> list[Tensor]:
        """Advance several streams in one pass; the new samples of each, fp32 [n]."""
        ...


def load_vocoder(
    state: Mapping[str, Tensor],
    config: HiftConfig,
    device: torch.device,
    crossfade: Crossfade,
) -> Vocoder:
    """Build the vocoder of ``hift.pt``.

    Args:
        state: the state dict, with weight norm folded (``weights.plain_vocoder_state``).
        config: its sizes, which also say whose it is.
        device: where it runs, in fp32.
        crossfade: how CosyVoice 2's chunks are joined.
    """
    modules = HiftModules.load(state, config, device)
    if config.causal:
        return _Causal(CausalVocoder(modules))
    return _Overlapping(OverlapVocoder(modules, crossfade=crossfade))


class _Causal:
    def __init__(self, vocoder: CausalVocoder) -> None:
        self._vocoder = vocoder
        self.noise = vocoder.noise
        self.open = vocoder.open

    def advance(self, chunks: Sequence[VocoderChunk]) -> list[Tensor]:
        return self._vocoder.advance([CausalChunk(*chunk) for chunk in chunks])


class _Overlapping:
    def __init__(self, vocoder: OverlapVocoder) -> None:
        self._vocoder = vocoder
        self.noise = vocoder.noise
        self.open = vocoder.open

    def advance(self, chunks: Sequence[VocoderChunk]) -> list[Tensor]:
        return self._vocoder.advance([OverlapChunk(*chunk) for chunk in chunks])
