"""Looking at a clip that shall become a voice: what it is worth, and how it is kept."""

import asyncio

import numpy as np
import soxr
from numpy.typing import NDArray

from audio.decode import ReferenceDecoder
from audio.encode import EncoderFactory
from audio.formats import AudioFormat
from audio.quality import ClipReport, find_faults, measure_quality

_FULL_SCALE = 32_767


class ClipInspector:
    """Measures clips at the rate that they were recorded at, and makes them ready to be kept.

    Args:
        decoder: one that keeps each clip's own rate.
        encoders: give FLAC at ``sample_rate_hz``.
        sample_rate_hz: of what is kept.
    """

    def __init__(
        self, decoder: ReferenceDecoder, encoders: EncoderFactory, sample_rate_hz: int
    ) -> None:
        self._decoder = decoder
        self._encoders = encoders
        self._sample_rate_hz = sample_rate_hz

    async def inspect(self, data: bytes) -> ClipReport:
        """Decode, measure and convert the audio file in ``data``.

        Raises:
            ReferenceTooLargeError, ReferenceDurationError, UndecodableReferenceError: as
                ``ReferenceDecoder.decode``.
            EncoderError: FFmpeg died.
        """
        samples, rate_hz = await self._decoder.decode_with_rate(data)
        quality = await asyncio.to_thread(measure_quality, samples, rate_hz)
        pcm = await asyncio.to_thread(_as_pcm, samples, rate_hz, self._sample_rate_hz)
        return ClipReport(await self._encode(pcm), quality, find_faults(quality))

    async def _encode(self, pcm: bytes) -> bytes:
        async with self._encoders.open(AudioFormat.FLAC, whole=True) as encoder:
            # The file is written when the encoder ends, so nobody has to read beside writing.
            await encoder.write(pcm)
            await encoder.finish()
            return b"".join([data async for data in encoder.read()])


def _as_pcm(samples: NDArray[np.float32], rate_hz: int, wanted_hz: int) -> bytes:
    """Resample to ``wanted_hz`` and return s16le, lowered where resampling overshot."""
    resampled = np.asarray(soxr.resample(samples, rate_hz, wanted_hz, quality="HQ"), np.float32)
    peak = max(1.0, float(np.abs(resampled).max(initial=0.0)))
    return bytes(np.rint(resampled * (_FULL_SCALE / peak)).astype("<i2").tobytes())
