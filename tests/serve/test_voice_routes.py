"""Voices over HTTP: by OpenAI's client, by Open WebUI, and by a voice cloning service's clients."""

import re

import openai
import pytest

TEXT = "chunks=3"
QUALITY = {"duration_s", "level_dbfs", "peak_dbfs", "clipped_share", "noise_dbfs", "snr_db",
           "speech_share"}  # fmt: skip


@pytest.fixture(scope="module")
def clip(make_clip):
    return make_clip("wav", seconds=3, channels=1)


@pytest.fixture
def client(tone):
    base_url = str(tone.base_url).rstrip("/") + "/v1"
    with openai.OpenAI(base_url=base_url, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture(autouse=True)
def no_voice_stays(tone):
    yield
    for voice in tone.get("/v1/audio/voices").json()["data"]:
        if not voice["builtin"]:
            tone.delete(f"/v1/audio/voices/{voice['id']}").raise_for_status()


def register(tone, clip, **fields):
    response = tone.post(
        "/v1/audio/voices", data={"name": "Mia"} | fields, files={"audio_sample": ("a.wav", clip)}
    )
    assert response.status_code == 200, response.text
    return response.json()


def names(tone):
    return [voice["name"] for voice in tone.get("/v1/audio/voices").json()["data"]]


def test_openais_client_makes_and_deletes_a_voice(client, clip, decode):
    voice = client.audio.voices.create(
        name="Mia", audio_sample=("mia.wav", clip, "audio/wav"), consent="cons_1234"
    )
    assert (voice.object, voice.name, voice.type) == ("audio.voice", "Mia", "audio_sample")
    assert re.fullmatch(r"voice_[0-9a-f]+", voice.id)
    for named in ({"id": voice.id}, voice.id, "Mia"):
        speech = client.audio.speech.create(model="tts-1", voice=named, input=TEXT)
        assert speech.response.headers["x-tts-voice"] == "Mia"
        assert len(decode(speech.content)) > 10_000
    gone = client.audio.voices.delete(voice.id)
    assert (gone.id, gone.deleted) == (voice.id, True)
    with pytest.raises(openai.NotFoundError):
        client.audio.voices.delete(voice.id)
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="tts-1", voice="Mia", input=TEXT)


def test_everything_about_a_voice(tone, clip):
    more = {"ref_text": "A tone.", "language": "en-GB", "consent": "I agree."}
    voice = register(tone, clip, **more)
    assert (voice["transcript"], voice["language"], voice["consent"]) == (
        "A tone.",
        "en",
        "I agree.",
    )
    assert (voice["owner"], voice["builtin"]) == ("anonymous", False)
    assert set(voice["quality"]) == QUALITY
    assert voice["duration_s"] == pytest.approx(3.0, abs=0.05)
    assert all(set(warning) == {"code", "message"} for warning in voice["warnings"])
    for named in (voice["id"], "Mia"):
        assert tone.get(f"/v1/audio/voices/{named}").json() == voice
    listed = tone.get("/v1/audio/voices").json()
    assert listed["object"] == "list"
    assert voice in listed["data"]
    assert {"qwen", "anna", "amir", "siti"} <= {each["id"] for each in listed["data"]}
    assert {"id": voice["id"], "name": "Mia"} in listed["voices"], "as Open WebUI reads it"


def test_a_voice_without_transcript_is_followed_by_its_sound_and_says_so(tone, clip):
    voice = register(tone, clip)
    assert "no_transcript" in [warning["code"] for warning in voice["warnings"]]
    response = tone.post("/v1/audio/speech", json={"input": TEXT, "voice": voice["id"]})
    assert response.headers["x-tts-mode"] == "cross_lingual"


def test_a_voice_gets_another_name(tone, clip):
    voice = register(tone, clip)
    renamed = tone.patch(f"/v1/audio/voices/{voice['id']}", json={"name": "Lea"}).json()
    assert renamed == voice | {"name": "Lea"}
    assert "Lea" in names(tone)
    assert "Mia" not in names(tone)


