import asyncio
import types
from contextlib import asynccontextmanager

import pytest
from hand_clock import HandClock
from test_soundness import TONE, wav

from configs.app import Readiness
from deployments.errors import OverloadedError, UnavailableError
from deployments.messages import SpeechEnded
from serve_app.canary import Canary
from serve_app.spoken_lately import SpokenLately

TEXTS = {"cosyvoice": "Ready.", "mms": "Sedia."}
SPOKEN = SpeechEnded(audio_s=1.0, first_audio_s=0.1, total_s=0.5, peak=0.3)
INTERVAL_S = 30.0
LONGEST_WAIT_S = 1.2 * INTERVAL_S


class Desk:
    """Answers as told: a file, or an error; or, where there is no answer, never."""

    def __init__(self):
        self.answer = wav(TONE)
        self.texts = []

    async def whole(self, order, request_id):
        assert order.caller.name == "canary"
        self.texts.append(order.text)
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, BaseException):
            raise self.answer
        return None, types.SimpleNamespace(started=types.SimpleNamespace(data=self.answer))


class Metrics:
    """Notes what it is told; may break once."""

    def __init__(self):
        self.seen = []
        self.breaks = False

    def readiness(self, *, ready):
        if self.breaks:
            self.breaks = False
            raise RuntimeError("no metrics")
        self.seen.append(ready)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
def lately(clock):
    return SpokenLately(clock)


@pytest.fixture
def at_work(desk, metrics, clock, lately):
    """A canary at work, after its first sentences."""

    @asynccontextmanager
    async def run(**settings):
        readiness = Readiness(**({"interval_s": INTERVAL_S} | settings))
        canary = Canary(desk, TEXTS, readiness, metrics, lately, clock, clock.sleep)
        assert set(canary.problems()) == set(TEXTS)
        async with canary.at_work():
            await clock.settled()
            yield canary

    return run


async def test_it_is_ready_once_every_engine_has_spoken_without_being_asked(at_work, desk, metrics):
    async with at_work() as canary:
        assert canary.problems() == {}
        assert desk.texts == ["Ready.", "Sedia."]
        assert metrics.seen[-1] is True


async def test_it_speaks_again_every_interval(at_work, desk, clock):
    async with at_work():
        await clock.pass_(0.7 * INTERVAL_S)
        assert len(desk.texts) == 2
        for rounds in range(1, 4):
            await clock.pass_(LONGEST_WAIT_S)
            assert len(desk.texts) == 2 + 2 * rounds


async def test_replicas_do_not_go_on_speaking_together(desk, metrics, clock, lately):
    canaries = [
        Canary(desk, TEXTS, Readiness(), metrics, lately, clock, clock.sleep) for _ in range(20)
    ]
    for canary in canaries:
        for finding in canary._findings.values():
            finding.succeeded(clock(), INTERVAL_S)
    due = {canary._due_s("mms") - clock() for canary in canaries}
    assert len(due) > 10
    assert all(0.8 * INTERVAL_S <= wait_s <= LONGEST_WAIT_S for wait_s in due)


async def test_a_busy_engine_need_not_speak_for_it(at_work, desk, clock, lately):
    async with at_work() as canary:
        for _ in range(12):
            lately.note("cosyvoice", SPOKEN)
            await clock.pass_(0.5 * INTERVAL_S)
        assert desk.texts.count("Ready.") == 1
        assert desk.texts.count("Sedia.") > 3
        assert canary.problems() == {}


async def test_silence_is_no_evidence(at_work, desk, clock, lately):
    silence = SpeechEnded(audio_s=1.0, first_audio_s=0.1, total_s=0.5, peak=1e-4)
    async with at_work():
        for _ in range(4):
            lately.note("cosyvoice", silence)
            await clock.pass_(0.5 * INTERVAL_S)
        assert desk.texts.count("Ready.") >= 2


