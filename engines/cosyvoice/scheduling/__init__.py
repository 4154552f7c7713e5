"""Continuous batching through language model, flow and vocoder."""