def test_a_clip_is_measured_and_not_kept(tone, clip):
    before = names(tone)
    response = tone.post("/v1/audio/voices/check", files={"audio_sample": ("a.wav", clip)})
    report = response.json()
    assert report["object"] == "audio.voice_quality"
    assert set(report["quality"]) == QUALITY
    assert names(tone) == before


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code", "param"),
    [
        ("POST", "", {"data": {"name": "x"}}, 400, "invalid_field", "audio_sample"),
        ("POST", "", {"files": {"audio_sample": b"RIFF"}}, 400, "invalid_field", "name"),
        ("POST", "", {"data": {"name": "/"}, "files": {"audio_sample": b"x"}}, 400,
         "invalid_field", "name"),
        ("POST", "", {"data": {"name": "x"}, "files": {"audio_sample": b"x" * 99}}, 422,
         "undecodable_reference", "audio_sample"),
        ("POST", "", {"data": {"name": "x", "type": "prompt", "prompt": "Deep."},
                      "files": {"audio_sample": b"x"}}, 400, "invalid_field", "type"),
        ("POST", "/check", {"content": b"x"}, 415, "unsupported_content_type", None),
        ("GET", "/nobody", {}, 404, "unknown_voice", "voice_id"),
        ("DELETE", "/nobody", {}, 404, "unknown_voice", "voice_id"),
        ("DELETE", "/qwen", {}, 403, "builtin_voice", None),
        ("PATCH", "/qwen", {"json": {"name": "Lea"}}, 403, "builtin_voice", None),
        ("PATCH", "/qwen", {"json": {}}, 400, "invalid_field", "name"),
    ],
)  # fmt: skip
def test_refusals_are_worded_for_openais_clients(tone, method, path, request_, status, code, param):
    response = tone.request(method, f"/v1/audio/voices{path}", **request_)
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"]) == (code, param)


def test_a_name_is_given_once(tone, clip):
    voice = register(tone, clip)
    again = tone.post(
        "/v1/audio/voices", data={"name": "mia"}, files={"audio_sample": ("a.wav", clip)}
    )
    assert (again.status_code, again.json()["error"]["code"]) == (409, "voice_exists")
    other = register(tone, clip, name="Lea")
    renamed = tone.patch(f"/v1/audio/voices/{other['id']}", json={"name": voice["name"]})
    assert renamed.status_code == 409


# -- a voice cloning service ---------------------------------------------------------------


@pytest.mark.parametrize("field", ["audio", "file", "audio_file"])
def test_the_documented_upload_and_synthesis(tone, clip, decode, field):
    uploaded = tone.post("/voice/upload", files={field: ("me.wav", clip, "audio/wav")}).json()
    assert uploaded["success"] is True
    fields = {"text": "chunks=5", "voice_id": uploaded["voice_id"], "language": "th"}
    response = tone.post("/voice/synthesize", json=fields)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["x-tts-voice"] == uploaded["voice"]["name"]
    assert len(decode(response.content)) == 24_000
    listed = tone.get("/voices").json()
    assert listed["success"] is True
    assert uploaded["voice_id"] in [voice["voice_id"] for voice in listed["voices"]]
    gone = tone.delete(f"/voices/{uploaded['voice_id']}").json()
    assert gone == {"success": True, "voice_id": uploaded["voice_id"]}


@pytest.mark.parametrize(
    ("method", "path", "request_", "status", "code"),
    [
        ("POST", "/voice/upload", {"data": {"name": "x"}}, 400, "invalid_field"),
        ("POST", "/voice/upload", {"files": {"file": b"x" * 99}}, 422, "undecodable_reference"),
        ("POST", "/voice/synthesize", {"json": {"voice_id": "qwen"}}, 400, "invalid_field"),
        ("POST", "/voice/synthesize", {"json": {"text": "a", "voice_id": "x"}}, 404,
         "unknown_voice"),
        ("DELETE", "/voices/nobody", {}, 404, "unknown_voice"),
    ],
)  # fmt: skip
def test_refusals_are_worded_for_the_cloning_services_clients(
    tone, method, path, request_, status, code
):
    response = tone.request(method, path, **request_)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"success", "error", "code", "timestamp"}
    assert (response.json()["success"], response.json()["code"]) == (False, code)


def test_a_voice_is_one_for_all_families(tone, clip):
    uploaded = tone.post("/voice/upload", data={"name": "Mia"}, files={"file": clip}).json()
    for path, fields in (
        ("/v1/audio/speech", {"input": TEXT, "voice": "Mia"}),
        ("/inference_sft", {"tts_text": TEXT, "spk_id": uploaded["voice_id"]}),
        ("/v1/synthesize", {"text": TEXT, "voice_id": "Mia"}),
        ("/v1/model/cosyvoice/tts", {"text": TEXT, "voice_type": "Mia"}),
        ("/voice/synthesize", {"text": TEXT, "voice_id": "Mia"}),
    ):
        response = tone.post(path, json=fields)
        assert response.status_code == 200, response.text
        assert response.headers["x-tts-voice"] == "Mia"
