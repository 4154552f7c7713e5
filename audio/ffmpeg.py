"""The FFmpeg binary, and the limits that its children live under."""

import asyncio
import resource
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from audio.errors import FfmpegMissingError

GLOBAL_ARGUMENTS = ("-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1")


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What the kernel allows one FFmpeg child."""

    cpu_s: int
    memory_bytes: int
    file_bytes: int


def find_ffmpeg(configured: Path | None) -> Path:
    """Return the FFmpeg to use: ``configured``, else the one that imageio-ffmpeg carries.

    Raises:
        FfmpegMissingError: it is not there or does not run.
    """
    try:
        binary = configured or Path(imageio_ffmpeg.get_ffmpeg_exe())
        subprocess.run([binary, "-version"], check=True, capture_output=True, timeout=30)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise FfmpegMissingError(
            f"FFmpeg does not run ({error}); install imageio-ffmpeg, or name a binary in the "
            "profile's audio.ffmpeg"
        ) from error
    return binary


async def start_child(
    arguments: Sequence[str], limits: ChildLimits, *, stdin: int, stdout: int
) -> asyncio.subprocess.Process:
    """Start an FFmpeg child under ``limits``; ``stdin`` and ``stdout`` as for ``subprocess``."""
    child = await asyncio.create_subprocess_exec(
        *arguments, stdin=stdin, stdout=stdout, stderr=asyncio.subprocess.PIPE
    )
    with suppress(ProcessLookupError):  # it has ended: whoever reads its output finds out why
        _limit(child.pid, limits)
    return child


async def end_child(child: asyncio.subprocess.Process) -> None:
    """Kill ``child`` if it still runs, and reap it."""
    if child.returncode is None:
        with suppress(ProcessLookupError):  # it ended in between
            child.kill()
    await asyncio.shield(child.wait())


def _limit(pid: int, limits: ChildLimits) -> None:
    """Set the limits from outside: code between fork and exec is not safe beside threads."""
    for kind, value in (
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.prlimit(pid, kind, (value, value))
