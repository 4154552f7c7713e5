"""Malay as it is spoken: numbers, dates, times, money and measures in words."""

from engines.malay.normalizer import spell_out

__all__ = ["spell_out"]
