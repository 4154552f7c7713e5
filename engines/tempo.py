"""Faster or slower beyond what a model can do by itself: the tempo changes, the pitch does not."""

import math

import numpy as np
from numpy.typing import NDArray

from engines.protocol import Samples

_HOP_S = 0.015
_SEARCH_S = 0.010
_QUIET = 1e-9
NATIVE_SPEEDS = (0.5, 2.0)
"""Between these, VITS changes the sounds' own durations, which sounds better."""


def split_speed(speed: float) -> tuple[float, float]:
    """Split ``speed`` into what a VITS model does and the tempo that is left for afterwards."""
    slowest, fastest = NATIVE_SPEEDS
    native = min(max(speed, slowest), fastest)
    return native, speed / native


def change_tempo(samples: Samples, sample_rate_hz: int, tempo: float) -> Samples:
    """Play ``samples`` at ``tempo`` (2.0 is twice as fast) at the same pitch.

    WSOLA (Verhelst and Roelands, 1993): pieces are taken where they best continue what was taken
    before, and cross-faded. Gives round(n / tempo) samples.
    """
    hop, search = int(_HOP_S * sample_rate_hz), int(_SEARCH_S * sample_rate_hz)
    if tempo == 1.0 or len(samples) == 0:
        return samples
    num_samples = round(len(samples) / tempo)
    source = np.pad(samples, (search, 2 * search + 3 * hop))
    fade_in = np.hanning(2 * hop + 1)[:hop].astype(np.float32)
    following = source[search : search + hop]
    pieces = []
    for index in range(math.ceil(num_samples / hop)):
        about = int(index * hop * tempo)
        start = about + _best_offset(source[about : about + 2 * search + hop], following)
        pieces.append(following * (1 - fade_in) + source[start : start + hop] * fade_in)
        following = source[start + hop : start + 2 * hop]
    return np.concatenate(pieces)[:num_samples] if pieces else samples[:0]


def _best_offset(region: Samples, following: Samples) -> int:
    """Where in ``region`` the sound is most like ``following``."""
    likeness = np.correlate(region, following, mode="valid")
    squares: NDArray[np.float64] = np.cumsum(np.square(region, dtype=np.float64))
    energy = squares[len(following) - 1 :].copy()
    energy[1:] -= squares[: -len(following)]
    return int(np.argmax(likeness / np.sqrt(np.maximum(energy, _QUIET))))
