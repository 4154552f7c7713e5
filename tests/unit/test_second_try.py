"""A replica that dies before anything was heard is replaced by another, once, and silently."""

import asyncio
import types

import pytest
from loguru import logger
from ray.exceptions import ActorDiedError, ActorUnavailableError

from access.keys import KeyLimits
from audio.formats import AudioFormat
from deployments.errors import ReplicaLostError, UnavailableError
from deployments.messages import Refused, SpeechEnded, SpeechStarted, WholeSpeech
from engines.protocol import Mode, SynthesisRequest
from serve_app.caller import Caller
from serve_app.desk import SpeechDesk
from serve_app.meter import Meter
from serve_app.orders import COSYVOICE, SpeechCall, SpeechOrder
from serve_app.spoken_lately import SpokenLately

STARTED = SpeechStarted("tone", None, 24_000, None, None, b"first")
ENDED = SpeechEnded(audio_s=2.0, first_audio_s=0.1, total_s=1.0, peak=0.5)
LOST = [
    ActorDiedError(),
    ActorUnavailableError("gone", None),
    Refused(ReplicaLostError()),
]
"""The AudioProcessor's replica dies; it is out of reach; the engine's replica dies."""
IDS = ["AudioProcessor", "unavailable", "engine"]


class Stream:
    """What a handle returns for a call that streams."""

    def __init__(self, messages):
        self._messages = iter(messages)
        self.is_cancelled = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        message = next(self._messages, None)
        if message is None:
            raise StopAsyncIteration
        if isinstance(message, BaseException):
            raise message
        return message

    def cancel(self):
        self.is_cancelled = True


class AudioProcessor:
    """A handle whose calls go as told, one after another."""

    def __init__(self):
        self.calls = []
        self.answers = []

    def options(self, *, method_name, stream=False):
        return types.SimpleNamespace(remote=self._stream if stream else self._whole)

    def _stream(self, job, engine):
        self.calls.append(Stream(self.answers.pop(0)))
        return self.calls[-1]

    async def _whole(self, job, engine):
        self.calls.append(job)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Accounts:
    def __init__(self):
        self.told = []

    async def charge(self, name, limits, num_characters):
        self.told.append(("charge", num_characters))

    def refund(self, name, num_characters):
        self.told.append(("refund", num_characters))

    def heard(self, name, audio_s):
        self.told.append(("heard", audio_s))


class Taker:
    async def refresh(self):
        pass

    def take(self, order):
        return SpeechCall(
            engine=COSYVOICE,
            synthesis=SynthesisRequest(text=order.text, mode=Mode.SFT),
            clip=None,
            brought=False,
            voice="default",
            audio_format=AudioFormat.MP3,
            stream=order.stream,
            caller=order.caller,
        )


class Metrics:
    def ended(self, deployment, mode, outcome):
        pass

    def spoken(self, key, engine, num_characters, audio_s):
        pass


@pytest.fixture
def processor():
    return AudioProcessor()


@pytest.fixture
def accounts():
    return Accounts()


@pytest.fixture
def desk(processor, accounts):
    engines = {COSYVOICE: "handle"}
    return SpeechDesk(Taker(), processor, engines, Meter(accounts), Metrics(), SpokenLately())


@pytest.fixture
def logged():
    lines = []
    sink = logger.add(lines.append, format="{level} {extra[request_id]} {message}")
    yield lambda: [line for line in lines if "tries again" in line]
    logger.remove(sink)


CALLER = Caller("me", frozenset(), KeyLimits(characters_per_day=1_000))


def order(**fields):
    return SpeechOrder(text="Hello", caller=CALLER, **fields)


@pytest.mark.parametrize("lost", LOST, ids=IDS)
async def test_a_stream(desk, processor, accounts, logged, lost):
    processor.answers = [[lost], [STARTED, b"second", ENDED]]
    speech = await desk.begin(order(stream=True), "id-7")
    assert [data async for data in speech.chunks()] == [b"first", b"second"]
    assert accounts.told == [("charge", 5), ("heard", 2.0)]
    (line,) = logged()
    assert line.startswith("WARNING id-7 ")


@pytest.mark.parametrize("lost", LOST, ids=IDS)
async def test_a_whole_speech(desk, processor, accounts, logged, lost):
    processor.answers = [lost, WholeSpeech(STARTED, ENDED)]
    _, whole = await desk.whole(order(), "id-7")
    assert whole.started.data == b"first"
    assert len(processor.calls) == 2
    assert accounts.told == [("charge", 5), ("heard", 2.0)]
    assert len(logged()) == 1


async def test_a_replica_that_is_out_of_reach_is_told_to_stop(desk, processor):
    processor.answers = [[LOST[1]], [STARTED]]
    await desk.begin(order(stream=True), "id-7")
    assert [call.is_cancelled for call in processor.calls] == [True, False]


async def test_there_is_no_third_try(desk, processor, accounts):
    processor.answers = [[ActorDiedError()], [Refused(ReplicaLostError())]]
    with pytest.raises(UnavailableError):
        await desk.begin(order(stream=True), "id-7")
    processor.answers = [ActorDiedError(), ActorDiedError()]
    with pytest.raises(UnavailableError):
        await desk.whole(order(), "id-7")
    assert len(processor.calls) == 4
    assert accounts.told == [("charge", 5), ("refund", 5)] * 2


async def test_nothing_is_said_twice_once_something_was_heard(desk, processor, logged):
    processor.answers = [[STARTED, ActorDiedError()]]
    speech = await desk.begin(order(stream=True), "id-7")
    chunks = speech.chunks()
    assert await anext(chunks) == b"first"
    with pytest.raises(ActorDiedError):
        await anext(chunks)
    assert len(processor.calls) == 1
    assert not logged()


async def test_what_no_replica_takes_is_not_tried_again(desk, processor):
    processor.answers = [[Refused(UnavailableError())]]
    with pytest.raises(UnavailableError):
        await desk.begin(order(stream=True), "id-7")
    assert len(processor.calls) == 1


async def test_nobody_tries_again_for_who_has_left(desk, processor):
    processor.answers = [[asyncio.CancelledError()], [STARTED]]
    with pytest.raises(asyncio.CancelledError):
        await desk.begin(order(stream=True), "id-7")
    processor.answers = [asyncio.CancelledError(), WholeSpeech(STARTED, ENDED)]
    with pytest.raises(asyncio.CancelledError):
        await desk.whole(order(), "id-7")
    assert len(processor.calls) == 2
