"""Many speeches at once: each as if it were alone, and none left behind."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from loguru import logger
from model_files import write_model

from configs.engines import CosyVoiceSettings
from engines.cosyvoice.config import Version
from engines.cosyvoice.flow import Flow
from engines.cosyvoice.llm import LlmPrompt
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.runtime import Runtime
from engines.cosyvoice.scheduling.guards import BrokenSpeechError
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.scheduler import Scheduler
from engines.cosyvoice.weights import read_state
from engines.protocol import Priority

CPU = torch.device("cpu")
STEADY = SchedulerLimits(guards=False, largest_hop=25)
"""Chunks are cut at the same places whatever the clock says."""
WAVEFORM = 3e-3


class Ear:
    """A listener that remembers."""

    def __init__(self):
        self.chunks = []
        self.error = None
        self.ended = 0

    def hear(self, samples):
        assert not self.ended
        self.chunks.append(samples)

    def end(self, error):
        self.ended += 1
        self.error = error

    @property
    def samples(self):
        return np.concatenate(self.chunks)


@pytest.fixture(scope="module", params=list(Version))
def folder(request, tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"), request.param)


@pytest.fixture(scope="module")
def runtime(folder):
    settings = CosyVoiceSettings(engine="cosyvoice", model_dir=folder)
    return Runtime.load(folder, settings, CPU)


def scheduler(runtime, limits=STEADY, flow=None):
    return Scheduler(
        lm=runtime.lm, flow=flow or runtime.flow, vocoder=runtime.vocoder, limits=limits
    )


def voice(runtime, tokens, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return VoicePrompt(
        version=runtime.config.version,
        tokens=torch.randint(0, 6561, (tokens,), generator=draw),
        mel=torch.randn(2 * tokens, 80, generator=draw),
        speaker=torch.randn(192, generator=draw),
    )


def prompt(runtime, length, seed=0):
    ids = np.random.default_rng(seed).integers(0, 1000, length).tolist()
    mark = runtime.config.llm.required_text_id
    return LlmPrompt(ids, prompt_text=[] if mark is None else [5, 6, mark])


def run(scheduler, limit=20_000):
    for _ in range(limit):
        if scheduler.is_idle:
            return
        scheduler.step()
    raise AssertionError("the scheduler does not come to an end")


def spoken(scheduler, *requests):
    for request in requests:
        scheduler.add(request)
    run(scheduler)
    return [request.listener for request in requests]


@pytest.mark.parametrize("streamed", [True, False])
def test_a_speech_is_the_same_alone_and_among_others(runtime, streamed):
    voices = [voice(runtime, tokens, seed) for seed, tokens in enumerate((0, 40, 87))]

    def request(index):
        return SpeechRequest(
            prompts=[prompt(runtime, 3 + index % 5, seed=index)],
            voice=voices[index % 3],
            listener=Ear(),
            streamed=streamed or index % 4 == 0,
            seed=index,
        )

    (alone,) = spoken(scheduler(runtime), request(7))
    together = spoken(scheduler(runtime), *[request(index) for index in range(16)])
    assert all(ear.ended == 1 and ear.error is None for ear in together)
    assert len(alone.samples) == 480 * 2 * 20 * 5, "20 speech tokens for each text id"
    np.testing.assert_allclose(together[7].samples, alone.samples, atol=WAVEFORM)
    assert [len(chunk) for chunk in together[7].chunks] == [len(chunk) for chunk in alone.chunks]


def test_a_full_memory_changes_nothing_but_the_work(runtime, folder):
    limits = SchedulerLimits(guards=False, largest_hop=25)
    request = {"prompts": [prompt(runtime, 8)], "voice": voice(runtime, 60), "seed": 3}
    roomy = scheduler(runtime, limits)
    (expected,) = spoken(roomy, SpeechRequest(listener=Ear(), **request))
    assert roomy.stats.unremembered == 0
    tight = Flow.load(runtime.config.flow, read_state(folder / "flow.pt"), cache_blocks=2)
    cramped = scheduler(runtime, limits, tight)
    (heard,) = spoken(cramped, SpeechRequest(listener=Ear(), **request))
    assert cramped.stats.unremembered > 0
    np.testing.assert_allclose(heard.samples, expected.samples, atol=WAVEFORM)


def test_hanging_up_frees_everything(runtime):
    busy = scheduler(runtime)
    person = voice(runtime, 60)
    spoken(busy, SpeechRequest([prompt(runtime, 2)], person, Ear()))
    free = runtime.flow.free_blocks
    ears = [Ear() for _ in range(30)]
    speeches = [busy.add(SpeechRequest([prompt(runtime, 9)], person, ear)) for ear in ears]
    for _ in range(40):
        busy.step()
    assert runtime.flow.free_blocks < free
    for speech in speeches:
        speech.cancelled = True
    busy.step()
    assert busy.is_idle
    assert busy.stats.cancelled == 30
    assert runtime.flow.free_blocks == free
    assert not any(ear.ended for ear in ears)


def test_more_requests_than_slots_are_all_heard(runtime):
    few = scheduler(runtime, SchedulerLimits(slots=2, guards=False))
    person = voice(runtime, 30)
    ears = spoken(
        few, *[SpeechRequest([prompt(runtime, 2, seed)], person, Ear()) for seed in range(7)]
    )
    assert all(len(ear.samples) == 480 * 2 * 40 for ear in ears)


def test_segments_come_in_order(runtime):
    scripts = [prompt(runtime, length, seed=length) for length in (4, 2, 3)]
    person = voice(runtime, 30)
    (first,) = spoken(scheduler(runtime), SpeechRequest(scripts[:1], person, Ear(), seed=1))
    (ear,) = spoken(scheduler(runtime), SpeechRequest(scripts, person, Ear(), seed=1))
    assert len(ear.samples) == 480 * 2 * 20 * (4 + 2 + 3)
    np.testing.assert_allclose(ear.samples[: len(first.samples)], first.samples, atol=WAVEFORM)


def test_interactive_requests_go_first(runtime):
    order = []

    class Noted(Ear):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def hear(self, samples):
            if not self.chunks:
                order.append(self.name)
            super().hear(samples)

    person = voice(runtime, 30)
    single = scheduler(runtime, SchedulerLimits(slots=1, guards=False))
    for name, priority in (("b", Priority.BATCH), ("i", Priority.INTERACTIVE)):
        single.add(SpeechRequest([prompt(runtime, 3)], person, Noted(name), priority=priority))
    run(single)
    assert order == ["i", "b"]


@pytest.mark.parametrize("streamed", [True, False])
def test_endless_speech_is_tried_again_unless_it_was_heard(runtime, streamed):
    """The random model never says the end token."""
    guarded = scheduler(runtime, SchedulerLimits(largest_hop=25))
    request = SpeechRequest(
        [prompt(runtime, 6)], voice(runtime, 30), Ear(), streamed=streamed, seed=1
    )
    (ear,) = spoken(guarded, request)
    assert isinstance(ear.error, BrokenSpeechError)
    assert guarded.stats.retried == (0 if streamed else 1)
    assert bool(ear.chunks) is streamed
    assert guarded.stats.failed == 1


def test_what_goes_wrong_is_logged_with_the_requests_id(runtime):
    lines = []
    sink = logger.add(lambda message: lines.append(message.record))
    request = SpeechRequest(
        [prompt(runtime, 6)], voice(runtime, 30), Ear(), streamed=False, seed=1, request_id="r-7"
    )
    try:
        spoken(scheduler(runtime, SchedulerLimits(largest_hop=25)), request)
    finally:
        logger.remove(sink)
    again, over = lines
    assert again["message"].startswith("segment 0 is begun again: the language model")
    assert over["message"].startswith("speech breaks off: the language model")
    assert {line["extra"]["request_id"] for line in lines} == {"r-7"}


def test_text_may_arrive_while_it_is_spoken(runtime):
    line = scheduler(runtime)
    opening = LlmPrompt((), prompt(runtime, 0).prompt_text)
    ear = Ear()
    speech = line.add(SpeechRequest([opening], voice(runtime, 30), ear, seed=4, text_is_open=True))
    while line.step():
        pass
    waited = len(ear.chunks)
    line.feed(speech, list(range(10, 40)), ended=False)
    while line.step():
        pass
    assert len(ear.chunks) > waited, "speech comes before the text has ended"
    line.feed(speech, list(range(40, 50)), ended=True)
    run(line)
    assert ear.ended == 1
    assert ear.error is None


def test_ids_that_the_model_does_not_know_end_the_speech_with_an_error(runtime):
    mark = prompt(runtime, 0).prompt_text
    request = SpeechRequest([LlmPrompt([200_000], mark)], voice(runtime, 30), Ear())
    (ear,) = spoken(scheduler(runtime), request)
    assert "200000" in str(ear.error)


@pytest.mark.parametrize("streamed", [True, False])
def test_the_shortest_speech(runtime, streamed):
    """One token of sound: 40 ms."""
    config = runtime.lm.config
    runtime.lm.config = replace(config, min_token_text_ratio=1, max_token_text_ratio=1)
    try:
        request = SpeechRequest([prompt(runtime, 1)], voice(runtime, 30), Ear(), streamed=streamed)
        (ear,) = spoken(scheduler(runtime), request)
    finally:
        runtime.lm.config = config
    assert ear.error is None
    assert len(ear.samples) == 960


def test_streamed_text_that_the_model_does_not_know_ends_the_speech(runtime):
    line = scheduler(runtime)
    ear = Ear()
    opening = LlmPrompt((), prompt(runtime, 0).prompt_text)
    speech = line.add(SpeechRequest([opening], voice(runtime, 30), ear, text_is_open=True))
    while line.step():
        pass
    line.feed(speech, [10, 200_000], ended=False)
    assert "200000" in str(ear.error)
    assert line.is_idle
