import json
import socket

import pytest

from commands import checks
from commands.main import main
from commands.models import ModelState
from configs.app import AppConfig
from configs.environment import PROJECT_ROOT
from engines.errors import EngineLoadError
from engines.gpus import GpuReading

EMBEDDED = str(PROJECT_ROOT / "configs/embedded.yaml")
GPU = GpuReading("GPU-1", "H100", "570.1", 10 * 2**30, 80 * 2**30, 0.5)


def config(**more):
    return AppConfig.model_validate({"engines": {"cosyvoice": {"engine": "piper"}}, **more})


def test_this_machine_can_run_the_embedded_voice(capsys):
    status = main(["doctor", EMBEDDED, "--json"])
    findings = {each["what"]: each for each in json.loads(capsys.readouterr().out)}
    for what in ("Python", "profile", "FFmpeg", "GPU", "memory", "logs"):
        assert findings[what]["good"], findings[what]
    assert status == int(not all(each["good"] for each in findings.values()))


def test_a_broken_profile_is_the_last_thing_looked_at(tmp_path, capsys):
    file = tmp_path / "profile.yaml"
    file.write_text("applications: 5")
    assert main(["doctor", str(file)]) == 1
    words = capsys.readouterr().out
    assert "FAIL  profile" in words
    assert "->" in words
    assert "FFmpeg" not in words


def test_an_old_python():
    assert not checks.check_python((3, 10)).good
    assert checks.check_python((3, 12)).good


def test_an_ffmpeg_that_does_not_run_or_lacks_an_encoder(tmp_path):
    assert not checks.check_ffmpeg(config(audio={"ffmpeg": "/nothing"})).good
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho ' A..... aac  flac libopus'\n")
    poor.chmod(0o755)
    finding = checks.check_ffmpeg(config(audio={"ffmpeg": str(poor)}))
    assert not finding.good
    assert "libmp3lame" in finding.found


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        finding = checks.check_port("HTTP port", port, "PORT")
    assert not finding.good
    assert "PORT" in finding.remedy


@pytest.mark.parametrize(
    ("gpus", "wanted", "good"),
    [
        ([], False, True),
        ([], True, False),
        ([GPU], True, True),
        (EngineLoadError("the driver may be too old"), False, False),
    ],
)
def test_gpus(gpus, wanted, good):
    finding = checks.check_gpus(gpus, wanted=wanted)
    assert finding.good is good
    assert good or finding.remedy


def test_a_model_that_is_not_there():
    finding = checks.check_model(ModelState("cosyvoice", "/models/x", "/models/x lacks llm.pt"))
    assert not finding.good
    assert "models download" in finding.remedy


def test_too_little_memory():
    assert not checks.check_memory(2**30).good
    assert checks.check_memory(8 * 2**30).good


def test_logs_need_a_folder_that_can_be_written(tmp_path):
    assert checks.check_disk(tmp_path / "not" / "yet").good
