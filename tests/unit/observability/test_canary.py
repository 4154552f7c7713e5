import asyncio
import types

import pytest
from test_soundness import TONE, wav

from configs.app import Readiness
from deployments.errors import UnavailableError
from serve_app.canary import Canary


class Desk:
    """Answers as told: a file, or an error."""

    def __init__(self):
        self.answer = wav(TONE)
        self.orders = []

    async def whole(self, order, request_id):
        self.orders.append(order)
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return None, types.SimpleNamespace(started=types.SimpleNamespace(data=self.answer))


class Metrics:
    def __init__(self):
        self.seen = []

    def readiness(self, *, ready):
        self.seen.append(ready)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def canary(desk, metrics):
    settings = Readiness(interval_s=3600)
    return Canary(desk, {"cosyvoice": "Ready.", "mms": "Sedia."}, settings, metrics)


async def settled(canary):
    """What the canary says once the sentence that the first question started was spoken."""
    assert set(canary.problems()) == {"cosyvoice", "mms"}
    while canary._checking is not None:
        await asyncio.sleep(0.01)
    return canary.problems()


async def test_it_is_ready_when_every_engine_has_spoken(canary, desk, metrics):
    assert await settled(canary) == {}
    assert [order.text for order in desk.orders] == ["Ready.", "Sedia."]
    assert metrics.seen == [True]
    assert {order.caller.name for order in desk.orders} == {"canary"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (wav(0 * TONE), "silent"),
        (UnavailableError(), "not available"),
        (RuntimeError("secret"), "RuntimeError; the log"),
    ],
)
async def test_it_is_not_ready_when_an_engine_fails(canary, desk, metrics, answer, words):
    desk.answer = answer
    problems = await settled(canary)
    assert words in problems["cosyvoice"]
    assert "secret" not in str(problems)
    assert metrics.seen == [False]


async def test_a_sentence_that_takes_too_long(desk, metrics):
    async def forever(*_):
        await asyncio.Event().wait()

    desk.whole = forever
    canary = Canary(desk, {"mms": "Sedia."}, Readiness(timeout_s=0.05), metrics)
    assert canary.problems()
    while canary._checking is not None:
        await asyncio.sleep(0.01)
    assert "0.05 s" in canary.problems()["mms"]


async def test_many_questions_start_one_sentence(canary, desk):
    for _ in range(5):
        canary.problems()
    await settled(canary)
    assert len(desk.orders) == 2


async def test_what_was_found_grows_stale(desk, metrics):
    canary = Canary(desk, {"mms": "Sedia."}, Readiness(interval_s=0.02), metrics)
    canary.problems()
    while canary._checking is not None:
        await asyncio.sleep(0.01)
    desk.whole = lambda *_: asyncio.Event().wait()
    canary.problems()
    await asyncio.sleep(0.1)
    assert "does not come" in canary.problems()["mms"]
