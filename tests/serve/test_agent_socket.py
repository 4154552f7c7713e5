"""Voice agents over a WebSocket, with the ``websockets`` package as their client."""

import base64
import json
import secrets

import numpy as np
import pytest
from loopback import wait_until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from voices.catalogue import BUILTIN_FOLDER

PATH = "/v1/stream/tts"
HELLO = "Hello, how are you today?"
TIMEOUT_S = 60


class Agent:
    """Sends messages as JSON; gathers frames until an event."""

    def __init__(self, socket):
        self.socket = socket
        self.frames = []

    def send(self, kind, **fields):
        self.socket.send(json.dumps({"type": kind, **fields}))

    def until(self, kind):
        """The next event, which shall be of ``kind``; frames before it are kept."""
        while isinstance(message := self.socket.recv(timeout=TIMEOUT_S), bytes):
            self.frames.append(message)
        event = json.loads(message)
        assert event["type"] == kind, event
        return event

    def frame(self):
        message = self.socket.recv(timeout=TIMEOUT_S)
        assert isinstance(message, bytes), message
        return message

    def samples(self):
        return np.frombuffer(b"".join(self.frames), "<f4")


@pytest.fixture
def open_agent(cluster):
    opened = []

    def run(prefix=""):
        address = cluster.use("speech.yaml").replace("http", "ws") + prefix + PATH
        socket = connect(address, max_size=None, open_timeout=TIMEOUT_S)
        opened.append(socket)
        return Agent(socket)

    yield run
    for socket in opened:
        socket.close()


def speak(agent, **fields):
    agent.send("synthesize", **fields)
    start = agent.until("start")
    return start, agent.until("end")


@pytest.mark.parametrize("streaming", [True, False])
def test_the_documented_message_is_spoken(open_agent, assert_is_speech, recognise, streaming):
    agent = open_agent()
    start, end = speak(agent, text=HELLO, voice_id="default", streaming=streaming, exaggeration=0.5)
    assert (start["format"], start["sample_rate_hz"], start["channels"]) == ("pcm_f32le", 24_000, 1)
    samples = agent.samples()
    assert_is_speech(samples, min_s=1.0, max_s=3.0)
    assert {"are", "you", "today"} <= set(recognise(samples))
    assert end["audio_s"] == pytest.approx(len(samples) / 24_000, abs=0.01)


def test_what_does_nothing_is_named_as_over_http(open_agent):
    agent = open_agent("/tone")
    fields = {"exaggeration": 0.5, "volumen": 3, "speed": 4.0, "bad name\r\n": 1}
    start, end = speak(agent, text="chunks=20", **fields)
    assert start["ignored"] == ["exaggeration", "volumen"]
    assert end["audio_s"] == pytest.approx(20 * 0.2 / 4, abs=0.05)
    start, _ = speak(agent, text="chunks=1", speed=0.25)
    assert "ignored" not in start


def test_no_frame_is_longer_than_25_tokens(open_agent):
    agent = open_agent("/tone")
    speak(agent, text="chunks=20", streaming=False)
    sizes = [len(frame) for frame in agent.frames]
    assert max(sizes) == 24_000 * 4
    assert sum(sizes) == 20 * 4_800 * 4


def test_what_is_sent_while_another_is_spoken_follows_it(open_agent):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=3 delay=0.05", request_id="one")
    agent.send("synthesize", text="chunks=2", request_id="two")
    order = [agent.until(kind)["request_id"] for kind in ("start", "end", "start", "end")]
    assert order == ["one", "one", "two", "two"]


def test_pieces_of_text_are_spoken_while_more_come(open_agent):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=2. And th", more=True)
    agent.send("text", text="en chunks=3 follow.")
    agent.until("start")
    assert agent.frame()  # the first sentence, while the second may still grow
    agent.send("text", text=" The end: chunks=1")
    agent.send("flush")
    assert agent.until("end")["audio_s"] == pytest.approx(6 * 0.2, abs=0.01)


def test_cancel_stops_within_a_chunk_and_the_next_is_spoken(open_agent, events):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=200 delay=0.1")
    agent.send("synthesize", text="chunks=100")
    agent.until("start")
    agent.frame()
    agent.send("cancel")
    agent.until("cancelled")
    wait_until(lambda: "stopped" in events())
    assert events().count("chunk") < 100
    agent.frames.clear()
    _, end = speak(agent, text="chunks=2")
    assert end["audio_s"] == pytest.approx(0.4, abs=0.01)
    assert len(agent.samples()) == 2 * 4_800


