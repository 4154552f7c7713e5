"""The commands of the README, as a newcomer types them."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time

import httpx
import psutil
import pytest
import yaml
from loopback import PROFILES, free_port, press_ctrl_c, wait_until

from configs.environment import PROJECT_ROOT
from serve_app.local_service import DOOR, PROXY_CALLBACK

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```bash\n(.+?)\n```", README, re.DOTALL)
CURL_LINES = [command for command in COMMANDS if command.startswith("curl")]


@pytest.fixture(scope="module")
def running():
    """``make run`` on a port of its own."""
    port = free_port()
    environment = os.environ | {"PORT": str(port)}
    log = PROJECT_ROOT / "logs/make-run.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            ["make", "run"], cwd=PROJECT_ROOT, env=environment, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    process = psutil.Process(child.pid)
    wait_until(lambda: b"Ctrl-C stops" in log.read_bytes() or child.poll() is not None, 180)
    assert child.poll() is None, log.read_text()
    yield process, port, log
    if process.is_running():
        press_ctrl_c(process)


def test_the_readme_shows_the_three_first_lines():
    assert COMMANDS[0] == "make run"
    assert "make test" in COMMANDS
    assert CURL_LINES[0].endswith("-o hello.mp3")


@pytest.mark.parametrize("line", CURL_LINES)
def test_every_curl_line_of_the_readme_speaks(running, decode, assert_is_speech, tmp_path, line):
    _, port, _ = running
    for name in ("voices",):
        (tmp_path / name).symlink_to(PROJECT_ROOT / name)
    command = line.replace("localhost:8000", f"localhost:{port}")
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, timeout=120)
    (file,) = tmp_path.glob("*.mp3")
    assert_is_speech(decode(file.read_bytes()), min_s=0.5, max_s=6.0)


def test_what_it_prints_works(running):
    _, port, log = running
    urls = set(re.findall(rf"http://localhost:{port}/(?:docs|api/health)", log.read_text()))
    assert len(urls) == 2
    for url in urls:
        assert httpx.get(url).status_code == 200


def test_ctrl_c_stops_everything_it_started(running):
    process, port, _ = running
    family = process.children(recursive=True)
    assert any("raylet" in child.name() for child in family)
    assert not press_ctrl_c(process)
    assert not any(child.is_running() for child in family)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://localhost:{port}/api/health")


@pytest.mark.parametrize(
    ("port", "profile", "words"),
    [("http", "configs/embedded.yaml", "PORT='http'"), ("1", "nothing.yaml", "nothing.yaml")],
)
def test_a_wrong_start_says_what_is_wrong(port, profile, words):
    done = subprocess.run(
        [sys.executable, "-m", "serve_app", profile], cwd=PROJECT_ROOT, text=True,
        env=os.environ | {"PORT": port}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def ray_head():
    """A cluster started with Ray's own command line, as an operator does it."""
    dashboard_port = free_port()
    temp_dir = tempfile.mkdtemp(prefix="tts-ray-")  # short: it holds Unix sockets
    environment = os.environ | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        PROXY_CALLBACK: DOOR,
        "DOOR_GRPC_HOST": "127.0.0.1",
    }
    binaries = os.path.dirname(sys.executable)  # noqa: PTH120
    child = subprocess.Popen(
        [f"{binaries}/ray", "start", "--head", "--block", f"--port={free_port()}",
         f"--dashboard-port={dashboard_port}", f"--ray-client-server-port={free_port()}",
         f"--dashboard-agent-listen-port={free_port()}", f"--temp-dir={temp_dir}",
         "--num-cpus=2", "--disable-usage-stats"],
        cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment, start_new_session=True,
    )  # fmt: skip
    yield f"{binaries}/serve", f"http://127.0.0.1:{dashboard_port}", environment
    press_ctrl_c(psutil.Process(child.pid))
    shutil.rmtree(temp_dir, ignore_errors=True)


def test_serve_deploy(ray_head, decode, assert_is_speech, tmp_path):
    serve, dashboard, environment = ray_head
    port = free_port()
    document = yaml.safe_load((PROFILES.parents[1] / "configs/embedded.yaml").read_text())
    document["http_options"]["port"] = port
    profile = tmp_path / "profile.yaml"
    profile.write_text(yaml.safe_dump(document))

    def deploy():
        command = [serve, "deploy", str(profile), "--address", dashboard]
        return subprocess.run(
            command, env=environment, capture_output=True, timeout=120, check=False
        )

    wait_until(lambda: deploy().returncode == 0, timeout_s=180)
    url = f"http://127.0.0.1:{port}"

    def healthy():
        time.sleep(0.5)
        try:
            return httpx.get(f"{url}/api/health").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(healthy, timeout_s=240)
    response = httpx.post(f"{url}/v1/model/cosyvoice/tts", json={"text": "Deployed."}, timeout=120)
    assert_is_speech(decode(response.content), min_s=0.4, max_s=3.0)
