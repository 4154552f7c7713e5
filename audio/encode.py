"""Encoders: one for each stream of speech, open from its first chunk to its last."""

import asyncio
import io
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Protocol, cast

import ffmpeg
import numpy as np

from audio.child import Child, ChildLimits, child_process
from audio.errors import EncoderError
from audio.ffmpeg import GLOBAL_ARGUMENTS
from audio.formats import AudioFormat
from audio.memory_file import memory_file
from audio.wav import wav_header

_READ_BYTES = 1 << 16
_GATHER_S = 0.03
"""Pause between two pieces of a stream. FFmpeg writes every frame (24 ms of MP3) by itself, and
each piece costs the processes that it passes through more than the frame cost to encode."""
_CHILD_LIMITS = ChildLimits(cpu_s=600, memory_bytes=1 << 30, file_bytes=1 << 30)


class Encoder(Protocol):
    """Takes s16le mono samples, gives bytes of the format. Writer and reader run side by side."""

    async def write(self, samples: bytes) -> None:
        """Take samples."""
        ...

    async def finish(self) -> None:
        """Say that no more samples come."""
        ...

    def read(self) -> AsyncIterator[bytes]:
        """Yield encoded bytes as they are ready, until ``finish`` was called and all is out.

        Raises:
            EncoderError: the encoder died or got stuck.
        """
        ...


class EncoderFactory:
    """Opens encoders."""

    def __init__(self, binary: Path, sample_rate_hz: int, timeout_s: float) -> None:
        self._binary = binary
        self._sample_rate_hz = sample_rate_hz
        self._timeout_s = timeout_s

    @asynccontextmanager
    async def open(self, audio_format: AudioFormat, *, whole: bool) -> AsyncIterator[Encoder]:
        """Open an encoder; whatever happens, nothing of it is left when the block ends.

        Args:
            audio_format: what comes out.
            whole: the bytes are wanted as one finished file, whose header states its length,
                instead of as a stream.
        """
        if not audio_format.needs_encoder:
            yield _RawEncoder(self._sample_rate_hz, audio_format, whole=whole)
            return
        arguments = self._arguments(audio_format, whole=whole)
        with memory_file() if whole else nullcontext() as file:
            stdout = subprocess.PIPE if file is None else file
            async with child_process(
                arguments,
                _CHILD_LIMITS,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
            ) as child:
                yield _FfmpegEncoder(child, file, self._timeout_s)

    def _arguments(self, audio_format: AudioFormat, *, whole: bool) -> list[str]:
        source = ffmpeg.input(
            "pipe:0", format="s16le", ar=self._sample_rate_hz, ac=1,
            probesize=32, analyzeduration=0, fflags="+nobuffer", protocol_whitelist="pipe",
        )  # fmt: skip
        options = audio_format.encoder_options()
        if whole:
            options |= {"fd": 1}
        else:
            options |= {"flush_packets": 1}
            if audio_format is AudioFormat.MP3:
                options |= {"write_xing": 0, "id3v2_version": 0}
        target = source.output("fd:" if whole else "pipe:1", ar=self._sample_rate_hz, **options)
        compiled = target.global_args(*GLOBAL_ARGUMENTS).compile(cmd=str(self._binary))
        return [str(part) for part in compiled]


class _FfmpegEncoder:
    """An FFmpeg child: samples go into its stdin; bytes come from its stdout or its file."""

    def __init__(self, child: Child, file: int | None, timeout_s: float) -> None:
        self._child = child
        self._stdin = cast(asyncio.StreamWriter, child.stdin)
        self._stderr = cast(asyncio.StreamReader, child.stderr)
        self._file = file
        self._timeout_s = timeout_s
        self._guard: asyncio.TimerHandle | None = None

    async def write(self, samples: bytes) -> None:
        self._stdin.write(samples)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._stdin.drain()
        except TimeoutError as error:
            raise EncoderError("FFmpeg takes no more samples") from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise EncoderError(await self._last_words()) from error

    async def finish(self) -> None:
        self._stdin.close()
        self._guard = asyncio.get_running_loop().call_later(self._timeout_s, self._give_up)

    async def read(self) -> AsyncIterator[bytes]:
        if self._child.stdout is not None:
            while data := await self._child.stdout.read(_READ_BYTES):
                yield data
                await asyncio.sleep(_GATHER_S)
        return_code = await self._child.wait()
        if self._guard:
            self._guard.cancel()
        if return_code != 0:
            raise EncoderError(await self._last_words())
        if self._file is not None:
            with os.fdopen(self._file, "rb", closefd=False) as file:
                file.seek(0, io.SEEK_SET)
                yield file.read()

    def _give_up(self) -> None:
        """End a child that has its whole input and still does not end."""
        self._child.kill()

    async def _last_words(self) -> str:
        words = await self._stderr.read(_READ_BYTES)
        return f"FFmpeg ended early: {words.decode(errors='replace').strip()}"


class _RawEncoder:
    """The samples themselves, with a WAV header in front or as floats where wanted."""

    def __init__(self, sample_rate_hz: int, audio_format: AudioFormat, *, whole: bool) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._header = audio_format is AudioFormat.WAV
        self._as_float = audio_format is AudioFormat.PCM_F32
        self._whole = whole
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def write(self, samples: bytes) -> None:
        self._queue.put_nowait(_to_float(samples) if self._as_float else samples)

    async def finish(self) -> None:
        self._queue.put_nowait(None)

    async def read(self) -> AsyncIterator[bytes]:
        if self._whole:
            samples = b"".join([data async for data in self._drain()])
            yield (
                wav_header(len(samples), self._sample_rate_hz) if self._header else b""
            ) + samples
            return
        header = wav_header(None, self._sample_rate_hz) if self._header else b""
        async for data in self._drain():
            yield header + data
            header = b""

    async def _drain(self) -> AsyncIterator[bytes]:
        while (data := await self._queue.get()) is not None:
            if data:
                yield data


def _to_float(samples: bytes) -> bytes:
    """From s16le to float32 in [-1, 1)."""
    return (np.frombuffer(samples, "<i2") / np.float32(32_768)).astype("<f4").tobytes()
