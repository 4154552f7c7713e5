"""The embedded voice: Piper with a CC0 voice that a package carries."""

from engines.piper.engine import PiperEngine

__all__ = ["PiperEngine"]
