"""An attacker's walk around a running service: each attempt is refused, nothing leaks, and the
service speaks on. Claims of SECURITY.md point here."""

import base64
import gzip
import http.server
import socket
import threading
from contextlib import ExitStack

import pytest
from loopback import FOLDER, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from access.keys import new_secret

TTS = "/v1/model/cosyvoice/tts"
ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"
SPEECH = {"text": "chunks=1"}
SECRET_TEXT = "Geheimnis4711"


@pytest.fixture
def client(guarded, admin):
    """With a key: what a guest may try is more than what a stranger may."""
    guarded.headers["Authorization"] = f"Bearer {admin}"
    return guarded


@pytest.fixture(autouse=True)
def still_speaks(client):
    yield
    assert client.post(TTS, json=SPEECH).status_code == 200


@pytest.fixture
def raw(client):
    """Open connections to the service's port that say what no client would."""
    with ExitStack() as stack:

        def open_():
            place = (client.base_url.host, client.base_url.port)
            return stack.enter_context(socket.create_connection(place, timeout=60))

        yield open_


@pytest.fixture
def inner_server():
    """What stands for a service behind the firewall; knows who came."""
    visits = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            visits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"secret of the intranet")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", visits
        server.shutdown()
        thread.join()


def ask(client, reference):
    fields = {"text": "Hello", "reference_text": "Words.", "reference_audio": reference}
    return client.post(ZERO_SHOT, json=fields)


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


# -- files ---------------------------------------------------------------------------------


@pytest.fixture
def link_out():
    FOLDER.mkdir(exist_ok=True)
    link = FOLDER / "link.wav"
    link.symlink_to("/etc/passwd")
    yield link.name
    link.unlink()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../etc/passwd",
        "../guarded.yaml",
        "./../../../pyproject.toml",
        "a/../../../../etc/passwd",
        "..\\..\\etc\\passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "file:///etc/passwd",
        "/proc/self/environ",
        "/dev/zero",
        "clip.wav\0.txt",
        "~/.ssh/id_rsa",
        "./" * 600,
    ],
)
def test_path_traversal(client, path):
    response = ask(client, path)
    assert response.status_code == 400, response.text
    assert "root:" not in response.text
    assert str(FOLDER) not in response.text


def test_a_link_that_leads_out(client, link_out):
    assert ask(client, link_out).status_code == 400


@pytest.mark.parametrize(
    "path", ["/static/../../../etc/passwd", "/static/..%2f..%2f..%2fetc/passwd", "//etc/passwd"]
)
def test_path_traversal_in_the_url(raw, path):
    connection = raw()
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    answer = receive_all(connection)
    assert head_of(answer).split()[1] in (b"401", b"404")
    assert b"root:" not in answer


# -- other hosts ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{url}/clip.wav", "{url}", "concat:{url}/a", "async:{url}/a"])
def test_ssrf_by_reference_url(client, inner_server, form):
    url, visits = inner_server
    assert ask(client, form.format(url=url)).status_code == 400
    assert visits == []


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}/a.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{url}/a.wav'\n",
        "[playlist]\nFile1={url}/a.wav\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'>"
        "<Period><AdaptationSet mimeType='audio/mp4'><Representation id='1' bandwidth='1'>"
        "<BaseURL>{url}/a.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
    ],
    ids=["hls", "concat", "pls", "dash"],
)
def test_ssrf_by_what_is_in_a_file(client, inner_server, content):
    url, visits = inner_server
    playlist = base64.b64encode(content.format(url=url).encode().ljust(300)).decode()
    for reference in (playlist, f"data:audio/x-mpegurl;base64,{playlist}"):
        response = ask(client, reference)
        assert response.status_code == 422, response.text
        assert "intranet" not in response.text
    assert visits == []


# -- too much ------------------------------------------------------------------------------


def test_a_decompression_bomb_as_a_clip(client, make_clip):
    options = ("-af", "volume=0", "-c:a", "flac", "-frame_size", "65535")
    bomb = make_clip("flac", seconds=3_600, rate_hz=8_000, channels=1, options=options)
    assert len(bomb) < 200_000
    fields = {"text": "Hello", "reference_text": "Words."}
    response = client.post(ZERO_SHOT, data=fields, files={"reference_audio": ("a.flac", bomb)})
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "reference_duration"


