"""LightTTS' two-way stream beside upstream's endpoints."""

import json

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATH = "/inference_zero_shot_bistream"


@pytest.fixture
def open_socket(cluster):
    opened = []

    def run(prefix=""):
        address = cluster.use("speech.yaml").replace("http", "ws") + prefix + PATH
        opened.append(connect(address, max_size=None, open_timeout=120))
        return opened[-1]

    yield run
    for socket in opened:
        socket.close()


def receive(socket):
    """Everything until the server closes, and its code."""
    received = []
    try:
        while True:
            received.append(socket.recv(timeout=120))
    except ConnectionClosed as closed:
        return received, closed.rcvd.code


def test_text_in_pieces_becomes_speech_in_the_clips_pitch(
    open_socket, make_clip, assert_is_speech, recognise
):
    socket = open_socket()
    socket.send(json.dumps({"prompt_text": "What is said.", "tts_model_name": "default"}))
    buzz = ("-af", "aeval=tanh(8*val(0)),lowpass=4000,volume=0.4")
    socket.send(make_clip("wav", frequency_hz=150, options=buzz))
    for piece in ("The children are play", "ing in the garden. ", "They are happy."):
        socket.send(json.dumps({"tts_text": piece}))
    socket.send(json.dumps({"finish": True}))
    frames, code = receive(socket)
    assert code == 1000
    samples = np.frombuffer(b"".join(frames), "<i2").astype(np.float32) / 32_768
    assert_is_speech(samples, min_s=2.0, max_s=7.0)
    assert {"children", "garden"} & set(recognise(samples))


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        (["{"], "message"),
        ([json.dumps({"tts_text": "No clip came. Really."})], "prompt_wav"),
        ([json.dumps({"prompt_text": 5})], "prompt_text"),
        ([b"no audio", json.dumps({"tts_text": "Hello. You."}), '{"finish": true}'], "WAV"),
    ],
)
def test_a_refusal_is_told_and_ends_it(open_socket, messages, words):
    socket = open_socket("/tone")
    for message in messages:
        socket.send(message)
    (answer,), code = receive(socket)
    assert words in json.loads(answer)["detail"]
    assert code == 1008
