"""Bytes to samples and back: decoding, levels, resampling, encoding."""
