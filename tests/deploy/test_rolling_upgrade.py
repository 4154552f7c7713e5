"""A new configuration under load: nobody notices but by what it changes."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from crowd import TTS, ask, crowd
from loopback import wait_until
from websockets.sync.client import connect

LOAD_S = 30.0
LONG_TEXT = "chunks=1 " + "a" * 150
"""Longer than the profile allows, shorter than its successor does."""
FLOAT_CHUNK_BYTES = 0.2 * 24_000 * 4


def status_of(client, text):
    return client.post(TTS, json={"text": text}).status_code


def upgrade(pairs, **http):
    """Deploy the profile with other settings, and wait until no old replica is left."""
    deployments = ("Ingress", "AudioProcessor", "CosyVoice", "MMS")
    old = [process for name in deployments for process in pairs.replicas(name)]
    pairs.deploy("pairs.yaml", **http)
    wait_until(lambda: not any(process.is_running() for process in old), 240)
    pairs.await_strength()


def speak_on_socket(pairs, chunks, delay_s):
    """Speak one utterance over a WebSocket; return its bytes and the last event."""
    num_bytes = 0
    url = pairs.url.replace("http", "ws") + "/v1/stream/tts"
    with connect(url, open_timeout=60, max_size=None) as socket:
        text = f"chunks={chunks} delay={delay_s}"
        socket.send(json.dumps({"type": "synthesize", "text": text}))
        while True:
            frame = socket.recv(timeout=120)
            if isinstance(frame, bytes):
                num_bytes += len(frame)
            elif (event := json.loads(frame))["type"] != "start":
                return num_bytes, event


def test_an_upgrade_under_load_fails_nobody(pairs, client):
    assert status_of(client, LONG_TEXT) == 413
    began = time.monotonic()
    with crowd(pairs.url) as answers, ThreadPoolExecutor(2) as pool:
        wait_until(lambda: len(answers) >= 12)
        long_stream = pool.submit(
            ask, httpx.Client(base_url=pairs.url, timeout=120), chunks=60, delay_s=0.1, stream=True
        )
        on_socket = pool.submit(speak_on_socket, pairs, 60, 0.1)
        upgrade(pairs, max_text_characters=200)
        answered = len(answers)
        wait_until(
            lambda: time.monotonic() - began > LOAD_S and len(answers) >= answered + 12, LOAD_S + 60
        )
        assert status_of(client, LONG_TEXT) == 200
    failed = [answer for answer in answers if not answer.is_whole]
    assert not failed, f"{len(failed)} of {len(answers)}: {failed[:5]}"
    assert long_stream.result(60).is_whole
    num_bytes, last = on_socket.result(60)
    assert last["type"] == "end"
    assert num_bytes == 60 * FLOAT_CHUNK_BYTES
