"""The installed service with the network cut: it starts and speaks."""

import os
import subprocess
import sys
from pathlib import Path

from loopback import free_port

from configs.environment import PROJECT_ROOT

SCRIPT = Path(__file__).parent / "speak_alone.py"


def command():
    """``make run`` where make has nothing to install any more; else what it would run."""
    up_to_date = subprocess.run(
        ["make", "-q", ".venv/installed"], cwd=PROJECT_ROOT, capture_output=True, check=False
    )
    if up_to_date.returncode == 0:
        return ["make", "run"]
    return [sys.executable, "-m", "serve_app", "configs/embedded.yaml"]


def test_the_service_starts_and_speaks(without_network, tmp_path, decode, assert_is_speech):
    file = tmp_path / "spoken.wav"
    environment = os.environ | {"PORT": str(free_port()), "GRPC_PORT": str(free_port())}
    done = subprocess.run(
        [*without_network, sys.executable, SCRIPT, file, *command()], cwd=PROJECT_ROOT,
        env=environment, text=True, capture_output=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-3_000:]
    assert_is_speech(decode(file.read_bytes()), min_s=0.8, max_s=5.0)
