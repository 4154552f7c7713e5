"""What the serve tests share besides fixtures."""

import socket
import time
from pathlib import Path

import psutil

from configs.environment import PROJECT_ROOT

PROFILES = Path(__file__).parent
EVENTS = PROJECT_ROOT / "logs/tests/tone-events"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, timeout_s=30.0):
    """Return the first true value of ``condition``; fail after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not true after {timeout_s} s"
        time.sleep(0.05)
    return value


def ffmpeg_children():
    """FFmpeg processes that the service runs now."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "ffmpeg" in process.name():
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
