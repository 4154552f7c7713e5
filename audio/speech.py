"""What an engine says, made ready for an encoder: checked, resampled, levelled, s16le."""

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.errors import InvalidSpeechError

_FULL_SCALE = 32_767
_CEILING = 0.99
"""Highest peak that is let through; encoders overshoot what they are given by a little."""
_RAMP_S = 0.005


class SpeechShaper:
    """Turns an engine's float chunks into one continuous run of s16le mono samples.

    Resampling keeps its state between chunks, so that there are no seams. The gain starts at 1
    and is only ever lowered, by as much as the loudest sample so far needs to stay below full
    scale: loudness never pumps from chunk to chunk.
    """

    def __init__(self, input_rate_hz: int, output_rate_hz: int) -> None:
        self._output_rate_hz = output_rate_hz
        self._resampler = (
            soxr.ResampleStream(input_rate_hz, output_rate_hz, 1, dtype="float32", quality="HQ")
            if input_rate_hz != output_rate_hz
            else None
        )
        self._gain = 1.0
        self._num_samples = 0
        self.peak = 0.0
        """Highest absolute value that has come in so far; full scale is 1."""

    @property
    def duration_s(self) -> float:
        """Seconds of audio that have come out so far."""
        return self._num_samples / self._output_rate_hz

    def shape(self, samples: NDArray[np.float32]) -> bytes:
        """Take one chunk, float32 of shape [n]; return what is ready, perhaps nothing.

        Raises:
            InvalidSpeechError: the chunk holds NaN or infinity, or is not mono.
        """
        if samples.ndim != 1:
            raise InvalidSpeechError(f"the engine gave samples of shape {samples.shape}, not [n]")
        if not np.isfinite(samples).all():
            raise InvalidSpeechError("the engine gave samples that are not finite")
        return self._finish(self._resample(samples, last=False))

    def flush(self) -> bytes:
        """Return what the resampler still held.

        Raises:
            InvalidSpeechError: the engine gave no audio at all.
        """
        rest = self._finish(self._resample(np.empty(0, np.float32), last=True))
        if not self._num_samples:
            raise InvalidSpeechError("the engine gave no audio")
        return rest

    def _resample(self, samples: NDArray[np.float32], *, last: bool) -> NDArray[np.float32]:
        if self._resampler is None:
            return samples
        return np.asarray(self._resampler.resample_chunk(samples, last=last), np.float32)

    def _finish(self, samples: NDArray[np.float32]) -> bytes:
        if not len(samples):
            return b""
        self._num_samples += len(samples)
        self.peak = max(self.peak, float(np.abs(samples).max()))
        levelled = samples * self._gain_curve(samples)
        return bytes(np.rint(levelled * _FULL_SCALE).astype("<i2").tobytes())

    def _gain_curve(self, samples: NDArray[np.float32]) -> NDArray[np.float32] | float:
        """Gain for each sample: falls to the new value before the first sample that needs it."""
        too_loud = np.abs(samples) * self._gain > _CEILING
        if not too_loud.any():
            return self._gain
        start, self._gain = self._gain, _CEILING / float(np.abs(samples).max())
        ramp = min(int(np.argmax(too_loud)), int(_RAMP_S * self._output_rate_hz))
        curve = np.full(len(samples), self._gain, np.float32)
        first = int(np.argmax(too_loud)) - ramp
        curve[:first] = start
        curve[first : first + ramp] = np.linspace(start, self._gain, ramp, endpoint=False)
        return curve