def test_cancel_forgets_text_that_was_open(open_agent):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=2 and more", more=True)
    agent.send("cancel")
    agent.until("start")
    agent.until("cancelled")
    agent.send("text", text="too late")
    assert agent.until("error")["field"] == "type"


def test_a_client_that_leaves_stops_its_speech(open_agent, events):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=200 delay=0.1")
    agent.until("start")
    agent.frame()
    agent.socket.close()
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()


def test_a_voice_is_registered_and_spoken_with(open_agent):
    agent = open_agent("/tone")
    clip = base64.b64encode((BUILTIN_FOLDER / "anna" / "reference.flac").read_bytes()).decode()
    name = f"agent {secrets.token_hex(4)}"
    agent.send("register_voice", voice_id=name, reference_audio=clip)
    registered = agent.until("voice_registered")
    assert registered["voice_id"] == name
    assert [warning["code"] for warning in registered["warnings"]] == ["no_transcript"]
    for voice_id in (name, registered["id"]):
        speak(agent, text="chunks=1", voice_id=voice_id)
    agent.send("register_voice", voice_id=name, reference_audio=clip)
    assert agent.until("error")["code"] == "voice_exists"
    agent.send("register_voice", voice_id="other", reference_audio="no base64!")
    assert agent.until("error")["code"] == "invalid_field"


@pytest.mark.parametrize(
    ("frame", "code", "words"),
    [
        ("{", "unreadable_body", "no JSON"),
        ("[]", "unreadable_body", "not a JSON object"),
        (b"\0\0\0\0", "unreadable_body", "text frames"),
        ('{"text": "x"}', "invalid_field", "synthesize"),
        ('{"type": "sing"}', "invalid_field", "synthesize"),
        ('{"type": "synthesize", "text": ""}', "invalid_field", "empty"),
        ('{"type": "synthesize", "text": 5}', "invalid_field", "not a string"),
        ('{"type": "synthesize", "text": "x", "speed": 9}', "invalid_field", "0.25 to 4"),
        ('{"type": "flush"}', "invalid_field", "synthesize with more"),
    ],
)
def test_what_cannot_be_obeyed_is_told_and_the_connection_lives(open_agent, frame, code, words):
    agent = open_agent("/tone")
    agent.socket.send(frame)
    error = agent.until("error")
    assert error["code"] == code
    assert words in error["message"]
    agent.send("ping")
    agent.until("pong")


def test_an_unknown_voice_is_told_and_the_next_is_spoken(open_agent):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=1", voice_id="nobody", request_id="r1")
    agent.until("start")
    error = agent.until("error")
    assert (error["code"], error["request_id"]) == ("unknown_voice", "r1")
    speak(agent, text="chunks=1")


def test_an_engine_that_breaks_cuts_the_connection(open_agent):
    agent = open_agent("/tone")
    agent.send("synthesize", text="chunks=9 fail=4 delay=0.05")
    agent.until("start")
    with pytest.raises(ConnectionClosed) as closed:
        agent.until("end")
    assert closed.value.rcvd.code == 1011


def test_too_many_connections_are_told_to_come_back(open_agent):
    agents = [open_agent("/tone") for _ in range(4)]  # as many as the profile allows
    for agent in agents:
        agent.send("ping")
        agent.until("pong")
    refused = open_agent("/tone")
    assert refused.until("error")["code"] == "too_many_connections"
    with pytest.raises(ConnectionClosed) as closed:
        refused.socket.recv(timeout=TIMEOUT_S)
    assert closed.value.rcvd.code == 1013
    agents[0].socket.close()

    def is_taken():
        late = open_agent("/tone")
        late.send("ping")
        return json.loads(late.socket.recv(timeout=TIMEOUT_S))["type"] == "pong"

    wait_until(is_taken)


def test_an_idle_client_is_sent_away_but_not_a_listening_one(open_agent):
    agent = open_agent("/tone")
    speak(agent, text="chunks=60 delay=0.1")  # longer than the profile's idle time
    with pytest.raises(ConnectionClosed) as closed:
        agent.socket.recv(timeout=TIMEOUT_S)
    assert closed.value.rcvd.code == 1001


def test_a_frame_that_is_too_large_ends_the_connection(open_agent):
    agent = open_agent("/tone")
    agent.socket.send('{"type": "ping", "more": "' + "x" * 1_100_000 + '"}')
    with pytest.raises(ConnectionClosed) as closed:
        agent.socket.recv(timeout=TIMEOUT_S)
    assert closed.value.rcvd.code == 1009
