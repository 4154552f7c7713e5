"""The service with the embedded voice, heard through its own answers."""

import io
import re

import numpy as np
import pytest
import soundfile

from audio.formats import AudioFormat
from engines.piper.pitch import median_pitch_hz

RAW = {AudioFormat.PCM: "s16le", AudioFormat.PCM_F32: "f32le"}
TTS = "/v1/model/cosyvoice/tts"
MMS = "/v1/model/mms/tts"
HELLO = "Hello, how are you today?"
SENTENCE = "The children are playing in the garden."


def form(fields):
    return {name: str(value) for name, value in fields.items()}


@pytest.fixture(scope="module")
def hear(decode, recognise, assert_is_speech):
    """Decode an answer, check that it is speech, and give its words."""

    def run(data):
        samples = decode(data)
        assert_is_speech(samples, min_s=1.0, max_s=4.0)
        return set(recognise(samples))

    return run


@pytest.fixture(scope="module")
def clip(make_clip):
    """A reference: a buzz at 220 Hz, with its harmonics."""
    buzz = ("-af", "aeval=tanh(8*val(0)),lowpass=4000,volume=0.4")
    return make_clip("wav", frequency_hz=220, options=buzz)


def test_the_readme_line_speaks(embedded, decode, assert_is_speech, recognise):
    response = embedded.post(TTS, json={"text": HELLO})
    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/mpeg"
    assert int(response.headers["content-length"]) == len(response.content)
    samples = decode(response.content)
    assert_is_speech(samples, min_s=1.0, max_s=3.0)
    assert {"are", "you", "today"} <= set(recognise(samples))


def test_the_file_is_24_khz_mono_and_states_its_length(embedded):
    response = embedded.post(TTS, json={"text": HELLO})
    info = soundfile.info(io.BytesIO(response.content))
    assert (info.samplerate, info.channels, info.format) == (24_000, 1, "MP3")
    assert info.duration == pytest.approx(float(response.headers["x-audio-duration"]), abs=0.01)


def test_the_headers_say_who_spoke_and_how_fast(embedded):
    headers = embedded.post(TTS, json={"text": HELLO}, headers={"X-Request-ID": "abc-1"}).headers
    assert headers["x-request-id"] == "abc-1"
    assert headers["x-tts-engine"] == "piper"
    assert headers["x-tts-voice"] == "qwen"
    assert headers["x-sample-rate"] == "24000"
    assert 0 < float(headers["x-tts-rtf"]) < 20
    assert "x-tts-voice-match" not in headers
    made_up = [embedded.post(TTS, json={"text": "a"}).headers["x-request-id"] for _ in range(2)]
    assert made_up[0] != made_up[1]


