"""AudioProcessor and engine replica in one process, with Ray's part between them played."""

import asyncio
from contextlib import aclosing

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from audio.formats import AudioFormat
from configs.app import Audio, Logging, Tracing, Voices
from configs.engines import ToneSettings
from deployments import audio_processor, engine_server
from deployments.messages import Refused, SpeechEnded, SpeechJob, WholeSpeech
from deployments.tracing import tracer_to
from engines.errors import EngineFailureError
from engines.protocol import Mode, SynthesisRequest

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
LONG = "chunks=600 delay=0.01"


class Call:
    """A streaming call: the other side works on a task of its own, which ``cancel`` cancels."""

    def __init__(self, messages):
        self._messages = asyncio.Queue()
        self.task = asyncio.create_task(self._run(messages))

    async def _run(self, messages):
        try:
            async with aclosing(messages):
                async for message in messages:
                    self._messages.put_nowait(message)
        except Exception as error:  # noqa: BLE001  it is the caller's
            self._messages.put_nowait(error)
        self._messages.put_nowait(StopAsyncIteration())

    def cancel(self):
        self.task.cancel()

    def __aiter__(self):
        return self

    async def __anext__(self):
        message = await self._messages.get()
        if isinstance(message, Exception):
            raise message
        return message


class Handle:
    deployment_id = "CosyVoice"

    def __init__(self, server):
        self._server = server
        self.calls = []

    def options(self, **_):
        return self

    def remote(self, task):
        self.calls.append(Call(self._server.speak(task)))
        return self.calls[-1]


class House:
    """Both deployments, the spans of both, and their log lines."""

    def __init__(self, tmp_path, monkeypatch):
        self._traced = []
        for module in (audio_processor, engine_server):
            monkeypatch.setattr(module, "start_logging", lambda *_: None)
            monkeypatch.setattr(module, "open_tracer", self._tracer)
        voices, off = Voices(store=str(tmp_path)), (Logging(), Tracing())
        server = engine_server.EngineServer(
            "CosyVoice", ToneSettings(engine="tone"), 1_000, voices, *off
        )
        self.processor = audio_processor.AudioProcessor(Audio(), voices, *off)
        self.engine = Handle(server)

    def _tracer(self, _, process):
        exporter = InMemorySpanExporter()
        tracer = tracer_to(exporter, process)
        self._traced.append((tracer, exporter))
        return tracer

    def job(self, text, clip=None, *, stream=False):
        mode = Mode.CROSS_LINGUAL if clip else Mode.TTS
        synthesis = SynthesisRequest(text, mode=mode, stream=stream)
        return SpeechJob("r-1", synthesis, clip, False, AudioFormat.WAV, PARENT)

    async def whole(self, text, clip=None):
        return await self.processor.speak_whole(self.job(text, clip), self.engine)

    def stream(self, text):
        return self.processor.speak(self.job(text, stream=True), self.engine)

    async def spans(self):
        """By name: how each ended, under which parent."""
        calls = [call.task for call in self.engine.calls]
        await asyncio.gather(*calls, return_exceptions=True)
        for tracer, _ in self._traced:
            tracer.close()
        spans = self._finished()
        assert {f"{span.context.trace_id:032x}" for span in spans} == {TRACE_ID}
        names = {span.context.span_id: span.name for span in spans}
        return sorted(
            (span.name, names.get(span.parent.span_id), span.attributes["tts.outcome"])
            for span in spans
        )

    def _finished(self):
        return [span for _, exporter in self._traced for span in exporter.get_finished_spans()]

    def attributes(self, name):
        *_, span = [each for each in self._finished() if each.name == name]
        return span.attributes, {event.name: dict(event.attributes) for event in span.events}


@pytest.fixture
def house(tmp_path, monkeypatch):
    return House(tmp_path, monkeypatch)


def work(outcome):
    return [("encode", "process", outcome), ("process", None, outcome),
            ("synthesize", "process", outcome)]  # fmt: skip


