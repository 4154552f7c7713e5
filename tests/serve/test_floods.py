"""What is too much, too slow or endless: refused, and the service speaks on. Claims of SECURITY.md
point here."""

import gzip

import pytest
from loopback import head_of, receive_all, wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

TTS = "/v1/model/cosyvoice/tts"
ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"
SPEECH = {"text": "chunks=1"}


@pytest.fixture(autouse=True)
def still_speaks(client):
    yield
    assert client.post(TTS, json=SPEECH).status_code == 200


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
