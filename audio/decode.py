"""Reference clips: from the bytes that a client sent to mono samples, in a child process."""

import asyncio
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


class ReferenceDecoder:
    """Decodes any container and codec that FFmpeg reads, within limits."""

    def __init__(self, binary: Path, limits: ReferenceLimits, sample_rate_hz: int) -> None:
        self._limits = limits
        self._sample_rate_hz = sample_rate_hz
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

        Raises:
            ReferenceTooLargeError, ReferenceDurationError: outside the limits.
            UndecodableReferenceError: no audio in it, or none within the time and memory given.
        """
        if len(data) > self._limits.max_bytes:
            raise ReferenceTooLargeError(len(data), self._limits.max_bytes)
        samples = np.frombuffer(await self._run(data), dtype="<f4")
        self._check(samples)
        return _within_unit(samples)

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
        return output[: len(output) - len(output) % _BYTES_PER_SAMPLE]

    def _check(self, samples: NDArray[np.float32]) -> None:
        limits = self._limits
        duration_s = len(samples) / self._sample_rate_hz
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


def _decode_arguments(binary: Path, sample_rate_hz: int, longest_s: float) -> list[str]:
    """FFmpeg reads its own stdin as a seekable file and can open nothing else.

    Some containers keep their index at the end, so a pipe would not do. Play lists and the like
    cannot reach a file or a host, because ``fd`` is the only protocol allowed.
    """
    stream = ffmpeg.input("fd:", protocol_whitelist="fd").output(
        "pipe:1", format="f32le", acodec="pcm_f32le", ac=1, ar=sample_rate_hz, t=longest_s,
        map="0:a:0",
    )  # fmt: skip
    return [str(part) for part in stream.global_args(*GLOBAL_ARGUMENTS).compile(cmd=str(binary))]