ENDPOINTS = [
    (TTS, {"text": SENTENCE, "voice_type": "anna", "speed": 1.2}),
    ("/v1/model/cosyvoice/zero_shot", {"text": SENTENCE, "reference_audio": "anna"}),
    ("/v1/model/cosyvoice/cross_lingual", {"text": SENTENCE, "reference_audio": "siti"}),
    (MMS, {"text": SENTENCE, "language": "en"}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["json", "multipart", "urlencoded"])
@pytest.mark.parametrize(("path", "fields"), ENDPOINTS, ids=[path for path, _ in ENDPOINTS])
def test_every_endpoint_takes_every_body(embedded, hear, path, fields, kind, stream):
    fields = fields | {"stream": stream}
    request = {
        "json": {"json": fields},
        "multipart": {"files": {name: (None, value) for name, value in form(fields).items()}},
        "urlencoded": {"data": form(fields)},
    }[kind]
    response = embedded.post(path, **request)
    assert response.status_code == 200, response.text
    assert ("content-length" in response.headers) is not stream
    assert len({"children", "playing", "garden"} & hear(response.content)) >= 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("audio_format", list(AudioFormat))
def test_every_format(embedded, decode, assert_is_speech, audio_format, stream):
    fields = {"text": HELLO, "format": audio_format.value, "stream": stream}
    response = embedded.post(TTS, json=fields)
    assert response.headers["content-type"] == audio_format.media_type
    assert_is_speech(decode(response.content, raw=RAW.get(audio_format)), min_s=1.0, max_s=3.0)


def test_malay_is_spoken_by_the_mms_endpoint(embedded, decode, assert_is_speech):
    response = embedded.post(MMS, json={"text": "Selamat pagi, apa khabar? Nama saya Amir."})
    assert response.headers["x-tts-engine"] == "piper", "the stand-in must say so"
    assert response.headers["x-tts-voice"] == "ms"
    assert_is_speech(decode(response.content), min_s=2.0, max_s=5.0)


def test_speed_changes_the_duration(embedded):
    text = "One two three four five six seven eight nine ten. " * 2
    slow, fast = (
        float(embedded.post(TTS, json={"text": text, "speed": s}).headers["x-audio-duration"])
        for s in (0.8, 1.6)
    )
    assert slow / fast == pytest.approx(2.0, rel=0.15)


@pytest.mark.parametrize("endpoint", ["zero_shot", "cross_lingual"])
def test_a_cloning_request_follows_the_pitch_and_says_that_this_is_all(
    embedded, decode, clip, endpoint
):
    fields = {"text": SENTENCE + " " + HELLO}
    if endpoint == "zero_shot":
        fields["reference_text"] = "A buzz."
    pitches = []
    for _ in range(3):  # the voice draws anew each time, and a take may be measured an octave off
        files = {"reference_audio": ("a.wav", clip)}
        response = embedded.post(f"/v1/model/cosyvoice/{endpoint}", data=fields, files=files)
        assert response.headers["x-tts-voice-match"] == "pitch"
        assert response.headers["x-tts-voice"] == "reference"
        pitches.append(median_pitch_hz(np.array(decode(response.content)), 24_000))
    assert np.median(pitches) == pytest.approx(220, rel=0.15), pitches


def test_a_mode_that_the_engine_cannot_do_is_refused(embedded):
    fields = {"text": HELLO, "instruction": "softly"}
    response = embedded.post("/v1/model/cosyvoice/instruct", json=fields)
    assert response.status_code == 422
    assert response.json()["error"] == {
        "code": "unsupported_mode",
        "message": "the piper engine cannot do instruct; it can do cross_lingual, tts, zero_shot",
    }


def test_the_answer_says_which_language_was_spoken(embedded):
    for fields, language in [
        ({"text": SENTENCE}, "en"),
        ({"text": "Sila tunggu sebentar."}, "ms"),
        ({"text": "Sila tunggu sebentar.", "language": "eng"}, "en"),
        ({"text": "Silakan tunggu sebentar ya."}, "ms"),
        ({"text": "Bonjour tout le monde."}, "en"),
    ]:
        response = embedded.post(TTS, json=fields)
        assert response.headers["x-tts-language"] == language


def test_a_script_that_the_engine_does_not_speak_is_refused(embedded):
    response = embedded.post(TTS, json={"text": "您的订单 A102 已经发货。"})
    assert (response.status_code, response.json()["error"]["field"]) == (422, "language")
    assert "does not speak 'zh'; it speaks en, ms" in response.json()["error"]["message"]


def test_a_language_that_the_engine_does_not_speak_is_refused(embedded):
    response = embedded.post(TTS, json={"text": "你好", "language": "zh"})
    assert response.status_code == 422
    assert response.json()["error"]["field"] == "language"
    assert "en, ms" in response.json()["error"]["message"]


def test_a_text_without_words_is_refused(embedded):
    response = embedded.post(TTS, json={"text": "... !"})
    assert (response.status_code, response.json()["error"]["field"]) == (422, "text")


def test_a_long_text_is_heard_while_most_of_it_is_still_to_be_spoken(embedded, decode):
    text = ("This sentence is one of very many. " * 143)[:5_000]
    fields = {"text": text, "stream": True, "format": "pcm"}
    with embedded.stream("POST", TTS, json=fields) as response:
        assert response.status_code == 200
        first = decode(next(response.iter_raw()), raw="s16le")
    assert 0.2 < len(first) / 24_000 < 20, "the whole text takes minutes"


def test_one_line_is_logged_for_each_request_without_its_text(embedded, logged):
    secret = "Xylophone concerto."
    embedded.post(TTS, json={"text": secret}, headers={"X-Request-ID": "log-test-1"})
    (line,) = logged("log-test-1")
    assert re.search(
        r"cosyvoice tts chars=19 engine=piper first_audio=\d+\.\d+s took=\d+\.\d+s ok "
        r"audio=\d+\.\d+s rtf=\d+\.\d+$",
        line,
    ), line
    embedded.post(TTS, json={"text": "..."}, headers={"X-Request-ID": "log-test-2"})
    (line,) = logged("log-test-2")
    assert line.endswith("refused: NothingToSpeakError")
    assert not logged("Xylophone")


def test_replicas_log_what_they_loaded(embedded, logged):
    assert logged("Piper en_US-joe-medium loaded on cpu (fp16=False)")


def test_health_and_documents(embedded):
    assert embedded.get("/api/health").json() == {
        "status": "healthy",
        "engines": ["cosyvoice", "mms"],
    }
    for method in ("GET", "POST"):
        response = embedded.request(method, "/v1/model/cosyvoice/healthcheck")
        assert (response.status_code, response.json()) == (200, {"status": "healthy"})
    assert "/v1/model/mms/tts" in embedded.get("/docs").text
    paths = embedded.get("/openapi.json").json()["paths"]
    for path, _ in ENDPOINTS:
        content = paths[path]["post"]["requestBody"]["content"]
        assert set(content) == {"application/json", "multipart/form-data"}
        assert content["application/json"]["example"]["text"]
        assert "audio/mpeg" in paths[path]["post"]["responses"]["200"]["content"]
