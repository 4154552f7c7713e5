"""Replicas that are killed while they work: what clients see of it, and what comes back."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from crowd import CUT, TTS, ask, crowd
from loopback import wait_until
from own_service import events, log_lines

DELAY_S = 6
"""Before each chunk: long enough to kill somebody meanwhile, on a slow machine, too."""


@pytest.fixture(autouse=True)
def full_strength(pairs):
    yield
    pairs.await_strength()


def begun(before):
    """Process ids of the engines that have begun to speak since ``before`` events had happened."""
    return [pid for pid, event in events()[before:] if event == "begins"]


def speak_in_background(pairs, num_chunks, stream):
    pool = ThreadPoolExecutor(1)
    client = httpx.Client(base_url=pairs.url, timeout=120)
    try:
        return pool.submit(ask, client, chunks=num_chunks, delay_s=DELAY_S, stream=stream)
    finally:
        pool.shutdown(wait=False)


def process_of(pairs, deployment, pid):
    return next(replica for replica in pairs.replicas(deployment) if replica.pid == pid)


@pytest.mark.parametrize("stream", [False, True])
def test_an_engine_that_dies_before_the_first_audio(pairs, stream):
    """Its client waits a little longer, and gets all of his speech from the other one."""
    before, tries_before = len(events()), len(log_lines("tries again"))
    answer = speak_in_background(pairs, 1, stream)
    (first,) = wait_until(lambda: begun(before))
    process_of(pairs, "CosyVoice", first).kill()
    assert answer.result(120).is_whole
    assert len(begun(before)) == 2
    assert begun(before)[1] != first
    wait_until(lambda: len(log_lines("tries again")) == tries_before + 1)


def test_an_engine_that_dies_in_the_middle_of_a_whole_speech(pairs):
    """Nobody has heard anything of it yet."""
    before = len(events())
    answer = speak_in_background(pairs, 2, stream=False)
    wait_until(lambda: "chunk" in [event for _, event in events()[before:]])
    process_of(pairs, "CosyVoice", begun(before)[0]).kill()
    assert answer.result(120).is_whole


@pytest.mark.parametrize("stream", [False, True])
def test_an_audio_processor_that_dies_before_the_first_audio(pairs, stream):
    """Of two speeches, by two replicas, one or both lose theirs; both are spoken."""
    before, tries_before = len(events()), len(log_lines("tries again"))
    answers = [speak_in_background(pairs, 1, stream) for _ in range(6)]
    wait_until(lambda: len(begun(before)) == 6)
    pairs.replicas("AudioProcessor")[0].kill()
    assert all(answer.result(120).is_whole for answer in answers)
    wait_until(lambda: len(log_lines("tries again")) > tries_before)


def test_a_stream_that_was_heard_is_cut(client, pairs):
    before = len(events())
    fields = {"text": "chunks=200 delay=0.1", "stream": True, "format": "pcm"}
    with client.stream("POST", TTS, json=fields) as response:
        chunks = response.iter_raw()
        assert next(chunks)
        process_of(pairs, "CosyVoice", begun(before)[0]).kill()
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)


@pytest.mark.parametrize("deployment", ["CosyVoice", "AudioProcessor"])
def test_under_load_a_replica_dies(pairs, client, deployment):
    """Whoever had heard nothing hears everything; whoever had is cut; nobody waits for ever."""
    with crowd(pairs.url) as answers:
        wait_until(lambda: len(answers) >= 12)
        pairs.replicas(deployment)[0].kill()
        killed_at = len(answers)
        pairs.await_strength()
        wait_until(lambda: len(answers) >= killed_at + 24, 240)
    lost = [answer for answer in answers if not answer.is_whole]
    assert all(answer.status == CUT and answer.heard for answer in lost), lost
    assert len(lost) <= 6, "only what was under way"
    assert max(answer.took_s for answer in answers) < 100
    assert ask(client, chunks=2, delay_s=0, stream=True).is_whole


def test_under_load_an_ingress_dies(pairs, client):
    """What it had in hand fails, at once; who asks afterwards is served by the other one."""
    with crowd(pairs.url) as answers:
        wait_until(lambda: len(answers) >= 12)
        pairs.replicas("Ingress")[0].kill()
        killed_at = len(answers)
        pairs.await_strength()
        wait_until(lambda: len(answers) >= killed_at + 24, 240)
    lost = [answer for answer in answers if not answer.is_whole]
    assert {answer.status for answer in lost} <= {CUT, 500}, lost
    assert len(lost) <= 6, "only what was under way"
    assert max(answer.took_s for answer in answers) < 100
    assert ask(client, chunks=2, delay_s=0, stream=True).is_whole
