"""Benchmarks: what the service and its engines do in how much time."""
