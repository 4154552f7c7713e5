"""Meta MMS: VITS checkpoints, one for each language (Pratap et al., 2023)."""

from engines.mms.engine import MmsEngine

__all__ = ["MmsEngine"]
