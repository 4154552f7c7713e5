"""What the limits of API keys stop, over all replicas, and while the one that counts is away."""

import json
import threading

import pytest
from loopback import KEYS, accounts_replica, bearer, wait_until

from access.keys import Scope
from access.ledger import LEASE_S

TTS = "/v1/model/cosyvoice/tts"
SHORT = {"text": "chunks=1"}
LONG = {"text": "chunks=200 delay=0.05", "stream": True}
KEY_TERMS = {
    "per-minute": (Scope.SPEAK, {"requests_per_minute": 10}),
    "concurrent": (Scope.SPEAK, {"concurrency": 2}),
    "characters": (Scope.SPEAK, {"characters_per_day": 100}),
    "paid-back": (Scope.SPEAK, {"characters_per_day": 100}),
    "remembered": (Scope.SPEAK, {"characters_per_day": 100}),
    "audio": (Scope.SPEAK, {"audio_seconds_per_day": 0.1}),
    "audio-stream": (Scope.SPEAK, {"audio_seconds_per_day": 0.1}),
}


def test_requests_per_minute_are_counted_over_all_replicas(guarded, key):
    headers = key("per-minute")
    refused = wait_until(
        lambda: (r := guarded.post(TTS, json=SHORT, headers=headers)).status_code == 429 and r
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    other = guarded.post("/v1/audio/speech", json={"input": "a"}, headers=headers)
    assert other.status_code == 429
    assert other.json()["error"]["type"] == "rate_limit_error"


def test_concurrency_is_counted_over_all_replicas_and_freed(guarded, key):
    headers = key("concurrent")

    def begin():
        stream = guarded.stream("POST", TTS, json=LONG, headers=headers)
        return stream, stream.__enter__()

    streams = [begin() for _ in range(2)]
    try:
        assert [response.status_code for _, response in streams] == [200, 200]
        for _ in range(4):
            refused = guarded.post(TTS, json=SHORT, headers=headers)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
    finally:
        for stream, _ in streams:
            stream.__exit__(None, None, None)
    before_they_expire_s = LEASE_S / 2
    wait_until(
        lambda: guarded.post(TTS, json=SHORT, headers=headers).status_code == 200,
        before_they_expire_s,
    )


def test_characters_per_day(guarded, key):
    headers = key("characters")
    text = {"text": "a" * 60}
    assert guarded.post(TTS, json=text | {"voice_type": "nobody"}, headers=headers).is_client_error
    assert guarded.post(TTS, json=text, headers=headers).status_code == 200
    refused = guarded.post(TTS, json=text | {"stream": True}, headers=headers)
    assert refused.status_code == 429
    assert "100 characters per day" in refused.text
    assert int(refused.headers["retry-after"]) <= 86_400
    assert guarded.post(TTS, json={"text": "a" * 40}, headers=headers).status_code == 200


def test_what_the_engine_refused_is_paid_back(guarded, key, make_clip):
    headers = key("paid-back")
    fields = {"text": "a" * 80, "reference_text": "Words."}
    for _ in range(2):
        clip = {"reference_audio": ("a.wav", make_clip("wav", seconds=0.1))}
        answer = guarded.post(
            "/v1/model/cosyvoice/zero_shot", data=fields, files=clip, headers=headers
        )
        assert answer.status_code == 422
    text = {"text": "a" * 100}
    wait_until(lambda: guarded.post(TTS, json=text, headers=headers).status_code == 200)


@pytest.mark.parametrize("stream", [False, True])
def test_audio_seconds_per_day(guarded, key, stream):
    headers = key("audio-stream" if stream else "audio")
    body = SHORT | {"stream": stream}
    assert guarded.post(TTS, json=body, headers=headers).status_code == 200
    refused = wait_until(
        lambda: (r := guarded.post(TTS, json=body, headers=headers)).status_code == 429 and r
    )
    assert "0.1 s of audio per day" in refused.text


def test_without_accounts_limited_keys_wait_and_others_do_not(guarded, admin, key):
    """And what was used before is remembered."""
    limited = key("remembered")
    assert guarded.post(TTS, json={"text": "a" * 90}, headers=limited).status_code == 200
    usage = KEYS.with_name("usage.json")
    wait_until(lambda: usage.exists() and 90 in values_of(json.loads(usage.read_text())))
    killed = accounts_replica()
    killed.suspend()
    answers = []
    asking = threading.Thread(
        target=lambda: answers.append(guarded.post(TTS, json=SHORT, headers=limited))
    )
    asking.start()
    assert guarded.post(TTS, json=SHORT, headers=bearer(admin)).status_code == 200
    asking.join(60)
    assert answers[0].status_code == 503
    assert int(answers[0].headers["retry-after"]) >= 1
    killed.kill()
    wait_until(lambda: guarded.post(TTS, json=SHORT, headers=limited).status_code == 200, 60)
    assert accounts_replica().pid != killed.pid
    assert guarded.post(TTS, json={"text": "a" * 90}, headers=limited).status_code == 429


def values_of(usage):
    return [use["characters"] for use in usage.values()]
