"""The official OpenAI client against the service: what it sends, and what it makes of answers."""

import base64
import io
import json

import httpx2
import openai
import pytest
import soundfile
from loopback import wait_until
from starlette.requests import HTTPConnection

from deployments.errors import OverloadedError
from serve_app.dialects import answer_error

TEXT = "Hello, how are you today?"
WRONG = {"message", "type", "param", "code"}


@pytest.fixture
def openai_client(embedded):
    with openai.OpenAI(base_url=f"{embedded.base_url}/v1", api_key="unused") as client:
        yield client


@pytest.fixture
def openai_tone(tone):
    base_url = str(tone.base_url).rstrip("/") + "/v1"
    with openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0) as client:
        yield client


def speech_events(response):
    """The events of a stream, as a client reads them line by line."""
    lines = [line for line in response.iter_lines() if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_the_client_speaks(openai_client, decode, assert_is_speech, recognise):
    speech = openai_client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
    samples = decode(speech.content)
    assert_is_speech(samples, min_s=1.0, max_s=3.0)
    assert {"are", "you", "today"} <= set(recognise(samples))
    headers = speech.response.headers
    assert headers["content-type"] == "audio/mpeg"
    assert headers["x-tts-voice"] == "qwen", "alloy is one of ours"
    assert "content-length" not in headers, "audio comes while it is made"


def test_malay_is_spoken_by_its_own_engine_without_being_named(openai_client, logged):
    speech = openai_client.audio.speech.create(
        model="tts-1", voice="alloy", input="Sila tunggu sebentar, harganya RM12.50.",
        extra_headers={"X-Request-ID": "malay-test"},
    )  # fmt: skip
    headers = speech.response.headers
    assert (headers["x-tts-language"], headers["x-tts-voice"]) == ("ms", "ms")
    speech.read()
    (line,) = wait_until(lambda: logged("malay-test"))
    assert " mms tts " in line


async def test_the_asynchronous_client_speaks(embedded, decode, assert_is_speech):
    async with openai.AsyncOpenAI(base_url=f"{embedded.base_url}/v1", api_key="unused") as client:
        speech = await client.audio.speech.create(
            model="cosyvoice", voice={"id": "anna"}, input=TEXT, response_format="flac"
        )
        assert speech.response.headers["x-tts-voice"] == "anna"
        assert_is_speech(decode(speech.content), min_s=1.0, max_s=3.0)


def test_it_streams_to_a_file(openai_client, tmp_path, decode, assert_is_speech):
    file = tmp_path / "speech.opus"
    with openai_client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="nova", input=TEXT, response_format="opus"
    ) as response:
        response.stream_to_file(file)
    assert_is_speech(decode(file.read_bytes()), min_s=1.0, max_s=3.0)


@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_every_format_of_the_client(openai_tone, decode, response_format):
    speech = openai_tone.audio.speech.create(
        model="tts-1-hd", voice="echo", input="chunks=5", response_format=response_format
    )
    samples = decode(speech.content, raw="s16le" if response_format == "pcm" else None)
    assert len(samples) / 24_000 == pytest.approx(1.0, abs=0.15)


def test_a_wav_states_its_length_unless_it_is_to_be_streamed(openai_tone):
    order = {"model": "tts-1", "voice": "alloy", "input": "chunks=5", "response_format": "wav"}
    whole = openai_tone.audio.speech.create(**order)
    assert soundfile.info(io.BytesIO(whole.content)).duration == pytest.approx(1.0)
    streamed = openai_tone.audio.speech.create(**order, extra_body={"stream": True})
    assert streamed.content[4:8] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize(("speed", "seconds"), [(0.25, 4.0), (4.0, 0.25)])
def test_the_whole_range_of_speeds(openai_tone, decode, speed, seconds):
    speech = openai_tone.audio.speech.create(
        model="tts-1", voice="alloy", input="chunks=5", response_format="pcm", speed=speed
    )
    assert len(decode(speech.content, raw="s16le")) / 24_000 == pytest.approx(seconds, rel=0.02)


def test_events_carry_the_audio_and_the_usage(openai_tone, decode):
    with openai_tone.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="chunks=5 delay=0.1",
        response_format="pcm", stream_format="sse",
    ) as response:  # fmt: skip
        assert response.headers["content-type"].startswith("text/event-stream")
        *deltas, done = speech_events(response)
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    data = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert len(decode(data, raw="s16le")) / 24_000 == pytest.approx(1.0, abs=0.02)
    usage = {"input_tokens": 18, "output_tokens": 25, "total_tokens": 43}
    assert done == {"type": "speech.audio.done", "usage": usage}


