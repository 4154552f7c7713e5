"""WAV headers for bare samples."""

import struct

_UNKNOWN_SIZE = 0xFFFFFFFF
_BYTES_PER_SAMPLE = 2


def wav_header(num_bytes: int | None, sample_rate_hz: int) -> bytes:
    """Return the RIFF header of ``num_bytes`` of s16le mono samples.

    None stands for a stream that has only begun: its length is unknown.
    """
    data_size = _UNKNOWN_SIZE if num_bytes is None else num_bytes
    riff_size = _UNKNOWN_SIZE if num_bytes is None else 36 + num_bytes
    rate = sample_rate_hz
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", riff_size, b"WAVE", b"fmt ", 16, 1, 1, rate,
        _BYTES_PER_SAMPLE * rate, _BYTES_PER_SAMPLE, 8 * _BYTES_PER_SAMPLE,
        b"data", data_size,
    )  # fmt: skip


def wav_file(samples: bytes, sample_rate_hz: int) -> bytes:
    """Return s16le mono ``samples`` as a WAV file."""
    return wav_header(len(samples), sample_rate_hz) + samples
