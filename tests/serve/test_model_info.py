"""What a voice cloning service's clients ask besides voices, as it is documented."""

import re


def test_the_documented_health(tone):
    response = tone.get("/health")
    assert response.status_code == 200
    assert list(response.json()) == ["status", "timestamp"]
    assert response.json()["status"] == "healthy"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", response.json()["timestamp"])


def test_the_documented_model_info(tone, embedded):
    info = tone.get("/model/info").json()
    assert list(info) == ["device", "features", "languages", "loaded", "model_name", "model_type",
                          "success"]  # fmt: skip
    assert {"Zero-shot voice cloning", "Multilingual TTS", "Emotion control"} <= set(
        info["features"]
    )
    assert (info["device"], info["loaded"], info["success"]) == ("cpu", True, True)
    assert info["model_type"] == "multilingual"
    speaking = embedded.get("/model/info").json()
    assert speaking["languages"] == ["en", "ms"]
    assert speaking["model_name"].startswith("Piper")
    assert "Follows a voice by its pitch" in speaking["features"], "it says what it cannot do"
