"""Programs that speak OpenAI's interface without its client, or in their own way."""

import httpx
import openai
from loopback import wait_until

TEXT = "Hello, how are you today?"


def test_open_webui(embedded, decode, assert_is_speech):
    """It asks for models without a key, and keeps the whole answer as an MP3 file."""
    models = embedded.get("/v1/audio/models").json()["models"]
    assert {"id": "tts-1", "name": "tts-1"} in models
    response = embedded.post(
        "/v1/audio/speech",
        json={"model": "tts-1", "input": TEXT, "voice": "alloy"},
        headers={"Authorization": "Bearer unused", "X-OpenWebUI-User-Name": "Somebody"},
    )
    response.raise_for_status()
    assert_is_speech(decode(response.read()), min_s=1.0, max_s=3.0)
    refused = embedded.post("/v1/audio/speech", json={"input": TEXT, "voice": "nobody"}).json()
    assert "nobody" in refused["error"]["message"], "it shows this to its user"


async def test_pipecat(tone):
    """It takes 24 kHz s16le in pieces of its own size, and knows 13 voices."""
    base_url = str(tone.base_url).rstrip("/") + "/v1"
    voices = ("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage",
              "shimmer", "verse", "marin", "cedar")  # fmt: skip
    async with openai.AsyncOpenAI(base_url=base_url, api_key="unused") as client:
        for voice in voices:
            async with client.audio.speech.with_streaming_response.create(
                input="chunks=2", model="gpt-4o-mini-tts", voice=voice, response_format="pcm",
                instructions="Warmly.", speed=1.0,
            ) as response:  # fmt: skip
                assert response.status_code == 200
                pieces = [piece async for piece in response.iter_bytes(4_096)]
            assert sum(map(len, pieces)) == 2 * 0.2 * 24_000 * 2


def test_livekit(tone):
    """It decides by Content-Type whether events or audio came."""
    fields = {"model": "gpt-4o-mini-tts", "input": "chunks=1", "voice": "ash", "speed": 1.0,
              "response_format": "pcm", "instructions": "", "stream_format": "sse"}  # fmt: skip
    events = tone.post("/v1/audio/speech", json=fields, headers={"Accept": "*/*"})
    assert events.headers["content-type"].startswith("text/event-stream")
    audio = tone.post("/v1/audio/speech", json=fields | {"stream_format": "audio"})
    assert audio.headers["content-type"] == "audio/pcm"


def test_fields_of_other_servers_are_named_and_do_nothing(tone):
    more = {"temperature": 0.8, "cfg_weight": 0.5, "lang_code": "e", "no\nname": 1, "é": 2}
    fields = {"model": "tts-1", "input": "chunks=1", "voice": "alloy", "seed": None} | more
    response = tone.post("/v1/audio/speech", json=fields)
    assert response.status_code == 200
    assert response.headers["x-tts-ignored"] == "cfg_weight, lang_code, temperature"


def test_a_client_that_leaves_stops_the_engine(tone, events):
    url = tone.base_url.join("v1/audio/speech")
    fields = {"input": "chunks=500 delay=0.05", "voice": "alloy", "stream_format": "sse"}
    with httpx.stream("POST", url, json=fields, timeout=60) as response:
        next(response.iter_lines())
    wait_until(lambda: "stopped" in events())
