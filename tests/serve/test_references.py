"""Where a reference may come from, and that it is prepared once."""

import base64

import pytest

from configs.environment import PROJECT_ROOT

ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"
FOLDER = PROJECT_ROOT / "tests/serve/references"


def cache(response):
    assert response.status_code == 200, response.text
    return response.headers["x-tts-voice-cache"]


def ask(client, reference=None, *, name="clip.wav", upload=None):
    fields = {"text": "Hello there.", "reference_text": "Words."}
    if upload:
        return client.post(ZERO_SHOT, data=fields, files={"reference_audio": (name, upload)})
    return client.post(ZERO_SHOT, json=fields | {"reference_audio": reference})


def test_the_same_voice_is_prepared_once_under_any_name_and_wrapping(tone, make_clip, events):
    clip = make_clip("wav", frequency_hz=311)
    encoded = base64.b64encode(clip).decode()
    assert cache(ask(tone, upload=clip, name="a.wav")) == "miss"
    assert cache(ask(tone, upload=clip, name="b.bin")) == "hit"
    assert cache(ask(tone, encoded)) == "hit"
    assert cache(ask(tone, f"data:audio/wav;base64,{encoded}")) == "hit"
    assert events().count("prepare_voice") == 1


def test_what_counts_is_what_is_heard_not_the_container(tone, make_clip, events):
    as_wav, as_flac = [
        make_clip(kind, frequency_hz=322, rate_hz=24_000, channels=1) for kind in ("wav", "flac")
    ]
    assert as_wav != as_flac
    assert cache(ask(tone, upload=as_wav)) == "miss"
    assert cache(ask(tone, upload=as_flac)) == "hit"
    assert events().count("prepare_voice") == 1


def test_another_voice_is_another(tone, make_clip):
    assert cache(ask(tone, upload=make_clip("wav", frequency_hz=333))) == "miss"
    assert cache(ask(tone, upload=make_clip("wav", frequency_hz=334))) == "miss"


def test_a_registered_voice_needs_no_transcript(tone):
    response = tone.post(ZERO_SHOT, json={"text": "Hello", "reference_audio": "siti"})
    assert response.headers["x-tts-voice"] == "siti"


@pytest.fixture
def clip_in_folder(make_clip):
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / "team" / "clip.wav"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(make_clip("wav"))
    yield file
    file.unlink()
    file.parent.rmdir()


def test_a_path_inside_the_reference_folder(embedded, clip_in_folder):
    for path in ("team/clip.wav", str(clip_in_folder)):
        response = ask(embedded, path)
        assert response.status_code == 200
        assert response.headers["x-tts-voice"] == "reference"
    assert ask(embedded, "team/../../speech.yaml").status_code == 400


def test_all_named_voices_speak(tone):
    for name in ("amir", "anna", "qwen", "siti"):
        response = tone.post("/v1/model/cosyvoice/tts", json={"text": "a", "voice_type": name})
        assert response.headers["x-tts-voice"] == name
