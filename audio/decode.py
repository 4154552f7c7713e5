"""Reference clips: from the bytes that a client sent to mono samples, in a child process."""

import asyncio
import struct
import subprocess
from pathlib import Path
from typing import cast

import ffmpeg
import numpy as np
from numpy.typing import NDArray

from audio.child import ChildLimits, child_process
from audio.errors import (
    ReferenceDurationError,
    ReferenceTooLargeError,
    UndecodableReferenceError,
)
from audio.ffmpeg import GLOBAL_ARGUMENTS
from audio.memory_file import memory_file
from configs.app import ReferenceLimits

_BYTES_PER_SAMPLE = 4
_AU_HEADER = struct.Struct(">4s5I")
_LOWEST_RATE_HZ = 4_000
"""Below that, nothing of a voice is left."""


class ReferenceDecoder:
    """Decodes any container and codec that FFmpeg reads, within limits.

    Args:
        binary: FFmpeg.
        limits: what is refused.
        sample_rate_hz: of what comes out; None keeps each clip's own.
    """

    def __init__(self, binary: Path, limits: ReferenceLimits, sample_rate_hz: int | None) -> None:
        self._limits = limits
        self._arguments = _decode_arguments(
            binary, sample_rate_hz, longest_s=limits.max_duration_s + 1
        )
        self._child_limits = ChildLimits(
            cpu_s=max(1, round(limits.decode_timeout_s)),
            memory_bytes=limits.decode_memory_bytes,
            file_bytes=0,
        )

    async def decode(self, data: bytes) -> NDArray[np.float32]:
        """Return the audio in ``data`` as float32 mono samples, shape [n], within [-1, 1].

        Raises: as ``decode_with_rate``.
        """
        samples, _ = await self.decode_with_rate(data)
        return samples

    async def decode_with_rate(self, data: bytes) -> tuple[NDArray[np.float32], int]:
        """Return the samples, as ``decode`` does, and their rate in Hz.

        Raises:
            ReferenceTooLargeError, ReferenceDurationError: outside the limits.
            UndecodableReferenceError: no audio in it, or none within the time and memory given.
        """
        if len(data) > self._limits.max_bytes:
            raise ReferenceTooLargeError(len(data), self._limits.max_bytes)
        samples, sample_rate_hz = _read_au(await self._run(data))
        self._check(samples, sample_rate_hz)
        return _within_unit(samples), sample_rate_hz

    async def _run(self, data: bytes) -> bytes:
        with memory_file(data) as stdin:
            async with child_process(
                self._arguments, self._child_limits, stdin=stdin, stdout=subprocess.PIPE
            ) as child:
                try:
                    async with asyncio.timeout(self._limits.decode_timeout_s):
                        output = await cast(asyncio.StreamReader, child.stdout).read()
                        return_code = await child.wait()
                except TimeoutError as error:
                    raise UndecodableReferenceError from error
        if return_code != 0:
            raise UndecodableReferenceError
        return output

    def _check(self, samples: NDArray[np.float32], sample_rate_hz: int) -> None:
        limits = self._limits
        if sample_rate_hz < _LOWEST_RATE_HZ:
            raise UndecodableReferenceError
        duration_s = len(samples) / sample_rate_hz
        if not len(samples) or not np.isfinite(samples).all():
            raise UndecodableReferenceError
        if duration_s > limits.max_duration_s:
            # The child was told to stop a second later: how long the clip is, nobody knows.
            raise ReferenceDurationError(None, limits.min_duration_s, limits.max_duration_s)
        if duration_s < limits.min_duration_s:
            raise ReferenceDurationError(duration_s, limits.min_duration_s, limits.max_duration_s)


def _within_unit(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lower the whole clip where it exceeds [-1, 1] (float files and lossy codecs may)."""
    peak = float(np.abs(samples).max())
    return samples / peak if peak > 1.0 else samples


def _read_au(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Read what FFmpeg wrote as AU: the simplest container that tells its rate and needs no length.

    Raises:
        UndecodableReferenceError: FFmpeg wrote nothing.
    """
    if len(data) < _AU_HEADER.size:
        raise UndecodableReferenceError
    _, offset, _, _, sample_rate_hz, _ = _AU_HEADER.unpack_from(data)
    count = (len(data) - offset) // _BYTES_PER_SAMPLE
    samples = np.frombuffer(data, ">f4", count, offset).astype(np.float32)
    return samples, sample_rate_hz


def _decode_arguments(binary: Path, sample_rate_hz: int | None, longest_s: float) -> list[str]:
    """FFmpeg reads its own stdin as a seekable file and can open nothing else.

    Some containers keep their index at the end, so a pipe would not do. Play lists and the like
    cannot reach a file or a host, because ``fd`` is the only protocol allowed.
    """
    rate = {"ar": sample_rate_hz} if sample_rate_hz else {}
    stream = ffmpeg.input("fd:", protocol_whitelist="fd").output(
        "pipe:1", format="au", acodec="pcm_f32be", ac=1, t=longest_s, map="0:a:0", **rate
    )  # fmt: skip
    return [str(part) for part in stream.global_args(*GLOBAL_ARGUMENTS).compile(cmd=str(binary))]
