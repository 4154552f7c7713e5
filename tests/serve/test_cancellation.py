"""Who hangs up stops everything that worked for him."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from loopback import ffmpeg_children, wait_until

TTS = "/v1/model/cosyvoice/tts"
LONG = "chunks=600 delay=0.05"
"""Half a minute of work."""


def assert_stopped(events):
    wait_until(lambda: "stopped" in events())
    assert "finished" not in events()
    assert events().count("chunk") < 500
    wait_until(lambda: not ffmpeg_children())


@pytest.mark.parametrize("audio_format", ["mp3", "wav"])
def test_hanging_up_on_a_stream(tone, events, audio_format):
    fields = {"text": LONG, "stream": True, "format": audio_format}
    with tone.stream("POST", TTS, json=fields) as response:
        chunks = response.iter_raw()  # kept: httpx closes a response with its iterator
        assert next(chunks)
        if audio_format == "mp3":
            assert ffmpeg_children()
    assert_stopped(events)


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_before_there_is_an_answer(tone, events, stream):
    text = LONG if not stream else "chunks=100 delay=2"
    with pytest.raises(httpx.ReadTimeout):
        tone.post(TTS, json={"text": text, "stream": stream}, timeout=1.0)
    assert_stopped(events)


def test_hanging_up_while_waiting_in_the_queue(tone, events):
    """Two requests fill the deployment; a third leaves before it has reached the engine."""
    fields = {"text": "chunks=40 delay=0.05", "stream": True}
    with tone.stream("POST", TTS, json=fields) as one, tone.stream("POST", TTS, json=fields) as two:
        chunks = one.iter_raw(), two.iter_raw()  # kept: httpx closes a response with its iterator
        assert all(map(next, chunks))
        with pytest.raises(httpx.ReadTimeout):
            tone.post(TTS, json={"text": LONG}, timeout=0.5)
    wait_until(lambda: events().count("stopped") == 2)
    assert tone.post(TTS, json={"text": "chunks=1"}).status_code == 200
    assert events().count("stopped") == 2
    assert events().count("finished") == 1


def test_slots_are_free_again(tone, events):
    for _ in range(6):  # more than the deployment takes at once
        with tone.stream("POST", TTS, json={"text": LONG, "stream": True}) as response:
            next(response.iter_raw())
    assert tone.post(TTS, json={"text": "chunks=1"}).status_code == 200
    wait_until(lambda: events().count("stopped") == 6)


def test_it_is_logged_as_the_clients_doing(tone, logged):
    headers = {"X-Request-ID": "hang-up-1"}
    with tone.stream("POST", TTS, json={"text": LONG, "stream": True}, headers=headers) as response:
        next(response.iter_raw())
    left = "cancelled: the client left"
    (_,) = wait_until(lambda: [line for line in logged("hang-up-1") if line.endswith(left)])


def engine_replica(application):
    name = f"ray::ServeReplica:{application}:CosyVoice"
    for process in psutil.Process().children(recursive=True):
        if process.status() != psutil.STATUS_ZOMBIE and name in " ".join(process.cmdline()):
            return process
    return None


def test_a_replica_that_dies_cuts_its_streams_and_is_replaced(tone):
    fields = {"text": LONG, "stream": True}
    with tone.stream("POST", TTS, json=fields) as response:
        chunks = response.iter_raw()
        next(chunks)
        engine_replica("tone").kill()
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    health = "/api/health"
    unhealthy = wait_until(lambda: (r := tone.get(health)).status_code == 503 and r)
    assert unhealthy.json() == {"status": "unhealthy", "engines": ["mms"]}
    assert tone.get("/v1/model/cosyvoice/healthcheck").json() == {"status": "unhealthy"}
    wait_until(lambda: tone.get(health).status_code == 200)
    assert tone.post(TTS, json={"text": "a"}).status_code == 200


def test_a_speech_whose_only_replica_dies_before_the_first_audio_waits_for_the_next(tone, events):
    with ThreadPoolExecutor(1) as pool:
        fields = {"text": "chunks=1 delay=3"}
        answer = pool.submit(
            httpx.post, tone.base_url.join(TTS.lstrip("/")), json=fields, timeout=120
        )
        wait_until(lambda: "begins" in events())
        engine_replica("tone").kill()
        assert answer.result(120).status_code == 200
    assert events().count("begins") == 2
    wait_until(lambda: tone.get("/api/health").status_code == 200)
