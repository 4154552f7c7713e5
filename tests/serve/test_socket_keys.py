"""API keys on WebSockets: from browsers, and keys that are revoked while a socket is open."""

import json
import time

import pytest
from loopback import KEYS, NOTICED_S, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from access.key_file import KeyFile
from access.keys import Scope
from access.ledger import LEASE_S

AGENT, BISTREAM = "/v1/stream/tts", "/inference_zero_shot_bistream"
SYNTHESIZE = {"type": "synthesize", "text": "chunks=1"}
TIMEOUT_S = 60
KEY_TERMS = {"speak": (Scope.SPEAK, {}), "voices": (Scope.VOICES, {})}


@pytest.fixture
def open_socket(guarded, cluster):
    opened = []

    def run(path, **options):
        address = cluster.url.replace("http", "ws") + path
        opened.append(connect(address, open_timeout=TIMEOUT_S, **options))
        return opened[-1]

    yield run
    for socket in opened:
        socket.close()


@pytest.fixture
def passing_key():
    """A key that the test may revoke."""
    keys = KeyFile(KEYS)
    yield keys.add("passing", [Scope.SPEAK, Scope.VOICES])
    if any(key.name == "passing" for key in keys.read()):
        keys.revoke("passing")


def events_of(socket):
    """The JSON messages until the server closes, and its code."""
    events = []
    try:
        while True:
            message = socket.recv(timeout=TIMEOUT_S)
            if isinstance(message, str):
                events.append(json.loads(message))
    except ConnectionClosed as closed:
        return events, closed.rcvd.code


def spoken(socket):
    socket.send(json.dumps(SYNTHESIZE))
    kinds = []
    while "end" not in kinds:
        message = socket.recv(timeout=TIMEOUT_S)
        if isinstance(message, str):
            kinds.append(json.loads(message)["type"])
    return kinds == ["start", "end"]


@pytest.mark.parametrize("protocol", ["bearer", "token"])
def test_a_browser_sends_its_key_as_a_protocol(open_socket, admin, protocol):
    socket = open_socket(AGENT, subprotocols=[protocol, admin])
    assert socket.subprotocol == protocol
    assert admin not in str(socket.response.headers)
    assert spoken(socket)


@pytest.mark.parametrize("offered", [["bearer"], ["bearer", "tts_wrong"], ["chat", "KEY"], ["KEY"]])
def test_other_protocols_let_nobody_in(open_socket, admin, offered):
    with pytest.raises(InvalidStatus) as caught:
        open_socket(AGENT, subprotocols=[admin if name == "KEY" else name for name in offered])
    assert caught.value.response.status_code == 401
    assert admin.encode() not in caught.value.response.body


def revoke():
    KeyFile(KEYS).revoke("passing")
    time.sleep(NOTICED_S)


@pytest.mark.parametrize(
    "message",
    [
        SYNTHESIZE,
        {"type": "text", "text": "chunks=1"},
        {"type": "register_voice", "voice_id": "late", "reference_audio": "AAAA"},
    ],
    ids=lambda message: message["type"],
)
def test_an_open_agents_socket_is_closed_when_its_key_is_revoked(open_socket, passing_key, message):
    time.sleep(NOTICED_S)
    socket = open_socket(AGENT, additional_headers={"xi-api-key": passing_key})
    assert spoken(socket)
    revoke()
    socket.send(json.dumps(message))
    (event,), code = events_of(socket)
    assert (event["type"], event["code"], code) == ("error", "invalid_api_key", 1008)


def test_an_open_two_way_stream_is_closed_when_its_key_is_revoked(
    open_socket, passing_key, make_clip
):
    time.sleep(NOTICED_S)
    socket = open_socket(BISTREAM, additional_headers={"xi-api-key": passing_key})
    socket.send(json.dumps({"prompt_text": "What is said."}))
    socket.send(make_clip("flac", seconds=1.0))
    revoke()
    socket.send(json.dumps({"tts_text": "One sentence. And another."}))
    (event,), code = events_of(socket)
    assert (event["code"], code) == ("invalid_api_key", 1008)


def socket_address(cluster):
    return cluster.url.replace("http", "ws") + "/v1/stream/tts"


@pytest.mark.parametrize("headers", [{}, {"xi-api-key": "tts_wrong"}])
def test_a_websocket_needs_a_key(guarded, cluster, headers):
    with pytest.raises(InvalidStatus) as caught:
        connect(socket_address(cluster), additional_headers=headers, open_timeout=60)
    assert caught.value.response.status_code == 401
    assert json.loads(caught.value.response.body)["type"] == "error"


def test_a_websocket_needs_the_scope_speak(guarded, cluster, key):
    with pytest.raises(InvalidStatus) as caught:
        connect(socket_address(cluster), additional_headers=key("voices"), open_timeout=60)
    assert caught.value.response.status_code == 403


def test_websockets_of_one_key_are_counted_over_all_replicas(guarded, cluster, key):
    def open_():
        return connect(socket_address(cluster), additional_headers=key("speak"), open_timeout=60)

    def refused():
        with pytest.raises(InvalidStatus) as caught:
            open_().close()
        return caught.value.response

    with open_() as one, open_():
        for _ in range(4):
            assert refused().status_code == 429
        one.send('{"type": "ping"}')
        assert json.loads(one.recv(timeout=60))["type"] == "pong"
    wait_until(lambda: opens(open_), LEASE_S / 2)


def opens(open_):
    try:
        open_().close()
    except InvalidStatus:
        return False
    return True
