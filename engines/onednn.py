"""Bounds on what oneDNN keeps, which torch computes convolutions and packed products with."""

import os

_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_PRIMITIVES = "64"


def bound_primitive_cache() -> None:
    """Have oneDNN keep 64 compiled primitives instead of 1024; what the operator set is left alone.

    Speech has ever new lengths, and each makes new primitives of about 150 kB: the process would
    grow for hours. Those of a decoding step and of the usual chunks are used all the time and stay.
    oneDNN reads the variable with its first primitive: call this before a model computes anything.
    """
    os.environ.setdefault(_CAPACITY, _PRIMITIVES)
