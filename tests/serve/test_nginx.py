"""The service behind a real Nginx with the configuration that we ship."""

import datetime
import re
import shutil
import socket
import ssl
import subprocess
import time

import httpx
import pytest
import websockets.sync.client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from loopback import free_port, wait_until

from configs.environment import PROJECT_ROOT

SHIPPED = (PROJECT_ROOT / "deploy/nginx/cosyvoice-mms.conf").read_text(encoding="utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
TTS = "/v1/model/cosyvoice/tts"
HEAD_TIMEOUT_S = 10

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

_MAIN = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/shipped.conf;
}}
"""


def write_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "privkey.pem").write_bytes(private)


def here(text, folder, service_port, port):
    """The shipped configuration with this test's ports and files in place of yours."""
    for old, new in [
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{service_port};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("/etc/ssl/tts/", f"{folder}/"),
    ]:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture
def proxied(cluster, tmp_path):
    """A client of the fake engine's application, through Nginx."""
    service_port = int(cluster.use("speech.yaml").rpartition(":")[2])
    port = free_port()
    write_certificate(tmp_path)
    (tmp_path / "shipped.conf").write_text(here(SHIPPED, tmp_path, service_port, port))
    (tmp_path / "nginx.conf").write_text(_MAIN.format(folder=tmp_path))
    command = [NGINX, "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]
    child = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: child.poll() is not None or can_connect(port))
        assert child.poll() is None, child.stderr.read().decode()
        trust = ssl.create_default_context(cafile=tmp_path / "fullchain.pem")
        base_url = f"https://localhost:{port}/tone"
        with httpx.Client(base_url=base_url, verify=trust, timeout=60) as client:
            client.trust = trust
            yield client
    finally:
        child.terminate()
        child.wait(30)
        child.stderr.close()


def can_connect(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_audio_comes_in_pieces_while_it_is_made(proxied, events):
    """The first piece is here before the engine has made the last chunk."""
    fields = {"text": "chunks=40 delay=0.1", "stream": True, "format": "pcm"}
    with proxied.stream("POST", TTS, json=fields) as response:
        assert response.status_code == 200
        pieces = response.iter_raw()
        first = next(pieces)
        assert "finished" not in events()
        rest = list(pieces)
    assert len(first) < 24_000 * 2 * 4, "half of the speech in one piece"
    assert len(rest) > 5
    assert len(first) + sum(map(len, rest)) == 40 * 0.2 * 24_000 * 2


def test_a_client_cannot_steer_rays_proxy(proxied):
    headers = {"X-Request-Timeout-Seconds": "0.2", "X-Request-Disconnect-Disabled": "?1"}
    response = proxied.post(TTS, json={"text": "chunks=10 delay=0.1"}, headers=headers)
    assert response.status_code == 200


def test_who_leaves_nginx_stops_the_engine(proxied, events):
    fields = {"text": "chunks=200 delay=0.05", "stream": True}
    with proxied.stream("POST", TTS, json=fields) as response:
        pieces = response.iter_raw()
        next(pieces)
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()


def test_a_websocket_goes_through(proxied):
    url = str(proxied.base_url.join("v1/stream/tts")).replace("https", "wss")
    message = '{"type": "synthesize", "text": "chunks=3", "streaming": true}'
    with websockets.sync.client.connect(url, ssl=proxied.trust, close_timeout=10) as socket_:
        socket_.send(message)
        while not isinstance(socket_.recv(timeout=60), bytes):
            pass


def test_bodies_have_a_limit(proxied):
    assert proxied.post(TTS, content=b"x" * (33 * 2**20)).status_code == 413


def test_inner_pages_stay_inside(proxied):
    root = str(proxied.base_url).removesuffix("/tone/")
    assert httpx.get(f"{root}/-/routes", verify=proxied.trust).status_code == 404


def test_a_head_that_trickles_in_is_cut(proxied):
    assert f"client_header_timeout {HEAD_TIMEOUT_S}s;" in SHIPPED
    port = proxied.base_url.port
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        proxied.trust.wrap_socket(plain, server_hostname="localhost") as slow,
    ):
        slow.settimeout(60)
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        started = time.monotonic()
        assert drained(slow), "still open"
        assert time.monotonic() - started >= HEAD_TIMEOUT_S - 2


def drained(connection):
    """Read until the other side closes."""
    try:
        while connection.recv(1024):
            pass
    except ConnectionError:
        pass
    return True


def test_the_limit_of_bodies_is_the_services_own():
    from configs.app import Http

    (mebibytes,) = re.findall(r"client_max_body_size (\d+)m;", SHIPPED)
    assert int(mebibytes) * 2**20 == Http().max_body_bytes