async def test_a_request_does_not_prove_a_failed_canary_wrong(at_work, desk, clock, lately):
    desk.answer = wav(0 * TONE)
    async with at_work() as canary:
        lately.note("cosyvoice", SPOKEN)
        assert "silent" in canary.problems()["cosyvoice"]
        desk.answer = wav(TONE)
        await clock.pass_(1.0)
        assert canary.problems() == {}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wav(0 * TONE), "silent"),
        (UnavailableError(), "not available"),
        (RuntimeError("secret"), "RuntimeError; the log"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
async def test_it_is_not_ready_when_an_engine_fails(at_work, desk, metrics, answer, words):
    desk.answer = answer
    async with at_work() as canary:
        assert words in canary.problems()["cosyvoice"]
        assert "secret" not in str(canary.problems())
        assert metrics.seen[-1] is False


async def test_a_failed_engine_is_tried_again_soon_and_then_less_often(at_work, desk, clock):
    desk.answer = UnavailableError()
    async with at_work() as canary:
        tries = []
        for _ in range(60):
            await clock.pass_(1.0)
            tries.append(desk.texts.count("Ready."))
        assert tries[0] == 2
        assert 5 <= tries[-1] <= 7
        desk.answer = wav(TONE)
        await clock.pass_(LONGEST_WAIT_S)
        assert canary.problems() == {}


async def test_a_sentence_that_takes_too_long(at_work, desk):
    desk.answer = None
    async with at_work(timeout_s=0.05) as canary:
        assert "0.05 s" in canary.problems()["mms"]


async def test_a_sentence_that_waits_while_others_are_served_proves_nothing(
    at_work, desk, clock, lately
):
    async with at_work(timeout_s=0.05) as canary:
        desk.answer = None
        clock.now_s += LONGEST_WAIT_S
        lately.note("cosyvoice", SPOKEN)
        lately.note("mms", SPOKEN)
        await canary._check("cosyvoice")
        assert canary.problems() == {}


async def test_an_engine_that_is_full_is_as_ready_as_before(at_work, desk, clock):
    async with at_work() as canary:
        desk.answer = OverloadedError(1.0)
        await clock.pass_(LONGEST_WAIT_S)
        assert len(desk.texts) == 4
        assert canary.problems() == {}
        await clock.pass_(2 * LONGEST_WAIT_S)
        assert "does not come" in canary.problems()["mms"]


async def test_an_engine_that_is_full_from_the_start_is_ready_when_it_serves_others(
    at_work, desk, lately
):
    desk.answer = OverloadedError(1.0)
    async with at_work() as canary:
        assert set(canary.problems()) == set(TEXTS)
        lately.note("cosyvoice", SPOKEN)
        assert set(canary.problems()) == {"mms"}


async def test_what_was_found_grows_stale(at_work, desk, clock):
    async with at_work(timeout_s=600) as canary:
        desk.answer = None
        clock.now_s += 3.1 * INTERVAL_S
        assert "does not come" in canary.problems()["mms"]


async def test_what_is_known_is_exported_without_a_sentence(at_work, desk, metrics, clock, lately):
    async with at_work() as canary:
        for _ in range(5):
            for engine in TEXTS:
                lately.note(engine, SPOKEN)
            await clock.pass_(0.5 * INTERVAL_S)
        metrics.seen.clear()
        canary.publish()
        assert metrics.seen == [True]
        clock.now_s += 4 * INTERVAL_S
        canary.publish()
    assert metrics.seen == [True, False]
    assert len(desk.texts) == len(TEXTS)


async def test_a_canary_that_waits_to_be_asked_exports_nothing_by_itself(
    desk, metrics, clock, lately
):
    settings = Readiness(interval_s=INTERVAL_S, background=False)
    Canary(desk, TEXTS, settings, metrics, lately, clock, clock.sleep).publish()
    assert not metrics.seen


async def test_a_round_that_breaks_is_not_the_last(at_work, desk, metrics, clock):
    metrics.breaks = True
    async with at_work():
        await clock.pass_(LONGEST_WAIT_S)
        assert desk.texts.count("Ready.") == 2
        assert metrics.seen[-1] is True


async def test_it_ends_with_the_replica_even_in_the_middle_of_a_sentence(
    desk, metrics, clock, lately
):
    desk.answer = None
    canary = Canary(desk, TEXTS, Readiness(), metrics, lately, clock, clock.sleep)
    async with asyncio.timeout(60):
        async with canary.at_work():
            while not desk.texts:
                await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_where_it_shall_not_speak_by_itself_it_speaks_when_asked(
    desk, metrics, clock, lately
):
    settings = Readiness(interval_s=INTERVAL_S, background=False)
    canary = Canary(desk, TEXTS, settings, metrics, lately, clock, clock.sleep)
    async with asyncio.timeout(60), canary.at_work():
        for _ in range(50):
            await asyncio.sleep(0)
        assert desk.texts == []
        assert set(canary.problems()) == set(TEXTS)
        while canary.problems():
            await asyncio.sleep(0.01)
        assert desk.texts == ["Ready.", "Sedia."]
        clock.now_s += LONGEST_WAIT_S
        canary.problems()
        while len(desk.texts) < 4:
            await asyncio.sleep(0.01)