async def test_what_is_spoken_whole(house, lines):
    assert isinstance(await house.whole("chunks=3"), WholeSpeech)
    assert await house.spans() == work("ok")
    attributes, events = house.attributes("synthesize")
    assert attributes["tts.request_id"] == "r-1"
    assert (attributes["tts.engine"], attributes["tts.characters"]) == ("tone", 8)
    assert attributes["tts.audio_s"] == pytest.approx(0.6)
    assert events == {"first_audio": {"tts.queue_wait_s": 0.0}}
    assert [line["message"].split(" in ")[0] for line in lines] == [
        "tone begins", "tone spoke 0.60 s"
    ]  # fmt: skip
    assert {line["extra"]["request_id"] for line in lines} == {"r-1"}


async def test_a_voice_is_decoded_once_and_asked_for_once(house, make_clip):
    clip = make_clip("wav", seconds=1)
    assert isinstance(await house.whole("chunks=1", clip), WholeSpeech)
    assert await house.spans() == sorted([
        *work("ok"), ("decode_reference", "process", "ok"),
        ("synthesize", "process", "reference_wanted"),
    ])  # fmt: skip


async def test_a_voice_that_is_there_is_neither(house, make_clip):
    clip = make_clip("wav", seconds=1)
    for _ in range(2):
        await house.whole("chunks=1", clip)
    assert await house.spans() == sorted([
        *work("ok"), *work("ok"), ("decode_reference", "process", "ok"),
        ("synthesize", "process", "reference_wanted"),
    ])  # fmt: skip
    attributes, _ = house.attributes("synthesize")
    assert attributes["tts.voice_cache"] == "hit"


async def test_a_stream_that_is_heard_to_its_end(house):
    messages = [message async for message in house.stream("chunks=3")]
    assert isinstance(messages[-1], SpeechEnded)
    assert await house.spans() == work("ok")


async def test_a_listener_who_leaves_after_the_end_has_heard_it(house):
    stream = house.stream("chunks=1")
    while not isinstance(await anext(stream), SpeechEnded):
        pass
    await stream.aclose()
    assert await house.spans() == work("ok")


async def test_a_listener_who_leaves(house):
    """Another task closes the generator than the one that began it."""
    stream = house.stream(LONG)
    await asyncio.create_task(anext(stream))
    await asyncio.create_task(stream.aclose())
    assert await house.spans() == work("cancelled")


async def test_a_request_that_is_cancelled_while_it_waits(house, lines):
    waiting = asyncio.create_task(house.whole("chunks=1 delay=60"))
    while not house.engine.calls:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)  # the call has begun
    waiting.cancel()
    await asyncio.wait([waiting])
    spans = await house.spans()
    assert ("process", None, "cancelled") in spans
    assert {outcome for *_, outcome in spans} == {"cancelled"}
    assert not [line for line in lines if line["level"].name == "ERROR"]


async def test_a_refusal_of_the_clip(house, lines):
    answer = await house.whole("chunks=1", b"RIFF" + bytes(100))
    assert isinstance(answer, Refused)
    assert await house.spans() == [
        ("decode_reference", "process", "refused"), ("process", None, "refused")
    ]  # fmt: skip
    assert not lines


@pytest.mark.parametrize("stream", [True, False])
async def test_an_engine_that_fails_is_logged_by_both(house, lines, stream):
    with pytest.raises(EngineFailureError):
        if stream:
            async for _ in house.stream("chunks=9 fail=4"):
                pass
        else:
            await house.whole("chunks=9 fail=4")
    assert await house.spans() == work("failed")
    errors = [line for line in lines if line["level"].name == "ERROR"]
    assert {line["message"] for line in errors} == {
        "synthesize failed: EngineFailureError", "speak failed: EngineFailureError"
    }  # fmt: skip
    assert {line["extra"]["request_id"] for line in errors} == {"r-1"}
