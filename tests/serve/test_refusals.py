"""Every row of the error table, over HTTP."""

import base64
import threading

import httpx
import pytest

TTS = "/v1/model/cosyvoice/tts"
ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"


def refused(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    error = response.json()["error"]
    assert error["code"] == code
    return error


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fields", "status", "code", "field"),
    [
        ({"text": ""}, 400, "invalid_field", "text"),
        ({"speed": 2.5}, 400, "invalid_field", "speed"),
        ({"format": "ogg"}, 400, "invalid_field", "format"),
        ({"pitch": 1}, 400, "invalid_field", "pitch"),
        ({"text": "a" * 501}, 413, "text_too_long", "text"),
        ({"voice_type": "nobody"}, 404, "unknown_voice", "voice_type"),
    ],
)
def test_a_wrong_request(tone, fields, status, code, field, stream):
    response = tone.post(TTS, json={"text": "Hello", "stream": stream} | fields)
    assert refused(response, status, code)["field"] == field


def test_a_text_of_exactly_the_limit_is_spoken(tone):
    assert tone.post(TTS, json={"text": "a" * 500}).status_code == 200


@pytest.mark.parametrize("content", [b'{"text": "a", "speed": NaN}', b'{"text": 1}', b"{"])
def test_a_wrong_body(tone, content):
    response = tone.post(TTS, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400


def test_a_body_of_another_kind(tone):
    refused(tone.post(TTS, content="hello"), 415, "unsupported_content_type")


def test_a_body_that_is_too_large(tone):
    response = tone.post(TTS, files={"reference_audio": ("a.wav", bytes(2_100_000))})
    refused(response, 413, "body_too_large")


def test_another_path_or_method(tone):
    refused(tone.get("/v1/model/cosyvoice/nothing"), 404, "not_found")
    refused(tone.get(TTS), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        (base64.b64encode(bytes(1_000)).decode(), 422, "undecodable_reference"),
        ("data:audio/wav;base64,!!!", 400, "invalid_field"),
        ("../../README.md", 400, "forbidden_path"),
        ("/etc/passwd", 400, "forbidden_path"),
        ("nobody", 404, "unknown_voice"),
        ("", 400, "invalid_field"),
    ],
)
def test_a_wrong_reference(tone, reference, status, code):
    fields = {"text": "Hello", "reference_text": "Words", "reference_audio": reference}
    assert refused(tone.post(ZERO_SHOT, json=fields), status, code)["field"] == "reference_audio"


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0.2"), (31, "more than 30 s")])
def test_a_reference_of_the_wrong_length(tone, make_clip, seconds, words):
    clip = make_clip("mp3", seconds=seconds, channels=1)
    files = {"reference_audio": ("a.mp3", clip)}
    response = tone.post(ZERO_SHOT, data={"text": "a", "reference_text": "b"}, files=files)
    assert words in refused(response, 422, "reference_duration")["message"]


def test_a_reference_without_transcript(tone, make_clip):
    files = {"reference_audio": ("a.wav", make_clip("wav"))}
    response = tone.post(ZERO_SHOT, data={"text": "a"}, files=files)
    assert refused(response, 400, "invalid_field")["field"] == "reference_text"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("order", ["fail=0", "nan=0", "chunks=0"])
def test_an_engine_that_fails_before_its_first_audio(tone, order, stream):
    response = tone.post(TTS, json={"text": f"chunks=3 {order}", "stream": stream})
    error = refused(response, 500, "internal")
    assert "told to fail" not in str(error), "internals stay inside"


def test_an_engine_that_fails_later_gives_no_short_file(tone):
    refused(tone.post(TTS, json={"text": "chunks=5 fail=3"}), 500, "internal")


@pytest.mark.parametrize("audio_format", ["mp3", "pcm", "wav", "opus", "flac", "aac"])
@pytest.mark.parametrize("order", ["fail=3", "nan=3"])
def test_a_stream_that_fails_later_is_cut(tone, order, audio_format):
    text = f"chunks=5 delay=0.1 {order}"
    fields = {"text": text, "stream": True, "format": audio_format}
    with tone.stream("POST", TTS, json=fields) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()


def test_what_is_too_much_is_told_when_to_come_back(tone):
    """Two run, two wait; the others are refused before anything is made."""
    responses = []

    def ask(stream):
        fields = {"text": "chunks=2 delay=0.7", "stream": stream}
        responses.append(httpx.post(tone.base_url.join(TTS.lstrip("/")), json=fields, timeout=120))

    threads = [threading.Thread(target=ask, args=(i % 2 == 0,)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy = [response for response in responses if response.status_code != 200]
    assert 4 <= len(busy) <= 6
    for response in busy:
        refused(response, 429, "overloaded")
        assert response.headers["retry-after"] == "3"


def test_only_the_configured_pages_may_call(tone, embedded):
    page = {"Origin": "https://page.example"}
    allowed = "access-control-allow-origin"
    assert tone.post(TTS, json={"text": "a"}, headers=page).headers[allowed] == page["Origin"]
    other = {"Origin": "https://other.example"}
    assert allowed not in tone.post(TTS, json={"text": "a"}, headers=other).headers
    preflight = page | {"Access-Control-Request-Method": "POST"}
    assert tone.options(TTS, headers=preflight).headers[allowed] == page["Origin"]
    assert allowed not in embedded.get("/api/health", headers=page).headers