def test_what_breaks_after_the_first_event_is_an_event(openai_tone):
    with openai_tone.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input="chunks=5 delay=0.1 fail=3", stream_format="sse"
    ) as response:
        *deltas, last = speech_events(response)
    assert deltas
    assert last["type"] == "speech.audio.error"
    assert set(last["error"]) == WRONG
    assert (last["error"]["type"], last["error"]["code"]) == ("server_error", "internal")
    assert "told to fail" not in str(last), "internals stay inside"


def test_audio_that_breaks_is_an_error_for_the_client(openai_tone):
    with (
        pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)),
        openai_tone.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input="chunks=5 delay=0.1 fail=3", response_format="pcm"
        ) as response,
    ):
        response.read()


def test_a_clip_and_the_other_extensions(openai_tone, make_clip):
    clip = base64.b64encode(make_clip("wav", seconds=1)).decode()
    more = {"ref_audio": clip, "ref_text": "A tone.", "language": "en", "seed": 3,
            "priority": "batch"}  # fmt: skip
    speech = openai_tone.audio.speech.create(
        model="tts-1", voice="alloy", input="chunks=2", extra_body=more
    )
    headers = speech.response.headers
    assert (headers["x-tts-mode"], headers["x-tts-voice"]) == ("zero_shot", "reference")
    del more["ref_text"]
    speech = openai_tone.audio.speech.create(
        model="tts-1", voice="alloy", input="chunks=2", extra_body=more
    )
    assert speech.response.headers["x-tts-mode"] == "cross_lingual"


def test_instructions(openai_tone, openai_client):
    order = {"model": "gpt-4o-mini-tts", "voice": "coral", "input": "Hi", "instructions": "Softly."}
    headers = openai_tone.audio.speech.create(**order).response.headers
    assert (headers["x-tts-mode"], headers["x-tts-voice"]) == ("instruct", "anna")
    with pytest.raises(openai.UnprocessableEntityError, match="cannot do instruct"):
        openai_client.audio.speech.create(**order)


def test_the_model_picks_the_engine(openai_client, openai_tone):
    ids = [model.id for model in openai_client.models.list()]
    assert {"cosyvoice", "mms", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"} <= set(ids)
    assert openai_client.models.retrieve("mms").owned_by == "cosyvoice-mms-tts"
    malay = openai_tone.audio.speech.create(
        model="mms", voice="alloy", input="chunks=1", extra_body={"language": "ms"}
    )
    assert malay.response.headers["x-tts-voice"] == "ms"
    with pytest.raises(openai.NotFoundError) as caught:
        openai_client.models.retrieve("kokoro")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize(
    ("fields", "error", "code", "param"),
    [
        ({"input": ""}, openai.BadRequestError, "invalid_field", "input"),
        ({"speed": 5}, openai.BadRequestError, "invalid_field", "speed"),
        ({"response_format": "ogg"}, openai.BadRequestError, "invalid_field", "response_format"),
        ({"stream_format": "ws"}, openai.BadRequestError, "invalid_field", "stream_format"),
        ({"voice": "nobody"}, openai.NotFoundError, "unknown_voice", "voice"),
        ({"model": "kokoro"}, openai.NotFoundError, "model_not_found", "model"),
        ({"ref_audio": "../x.wav"}, openai.BadRequestError, "forbidden_path", "ref_audio"),
        ({"ref_audio": "!" * 300}, openai.BadRequestError, "invalid_field", "ref_audio"),
        ({"input": "a" * 501}, openai.APIStatusError, "text_too_long", "input"),
        ({"input": "fail=0"}, openai.InternalServerError, "internal", None),
    ],
)
def test_errors_become_the_clients_own(openai_tone, fields, error, code, param):
    order = {"model": "tts-1", "voice": "alloy", "input": "Hi"}
    with pytest.raises(error) as caught:
        openai_tone.audio.speech.create(**order, extra_body=fields)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert set(caught.value.body) == WRONG
    assert caught.value.request_id


def test_the_client_comes_back_when_it_is_told_to():
    """The service's own 429, and then audio: the client waits for Retry-After and asks again."""
    asked = []

    def busy_once(request):
        asked.append(request.headers["x-stainless-retry-count"])
        if len(asked) > 1:
            return httpx2.Response(200, content=b"audio")
        scope = {"type": "http", "path": "/v1/audio/speech", "headers": []}
        answer = answer_error(HTTPConnection(scope), OverloadedError(0.2))
        return httpx2.Response(answer.status_code, headers=answer.raw_headers, content=answer.body)

    with httpx2.Client(transport=httpx2.MockTransport(busy_once)) as http_client:
        client = openai.OpenAI(base_url="http://busy/v1", api_key="x", http_client=http_client)
        speech = client.audio.speech.create(model="tts-1", voice="alloy", input=TEXT)
    assert (speech.content, asked) == (b"audio", ["0", "1"])
