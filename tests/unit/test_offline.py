"""A bundle's Makefile asks no package index, and a machine without a network still speaks."""

import os
import shutil
import subprocess
import sys

from configs.environment import PROJECT_ROOT

_SPEAK = """
import socket, sys
from commands.main import main

try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError:
    sys.exit(main(["say", "There is no network here.", "--local", "-o", sys.argv[1]]))
sys.exit("there is a network")
"""


def variables_of_make(folder):
    """What make hands to the commands that install packages in ``folder``."""
    shutil.copy(PROJECT_ROOT / "Makefile", folder)
    done = subprocess.run(
        ["make", "-s", "-f", "-", "show"], cwd=folder, text=True, capture_output=True, check=True,
        input="include Makefile\nshow:\n\t@env\n",
    )  # fmt: skip
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_a_bundle_asks_no_index(tmp_path):
    (tmp_path / "wheels").mkdir()
    told = variables_of_make(tmp_path)
    assert told["PIP_NO_INDEX"] == told["UV_OFFLINE"] == "1"
    assert told["PIP_FIND_LINKS"] == told["UV_FIND_LINKS"] == str(tmp_path / "wheels")


def test_a_clone_asks_the_index_that_the_machine_is_set_to(tmp_path):
    told = variables_of_make(tmp_path)
    assert told.get("UV_OFFLINE") == os.environ.get("UV_OFFLINE")
    assert told.get("PIP_NO_INDEX") == os.environ.get("PIP_NO_INDEX")


def test_the_embedded_voice_speaks_with_the_network_cut(
    without_network, tmp_path, decode, assert_is_speech
):
    file = tmp_path / "spoken.wav"
    done = subprocess.run(
        [*without_network, sys.executable, "-c", _SPEAK, file], cwd=PROJECT_ROOT, text=True,
        capture_output=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_is_speech(decode(file.read_bytes()), min_s=0.8, max_s=5.0)


def test_models_are_fetched_to_where_profiles_expect_them():
    script = (PROJECT_ROOT / "deploy/fetch_models.sh").read_text()
    profile = (PROJECT_ROOT / "configs/container-cuda.yaml").read_text()
    for name in ("CosyVoice2-0.5B", "mms-tts-zlm"):
        assert f"$folder/{name}" in script
        assert f"/models/{name}" in profile