def test_a_decompression_bomb_as_a_body(client):
    """Bodies are never unpacked."""
    bomb = gzip.compress(bytes(100_000_000), compresslevel=1)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert client.post(TTS, content=bomb, headers=headers).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"a":' * 200_000,
        b'{"text":"a","speed":' + b"9" * 100_000 + b"}",
        b'{"text":"a",' + b",".join(b'"k%d":1' % number for number in range(50_000)) + b"}",
        b'{"text":"\\ud800"}',
    ],
    ids=["arrays", "objects", "number", "keys", "surrogate"],
)
def test_json_that_wants_to_be_too_much(client, body):
    response = client.post(TTS, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400, response.text[:500]
    assert len(response.content) < 10_000


def test_forms_that_want_to_be_too_much(client):
    fields = {f"field{number}": "a" for number in range(5_000)}
    assert client.post(TTS, data=fields).status_code == 400
    files = [(f"file{number}", ("a", b"b")) for number in range(500)]
    assert client.post(TTS, files=files).status_code == 400


def test_an_endless_upload(raw, admin):
    connection = raw()
    head = (
        f"POST {TTS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {admin}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    connection.sendall(head.encode())
    chunk = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
    sent = 0
    try:
        while sent < 500_000_000:
            connection.sendall(chunk)
            sent += 65_536
            connection.setblocking(False)
            try:
                answer = connection.recv(65_536)
                break
            except BlockingIOError:
                pass
            finally:
                connection.settimeout(60)
    except (BrokenPipeError, ConnectionResetError):
        answer = b"HTTP/1.1 413"
    assert head_of(answer).split()[1] == b"413"
    assert sent < 500_000_000


def test_a_body_that_says_it_is_endless(raw, admin):
    connection = raw()
    head = (
        f"POST {TTS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {admin}\r\n"
        "Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"
    )
    connection.sendall(head.encode())
    assert head_of(connection.recv(65_536)).split()[1] == b"413"


def test_a_stranger_uploads_nothing(raw):
    """The guard answers before a byte of the body was asked for."""
    connection = raw()
    connection.sendall(
        f"POST {TTS} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n".encode()
    )
    assert head_of(connection.recv(65_536)).split()[1] == b"401"


# -- too slow ------------------------------------------------------------------------------


def test_slow_loris(raw, client):
    """Fifty who never finish their first line; all are hung up on, others are served meanwhile."""
    dawdlers = [raw() for _ in range(50)]
    for dawdler in dawdlers[10:]:
        dawdler.sendall(b"GET /api/health HTTP/1.1\r\nX-Slow: ")
    assert client.post(TTS, json=SPEECH).status_code == 200

    def drip(dawdler):
        """Whether the service still listens."""
        try:
            dawdler.send(b"a")
        except OSError:
            return False
        return True

    wait_until(lambda: not sum(map(drip, dawdlers)), timeout_s=60)


@pytest.mark.parametrize("size", [40_000, 1_000_000])
def test_an_endless_head(raw, size):
    connection = raw()
    try:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * size + b"\r\n\r\n")
    except (BrokenPipeError, ConnectionResetError):
        return
    answer = receive_all(connection)
    assert not answer or head_of(answer).split()[1] in (b"400", b"431")


# -- WebSockets ----------------------------------------------------------------------------


def open_socket(client, admin):
    address = f"ws://{client.base_url.host}:{client.base_url.port}/v1/stream/tts"
    headers = {"Authorization": f"Bearer {admin}"} if admin else {}
    return connect(address, additional_headers=headers, open_timeout=60, max_size=None)


@pytest.mark.parametrize("num_bytes", [200_000, 20_000_000])
def test_oversized_websocket_frames(client, admin, num_bytes):
    with open_socket(client, admin) as connection:
        with pytest.raises(ConnectionClosed) as caught:
            connection.send("a" * num_bytes)
            connection.recv(timeout=60)
        assert caught.value.rcvd is None or caught.value.rcvd.code == 1009


# -- words in the wrong place --------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "siti\r\nSet-Cookie: evil=1",
        "siti\nX-Evil: 1",
        "\0",
        "\x1b[31m",
        "../siti",
        "siti\u2028evil",
        "s" * 100_000,
        "{__class__}",
        "<script>alert(1)</script>",
    ],
)
def test_header_injection_by_voice_names(client, name):
    response = client.post(TTS, json={"text": "Hello", "voice_type": name})
    assert response.status_code in (400, 404)
    assert response.headers["content-type"] == "application/json"
    assert not {"set-cookie", "x-evil"} & set(response.headers)
    assert "evil" not in str(response.headers)


def test_log_injection_by_request_ids(client, logged):
    forged = '2026-01-01 | ERROR "forged"'
    response = client.post(TTS, json=SPEECH, headers={"X-Request-ID": forged})
    assert response.status_code == 200
    assert "forged" not in response.headers["x-request-id"]
    assert not logged("forged")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/model/cosyvoice/tts HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/metrics HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["smuggling", "two lengths", "space", "version", "tls"],
)
def test_requests_that_are_none(raw, head):
    connection = raw()
    connection.sendall(head)
    connection.shutdown(socket.SHUT_WR)
    assert head_of(receive_all(connection)).split()[1:2] in ([b"400"], [b"401"], [])


# -- afterwards ----------------------------------------------------------------------------


def test_nothing_was_written_down(client, admin, cluster):
    """No key and no text is in any log: not in ours, not in Ray's."""
    wrong = new_secret()
    for fields in (
        {"text": f"{SECRET_TEXT} chunks=1"},
        {"text": f"{SECRET_TEXT} chunks=1", "stream": True},
        {"text": SECRET_TEXT * 100},
        {"text": SECRET_TEXT, "speed": SECRET_TEXT},
        {"text": f"{SECRET_TEXT} fail", "voice_type": SECRET_TEXT},
        {SECRET_TEXT: 1},
    ):
        client.post(TTS, json=fields)
    client.post(TTS, json=SPEECH, headers={"Authorization": f"Bearer {wrong}"})
    files = [file for folder in cluster.log_folders for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 10
    for file in files:
        content = file.read_bytes()
        for secret in (SECRET_TEXT, admin, wrong):
            assert secret.encode() not in content, file
