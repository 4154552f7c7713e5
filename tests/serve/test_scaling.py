"""Several replicas: affinity of voices, and autoscaling under load and back."""

import collections
import threading

import httpx
import pytest
from loopback import wait_until
from ray import serve

TTS = "/v1/model/cosyvoice/tts"
ZERO_SHOT = "/v1/model/cosyvoice/zero_shot"


@pytest.fixture
def service(cluster):
    with httpx.Client(base_url=cluster.use("scaling.yaml"), timeout=120) as client:
        yield client


def test_requests_for_one_voice_meet_one_replica(service, make_clip, replicas_that_prepared):
    clips = [make_clip("wav", frequency_hz=200 + 10 * i, channels=1) for i in range(8)]
    outcomes = collections.Counter()
    for _ in range(4):
        for clip in clips:
            response = service.post(
                ZERO_SHOT,
                data={"text": "a", "reference_text": "b"},
                files={"reference_audio": ("a.wav", clip)},
            )
            outcomes[response.headers["x-tts-voice-cache"]] += 1
    assert outcomes == {"miss": len(clips), "hit": 3 * len(clips)}
    assert len(replicas_that_prepared()) >= 2, "all voices ended up on one replica"


def test_requests_without_a_voice_of_their_own_spread(service, replicas_that_prepared):
    def ask(_):
        httpx.post(service.base_url.join(TTS), json={"text": "chunks=1 delay=0.3"}, timeout=120)

    for _ in range(3):
        threads = [threading.Thread(target=ask, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(replicas_that_prepared()) == 3, "the built-in voice is prepared on every replica"


def engine_replicas():
    states = serve.status().applications["elastic"].deployments["CosyVoice"].replica_states
    return states.get("RUNNING", 0)


def test_replicas_come_under_load_and_go_after_it(service):
    assert engine_replicas() == 1
    stop = threading.Event()

    def keep_asking():
        with httpx.Client(base_url=service.base_url, timeout=120) as client:
            while not stop.is_set():
                response = client.post(f"/elastic{TTS}", json={"text": "chunks=2 delay=0.3"})
                failures.extend([response.status_code] if response.status_code != 200 else [])

    failures = []
    threads = [threading.Thread(target=keep_asking) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: engine_replicas() == 3)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    wait_until(lambda: engine_replicas() == 1)
    assert service.post(f"/elastic{TTS}", json={"text": "a"}).status_code == 200
