"""The FFmpeg binary."""

import subprocess
from pathlib import Path

import imageio_ffmpeg

from audio.errors import FfmpegMissingError

GLOBAL_ARGUMENTS = ("-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1")


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
