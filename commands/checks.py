"""What ``doctor`` looks at, one function each: from facts to a finding."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from audio.errors import FfmpegMissingError
from audio.ffmpeg import find_ffmpeg
from commands.errors import CommandError
from commands.gpus import find_gpus
from commands.models import ModelState, states_of
from commands.profiles import config_of, read_profile
from configs.app import AppConfig
from configs.environment import resolve_path
from engines.errors import EngineLoadError
from engines.gpus import GpuReading

_PYTHONS = ((3, 11), (3, 12))
_ENCODERS = ("libmp3lame", "libopus", "flac", "aac")
_MIN_MEMORY_GIB = 3.0
_MIN_DISK_GIB = 1.0
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: was looked at.
        good: whether the service can run with it.
        found: what there is.
        remedy: what to do if it is not good.
    """

    what: str
    good: bool
    found: str
    remedy: str = ""


def examine(profile: Path) -> Iterator[Finding]:
    """Look at this machine with the eyes of ``profile``."""
    yield check_python(sys.version_info[:2])
    yield check_profile(profile)
    try:
        config = config_of(profile)
    except CommandError:
        return  # the line above says it
    yield check_ffmpeg(config)
    schema = read_profile(profile)
    yield check_port("HTTP port", schema.http_options.port, "PORT")
    if schema.grpc_options.grpc_servicer_functions:
        yield check_port("gRPC port", schema.grpc_options.port, "GRPC_PORT")
    for state in states_of(profile):
        yield check_model(state)
    yield check_gpus(find_gpus(), wanted=_wants_gpu(config))
    yield check_memory(psutil.virtual_memory().available)
    yield check_disk(resolve_path(config.logging.folder))


def check_python(version: tuple[int, ...]) -> Finding:
    """Is it a version that every package has wheels for?"""
    known = ", ".join(".".join(map(str, each)) for each in _PYTHONS)
    found = ".".join(map(str, version))
    remedy = f"install Python {known} and make the environment anew: make clean; make run"
    return Finding("Python", version in _PYTHONS, found, remedy)


def check_profile(profile: Path) -> Finding:
    """Does the profile hold nothing that it may not?"""
    try:
        read_profile(profile)
    except CommandError as error:
        return Finding("profile", False, str(error), "mend the lines that it names")
    return Finding("profile", True, str(profile))


def check_ffmpeg(config: AppConfig) -> Finding:
    """Is there an FFmpeg that runs, with every encoder that we use?"""
    remedy = "pip install imageio-ffmpeg, or set audio.ffmpeg in the profile to another"
    try:
        binary = find_ffmpeg(resolve_path(config.audio.ffmpeg) if config.audio.ffmpeg else None)
        listing = subprocess.run(
            [binary, "-hide_banner", "-encoders"],
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout  # fmt: skip
    except (OSError, FfmpegMissingError, subprocess.SubprocessError) as error:
        return Finding("FFmpeg", False, f"does not run: {error}", remedy)
    missing = [name for name in _ENCODERS if name not in listing.split()]
    if missing:
        return Finding("FFmpeg", False, f"{binary} lacks {', '.join(missing)}", remedy)
    return Finding("FFmpeg", True, str(binary))


def check_port(what: str, port: int, variable: str) -> Finding:
    """Is it free?"""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        is_taken = probe.connect_ex(("127.0.0.1", port)) == 0
    remedy = f"stop what listens there (ss -ltnp 'sport = :{port}'), or set {variable}"
    found = f"{port} is {'taken' if is_taken else 'free'}"
    return Finding(what, not is_taken, found, remedy)


def check_model(state: ModelState) -> Finding:
    """Can the engine load it?"""
    remedy = "cosyvoice-mms models download MODEL --to FOLDER"
    return Finding(
        f"{state.engine} model", state.problem is None, state.problem or state.source, remedy
    )


def check_gpus(gpus: list[GpuReading] | EngineLoadError, *, wanted: bool) -> Finding:
    """Is there a GPU that torch can use, where the profile wants one?"""
    remedy = (
        "install NVIDIA's driver and see that nvidia-smi shows the GPU; in a container, --gpus all"
    )
    if isinstance(gpus, EngineLoadError):
        return Finding("GPU", False, str(gpus), remedy)
    if gpus:
        return Finding("GPU", True, "; ".join(map(str, gpus)))
    return Finding("GPU", not wanted, "none", f"{remedy}; or set device: cpu")


def check_memory(available_bytes: int) -> Finding:
    """Is there enough for Ray and the embedded voice?"""
    remedy = "stop other programs; Ray, its proxy and the replicas need this much"
    found = f"{available_bytes / _GIB:.1f} GiB available ({_MIN_MEMORY_GIB:g} needed)"
    return Finding("memory", available_bytes >= _MIN_MEMORY_GIB * _GIB, found, remedy)


def check_disk(log_folder: Path) -> Finding:
    """Can logs be written, and is there room for them?"""
    place = next(each for each in (log_folder, *log_folder.parents) if each.exists())
    free = shutil.disk_usage(place).free
    remedy = "free some disk, or set logging.folder in the profile"
    if not os.access(place, os.W_OK):
        return Finding("logs", False, f"{place} cannot be written", remedy)
    found = f"{log_folder}, {free / _GIB:.1f} GiB free ({_MIN_DISK_GIB:g} needed)"
    return Finding("logs", free >= _MIN_DISK_GIB * _GIB, found, remedy)


def _wants_gpu(config: AppConfig) -> bool:
    engines = (config.engines.cosyvoice, config.engines.mms)
    return any(getattr(settings, "device", "cpu") == "cuda" for settings in engines)
