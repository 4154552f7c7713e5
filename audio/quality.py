"""How good a reference clip is: measures, and what a person can do about them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FRAME_S = 0.02
_SILENCE_DBFS = -100.0
"""What digital silence counts as."""
_NOISE_PERCENTILE = 10
_LOUD_PERCENTILE = 95
_ABOVE_NOISE_DB = 6.0
_BELOW_LOUD_DB = 30.0
_QUIETEST_SPEECH_DBFS = -60.0

_FULL_SCALE = 0.999
_FLAT = 1e-4
"""Neighbouring samples that all lie so close to the peak were cut off there."""
_FLAT_RUN = 3

_SHORT_S = 3.0
_QUIET_DBFS = -35.0
_CLIPPED_SHARE = 0.001
_NOISY_SNR_DB = 20.0
_LITTLE_SPEECH_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class ClipQuality:
    """What was measured; levels in dB below full scale, shares from 0 to 1.

    Attributes:
        level_dbfs: of the speech alone.
        clipped_share: samples that were cut off at the top.
        noise_dbfs: level of the quietest tenth of the clip.
        snr_db: of the speech above that noise.
        speech_share: frames of 20 ms in which somebody speaks.
    """

    duration_s: float
    level_dbfs: float
    peak_dbfs: float
    clipped_share: float
    noise_dbfs: float
    snr_db: float
    speech_share: float


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person could do better; ``code`` names it for programs."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ClipReport:
    """A clip as it is kept, and what was found in it.

    Attributes:
        clip: FLAC, mono, 16 bits, at the service's rate.
    """

    clip: bytes
    quality: ClipQuality
    findings: tuple[Finding, ...]


def measure_quality(samples: NDArray[np.float32], sample_rate_hz: int) -> ClipQuality:
    """Measure mono ``samples`` [n], at the rate that they were recorded at.

    A frame counts as speech if it stands out of the noise and is not far below the loudest ones.
    Resampling or lossy coding rounds off what was clipped, so that less of it is found afterwards.
    """
    levels = _frame_levels_dbfs(samples, sample_rate_hz)
    noise = float(np.percentile(levels, _NOISE_PERCENTILE))
    loud = float(np.percentile(levels, _LOUD_PERCENTILE))
    threshold = max(noise + _ABOVE_NOISE_DB, loud - _BELOW_LOUD_DB, _QUIETEST_SPEECH_DBFS)
    is_speech = levels >= threshold
    level = _mean_dbfs(levels[is_speech]) if is_speech.any() else _mean_dbfs(levels)
    return ClipQuality(
        duration_s=round(len(samples) / sample_rate_hz, 3),
        level_dbfs=round(level, 1),
        peak_dbfs=round(_dbfs(float(np.abs(samples).max(initial=0.0))), 1),
        clipped_share=round(_clipped_share(samples), 5),
        noise_dbfs=round(noise, 1),
        snr_db=round(level - noise, 1),
        speech_share=round(float(is_speech.mean()), 3),
    )


def find_faults(quality: ClipQuality) -> tuple[Finding, ...]:
    """Say what a person could do better about a clip with these measures; the worst first."""
    checks = (
        (
            quality.speech_share < _LITTLE_SPEECH_SHARE,
            "little_speech",
            f"only {quality.speech_share:.0%} of the clip is speech; cut the silence away, or "
            "record again with fewer pauses",
        ),
        (
            quality.clipped_share > _CLIPPED_SHARE,
            "clipped",
            f"{quality.clipped_share:.1%} of the samples are cut off at the top, which is heard as "
            "distortion; record again with less gain",
        ),
        (
            quality.snr_db < _NOISY_SNR_DB,
            "noisy",
            f"the speech is only {quality.snr_db:.0f} dB above the noise, and the voice will carry "
            "that noise; record closer to the microphone, in a quieter room",
        ),
        (
            quality.level_dbfs < _QUIET_DBFS,
            "quiet",
            f"the speech is at {quality.level_dbfs:.0f} dBFS, which is quiet; record again with "
            "more gain, closer to the microphone",
        ),
        (
            quality.duration_s < _SHORT_S,
            "short",
            f"the clip lasts {quality.duration_s:.1f} s; voices are followed better from 5 to 15 s",
        ),
    )
    return tuple(Finding(code, message) for applies, code, message in checks if applies)


def _frame_levels_dbfs(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float64]:
    """Level of each whole frame, [frames]; of everything, where there is no whole frame."""
    length = min(max(1, int(_FRAME_S * sample_rate_hz)), max(1, len(samples)))
    frames = samples[: len(samples) // length * length].reshape(-1, length)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    floor = 10 ** (_SILENCE_DBFS / 10)
    return np.asarray(10 * np.log10(np.maximum(power, floor)))


def _mean_dbfs(levels: NDArray[np.float64]) -> float:
    """The level of all frames together."""
    return float(10 * np.log10(np.mean(10 ** (levels / 10))))


def _dbfs(amplitude: float) -> float:
    return max(_SILENCE_DBFS, 20 * float(np.log10(max(amplitude, 1e-9))))


def _clipped_share(samples: NDArray[np.float32]) -> float:
    """Share of samples at full scale, or in a run that is flat at the clip's own peak."""
    loudness = np.abs(samples)
    peak = float(loudness.max(initial=0.0))
    if peak == 0.0:
        return 0.0
    at_peak = loudness >= peak * (1 - _FLAT)
    window = np.convolve(at_peak, np.ones(_FLAT_RUN), "valid") == _FLAT_RUN
    flat = np.convolve(window, np.ones(_FLAT_RUN), "full") > 0
    return float(np.mean(flat | (loudness >= _FULL_SCALE)))
