"""CosyVoice 2 and 3 over HTTP, on small random models: every mode, whole and streamed."""

import shutil

import httpx
import numpy as np
import pytest
from loopback import EVENTS, wait_until
from model_files import write_model

from engines.cosyvoice.config import Version

FAMILY = "/v1/model/cosyvoice"
TEXT = {"text": "Hi."}
REQUESTS = {
    "tts": TEXT,
    "zero_shot": TEXT | {"reference_audio": "anna", "reference_text": "Words."},
    "cross_lingual": TEXT | {"reference_audio": "anna"},
    "instruct": TEXT | {"instruction": "Softly."},
}


@pytest.fixture(scope="module")
def models(cluster):
    folder = EVENTS.parent / "models"
    shutil.rmtree(folder, ignore_errors=True)
    for version in Version:
        write_model(folder / version, version)
    return cluster.use("cosyvoice.yaml")


@pytest.fixture(params=["", "/v3"], ids=["cosyvoice2", "cosyvoice3"])
def service(models, request):
    with httpx.Client(base_url=models + request.param, timeout=120) as client:
        yield client


@pytest.mark.parametrize("mode", REQUESTS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_mode_answers(service, decode, mode, stream):
    body = REQUESTS[mode] | {"stream": stream, "seed": 7}
    response = service.post(f"{FAMILY}/{mode}", json=body)
    assert response.status_code == 200, response.text
    assert response.headers["x-tts-engine"] == "cosyvoice"
    assert "x-tts-voice-match" not in response.headers
    samples = decode(response.content)
    assert len(samples) / 24_000 > 0.4
    assert np.abs(samples).max() > 1e-3
    if not stream:
        duration_s = float(response.headers["x-audio-duration"])
        assert duration_s == pytest.approx(len(samples) / 24_000, abs=0.1)


def test_a_seed_repeats_the_audio(service, decode):
    body = REQUESTS["zero_shot"] | {"seed": 5, "format": "pcm"}
    first, second, other = (
        decode(service.post(f"{FAMILY}/zero_shot", json=body | {"seed": seed}).content, raw="s16le")
        for seed in (5, 5, 6)
    )
    np.testing.assert_allclose(first, second, atol=3e-3)
    assert first.shape != other.shape or np.abs(first - other).max() > 3e-3


def test_a_voice_is_prepared_once(service):
    body = REQUESTS["cross_lingual"] | {"reference_audio": "siti"}
    headers = [service.post(f"{FAMILY}/cross_lingual", json=body).headers for _ in range(2)]
    assert [h["x-tts-voice-cache"] for h in headers] == ["miss", "hit"]


def test_speed_holds_for_streams_too(service, decode):
    body = REQUESTS["tts"] | {"seed": 3, "stream": True, "format": "pcm"}
    natural, fast = (
        decode(service.post(f"{FAMILY}/tts", json=body | {"speed": speed}).content, raw="s16le")
        for speed in (1.0, 2.0)
    )
    assert len(fast) == pytest.approx(len(natural) / 2, abs=960)


def test_replicas_log_what_they_loaded(service, logged):
    assert logged("CosyVoice 2.0 loaded on cpu (fp16=False)")
    assert logged("CosyVoice 3.0 loaded on cpu (fp16=False)")


def test_it_names_the_languages_that_it_was_made_for(service):
    languages = set(service.get("/model/info").json()["languages"])
    assert languages >= {"zh", "yue", "en", "ja", "ko"}
    assert ("de" in languages) == service.base_url.path.startswith("/v3")


def test_what_the_engine_counts_and_how_long_requests_waited_is_exported(models):
    """Totals come as counters with each health check, every ten seconds."""
    wanted = (
        "# TYPE tts_engine_finished_total counter",
        "# TYPE tts_engine_audio_seconds_total counter",
        "# TYPE tts_queue_wait_seconds histogram",
    )
    with httpx.Client(base_url=models, timeout=120) as client:
        assert client.post(f"{FAMILY}/tts", json=TEXT).status_code == 200

        def page():
            text = client.get("/api/metrics").text
            return text if all(line in text for line in wanted) else None

        assert "tts_queue_wait_seconds_bucket{" in wait_until(page)
