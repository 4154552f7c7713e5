"""Upstream's sample client, request for request: GET with form data in its body."""

import urllib.parse

import httpx
import pytest
import requests

TEXT = "The children are playing in the garden."
SAY = {"tts_text": TEXT}


@pytest.fixture
def url(embedded):
    return str(embedded.base_url).rstrip("/")


@pytest.fixture
def tone_url(tone):
    return str(tone.base_url).rstrip("/")


@pytest.fixture(scope="module")
def clip(make_clip):
    """As the sample client sends it: no file name with an ending, no audio Content-Type."""
    data = make_clip("wav", frequency_hz=220, rate_hz=16_000, channels=1)
    return [("prompt_wav", ("prompt_wav", data, "application/octet-stream"))]


def client_call(url, payload, files=None):
    response = requests.request("GET", url, data=payload, files=files, stream=True, timeout=60)
    return response, b"".join(response.iter_content(chunk_size=16_000))


def test_the_sample_client_with_a_speaker(url, decode, assert_is_speech, recognise):
    response, data = client_call(f"{url}/inference_sft", SAY | {"spk_id": "中文女"})
    assert response.status_code == 200
    assert response.headers["x-sample-rate"] == "24000"
    assert response.headers["x-tts-voice"] == "anna"
    samples = decode(data, raw="s16le")
    assert_is_speech(samples, min_s=1.5, max_s=4.0)
    assert len({"children", "playing", "garden"} & set(recognise(samples))) >= 2


def test_the_sample_client_with_a_clip(url, clip, decode, assert_is_speech):
    for name, more in (("zero_shot", {"prompt_text": "A tone."}), ("cross_lingual", {})):
        response, data = client_call(f"{url}/inference_{name}", SAY | more, clip)
        assert response.headers["x-tts-mode"] == name
        assert_is_speech(decode(data, raw="s16le"), min_s=1.5, max_s=4.0)


def test_the_sample_client_with_an_instruction(tone_url, clip, decode):
    manner = {"tts_text": "chunks=5", "instruct_text": "Softly."}
    for name, more, files in (
        ("instruct", {"spk_id": "qwen"}, None),
        ("instruct2", {}, clip),
    ):
        response, data = client_call(f"{tone_url}/inference_{name}", manner | more, files)
        assert response.headers["x-tts-mode"] == "instruct"
        assert len(decode(data, raw="s16le")) == 24_000


@pytest.mark.parametrize("kind", ["query", "form", "json", "multipart"])
def test_every_way_to_send_the_fields(tone, decode, kind):
    fields = {"tts_text": "chunks=5", "spk_id": "qwen"}
    response = {
        "query": lambda: tone.get("/inference_sft", params=fields),
        "form": lambda: tone.post("/inference_sft", data=fields),
        "json": lambda: tone.post("/inference_sft", json=fields),
        "multipart": lambda: tone.post(
            "/inference_sft", files={name: (None, value) for name, value in fields.items()}
        ),
    }[kind]()
    assert response.status_code == 200, response.text
    assert "content-length" not in response.headers
    assert len(decode(response.content, raw="s16le")) == 24_000


def test_the_fields_of_lighttts(tone, clip, decode):
    fields = {"tts_text": "chunks=5", "prompt_text": "A tone.", "stream": "false", "speed": "2.0",
              "tts_model_name": "default"}  # fmt: skip
    response = tone.post("/inference_zero_shot", data=fields, files=clip)
    assert response.headers["x-tts-ignored"] == "tts_model_name"
    assert int(response.headers["content-length"]) == len(response.content)
    assert len(decode(response.content, raw="s16le")) == 12_000


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "fields", "status", "named"),
    [
        ("sft", {"spk_id": "qwen"}, 400, "tts_text"),
        ("sft", {"tts_text": "Hi", "spk_id": "nobody"}, 404, "nobody"),
        ("zero_shot", {"tts_text": "Hi"}, 400, "prompt_wav"),
        ("cross_lingual", {"tts_text": "Hi", "prompt_wav": "../x"}, 400, "reference folder"),
        ("instruct2", {"tts_text": "Hi", "prompt_wav": "qwen"}, 400, "instruct_text"),
    ],
)
def test_refusals_look_as_upstreams_do(tone, method, path, fields, status, named):
    body = urllib.parse.urlencode(fields)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    response = tone.request(method, f"/inference_{path}", content=body, headers=kind)
    assert response.status_code == status
    assert named in response.json()["detail"]


def test_a_stream_that_breaks_is_cut(tone):
    fields = {"tts_text": "chunks=5 delay=0.1 fail=3", "spk_id": "qwen"}
    with tone.stream("GET", "/inference_sft", params=fields) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
