"""What the serve tests share besides fixtures."""

import os
import random
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from configs.environment import PROJECT_ROOT

PROFILES = Path(__file__).parent
EVENTS = PROJECT_ROOT / "logs/tests/tone-events"
FOLDER = PROJECT_ROOT / "tests/serve/references"
"""The reference folder of the profiles."""
KEYS = PROJECT_ROOT / "logs/tests/keys/keys.json"
"""The key file of ``guarded.yaml``."""

NOTICED_S = 1.2
"""Replicas look at the key file before a request, if they did not within the last second."""


PORTS = range(21_000, 29_000)
"""Neither the kernel (from 32768 on) nor Ray (10002 to 19999, 30000 and up) gives these out, so one
that is free now is still free when the service that it was taken for starts."""


def free_port():
    """A port on loopback that nobody listens on, not given out before by this process."""
    while True:
        port = random.choice(PORTS)
        if port in _GIVEN_OUT:
            continue
        _GIVEN_OUT.add(port)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


_GIVEN_OUT = set()


def wait_until(condition, timeout_s=90.0):
    """Return the first true value of ``condition``; fail after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not true after {timeout_s} s"
        time.sleep(0.05)
    return value


def accounts_replica():
    """The process of the replica that counts for ``guarded.yaml``; None where there is none."""
    for process in psutil.Process().children(recursive=True):
        words = " ".join(process.cmdline()) if process.status() != psutil.STATUS_ZOMBIE else ""
        if "ServeReplica:guarded:Accounts" in words:
            return process
    return None


@contextmanager
def suspended_accounts():
    """Stop that process as long as the block runs."""
    replica = accounts_replica()
    replica.suspend()
    try:
        yield
    finally:
        replica.resume()


def press_ctrl_c(process):
    """Press Ctrl-C for a process of ours; return what of its family is left two minutes later."""
    family = [*process.children(recursive=True), process]
    os.killpg(process.pid, signal.SIGINT)
    _, alive = psutil.wait_procs(family, timeout=120)
    for left in alive:
        left.kill()
    return alive


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


def bearer(secret):
    """The header with which a key is sent."""
    return {"Authorization": f"Bearer {secret}"}


def head_of(answer):
    return answer.split(b"\r\n", 1)[0]


def receive_all(connection):
    """All that comes until the service hangs up."""
    answer = b""
    try:
        while data := connection.recv(65_536):
            answer += data
    except ConnectionResetError:
        pass
    return answer
