"""Pitch: what a clip's is, and moving speech to another one with its formants kept.

Both by the WORLD vocoder (Morise, Yokomori, Ozawa, 2016): F0 by DIO refined with StoneMask, the
spectral envelope (the formants) by CheapTrick, aperiodicity by D4C.
"""

import numpy as np
import pyworld

from engines.protocol import Samples

_FLOOR_HZ = 60.0
_CEILING_HZ = 500.0
_LARGEST_RATIO = 2.0
"""Beyond an octave the envelope no longer holds enough harmonics to sound like speech."""


def median_pitch_hz(samples: Samples, sample_rate_hz: int) -> float | None:
    """Median F0 of the voiced frames of ``samples`` (mono, shape [n]); None if none is voiced."""
    f0, _ = _pitch_track(samples.astype(np.float64), sample_rate_hz)
    voiced = f0[f0 > 0]
    return float(np.median(voiced)) if voiced.size else None


def shift_pitch(samples: Samples, sample_rate_hz: int, ratio: float) -> Samples:
    """Multiply the pitch of ``samples`` (mono, shape [n]) by ``ratio``.

    Formants and timing stay as they are. The ratio is held within one octave either way.
    """
    ratio = float(np.clip(ratio, 1 / _LARGEST_RATIO, _LARGEST_RATIO))
    signal = samples.astype(np.float64)
    f0, times = _pitch_track(signal, sample_rate_hz)
    envelope = pyworld.cheaptrick(signal, f0, times, sample_rate_hz)
    aperiodicity = pyworld.d4c(signal, f0, times, sample_rate_hz)
    shifted = pyworld.synthesize(f0 * ratio, envelope, aperiodicity, sample_rate_hz)
    return np.asarray(shifted[: len(samples)], dtype=np.float32)


def _pitch_track(
    signal: np.ndarray[tuple[int], np.dtype[np.float64]], sample_rate_hz: int
) -> tuple[
    np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]
]:
    f0, times = pyworld.dio(signal, sample_rate_hz, f0_floor=_FLOOR_HZ, f0_ceil=_CEILING_HZ)
    return pyworld.stonemask(signal, f0, times, sample_rate_hz), times
