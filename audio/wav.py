"""WAV headers for bare samples."""

import os
import struct
from pathlib import Path

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


def state_length(file: Path) -> None:
    """Write the true length into the header of the WAV ``file``, which may have come as a stream.

    A file that is no WAV, or states a length that it has, stays as it is.

    Raises:
        OSError: it cannot be read or written.
    """
    with file.open("r+b") as wav:
        num_bytes = os.fstat(wav.fileno()).st_size
        riff, _, kind = struct.unpack("<4sI4s", wav.read(12).ljust(12))
        if (riff, kind) != (b"RIFF", b"WAVE"):
            return
        while len(header := wav.read(8)) == 8:
            name, size = struct.unpack("<4sI", header)
            if name != b"data":
                wav.seek(size + size % 2, os.SEEK_CUR)
                continue
            start = wav.tell()
            if size == _UNKNOWN_SIZE or start + size > num_bytes:
                wav.seek(start - 4)
                wav.write(struct.pack("<I", num_bytes - start))
                wav.seek(4)
                wav.write(struct.pack("<I", num_bytes - 8))
            return
