"""``POST /v1/synthesize``: what a voice agent sends over HTTP."""

import numpy as np
import pytest

SYNTHESIZE = {
    "type": "synthesize",
    "text": "Hello, how are you?",
    "voice_id": "default",
    "streaming": True,
    "exaggeration": 0.5,
}


def test_the_documented_message_as_a_request(embedded, decode, assert_is_speech):
    response = embedded.post("/v1/synthesize", json=SYNTHESIZE)
    assert response.status_code == 200
    assert response.headers["x-tts-voice"] == "qwen"
    assert response.headers["x-tts-ignored"] == "exaggeration"
    assert "content-length" not in response.headers
    samples = np.frombuffer(response.content, "<f4")
    assert np.abs(samples).max() <= 1.0
    assert_is_speech(samples, min_s=0.8, max_s=3.0)


def test_all_at_once(tone):
    fields = {"text": "chunks=5", "streaming": False, "temperature": 0.7}
    response = tone.post("/v1/synthesize", json=fields)
    assert response.headers["x-tts-ignored"] == "temperature"
    assert int(response.headers["content-length"]) == 24_000 * 4


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"text": ""}, 400, "text"),
        ({"type": "cancel"}, 400, "type"),
        ({"voice_id": "nobody"}, 404, "voice_id"),
        ({"speed": 9}, 400, "speed"),
    ],
)
def test_refusals_look_as_on_the_websocket(tone, fields, status, field):
    response = tone.post("/v1/synthesize", json=SYNTHESIZE | fields)
    assert response.status_code == status
    body = response.json()
    assert set(body) == {"type", "code", "message", "field"}
    assert (body["type"], body["field"]) == ("error", field)
