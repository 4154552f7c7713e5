"""CosyVoice 2 and 3: our own runtime, batched and streamed in linear time."""

from engines.cosyvoice.engine import CosyVoiceEngine

__all__ = ["CosyVoiceEngine"]
