"""CosyVoice 2 and 3: our own inference runtime for the released checkpoints."""
