"""Our own runtime for CosyVoice 2 and 3."""
