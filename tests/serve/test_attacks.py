"""An attacker's walk around a running service: each attempt is refused, nothing leaks, and the
service speaks on. Claims of SECURITY.md point here; what is only too much is in test_floods.py."""

import base64
import http.server
import socket
import threading

import pytest
from loopback import FOLDER, head_of, receive_all

from access.keys import new_secret

TTS = "/v1/model/cosyvoice/tts"
ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"
SPEECH = {"text": "chunks=1"}
SECRET_TEXT = "Geheimnis4711"


@pytest.fixture(autouse=True)
def still_speaks(client):
    yield
    assert client.post(TTS, json=SPEECH).status_code == 200


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
