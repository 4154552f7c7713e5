"""The vocoder of CosyVoice 2 and 3 (HiFTNet): mel to samples."""

from engines.cosyvoice.hift.causal import CausalChunk, CausalVocoder
from engines.cosyvoice.hift.causal_stream import CausalStream, StreamEndedError
from engines.cosyvoice.hift.modules import HiftModules
from engines.cosyvoice.hift.noise import SeededNoise, SourceNoise
from engines.cosyvoice.hift.overlap import (
    Crossfade,
    OverlapChunk,
    OverlapStream,
    OverlapVocoder,
)

__all__ = [
    "CausalChunk",
    "CausalStream",
    "CausalVocoder",
    "Crossfade",
    "HiftModules",
    "OverlapChunk",
    "OverlapStream",
    "OverlapVocoder",
    "SeededNoise",
    "SourceNoise",
    "StreamEndedError",
]
