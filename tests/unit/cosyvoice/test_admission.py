"""Who is let in."""

import pytest
import torch

from engines.cosyvoice.llm import LlmPrompt
from engines.cosyvoice.prompt.voice import VoicePrompt
from engines.cosyvoice.scheduling.admission import Admission
from engines.cosyvoice.scheduling.hops import Pace
from engines.cosyvoice.scheduling.limits import SchedulerLimits
from engines.cosyvoice.scheduling.request import SpeechRequest
from engines.cosyvoice.scheduling.speech import Speech
from engines.protocol import Priority

VOICE = VoicePrompt("cosyvoice2", torch.zeros(0), torch.zeros(0, 80), torch.ones(192))


def request(**fields):
    return SpeechRequest([LlmPrompt([1])], VOICE, listener=None, **fields)


def speeches(count, *, heard, **fields):
    made = [Speech(request(**fields), 0.0) for _ in range(count)]
    if heard:
        for speech in made:
            speech.note_audio(24_000, 1.0)
    return made


FAST = Pace(think_s=0.01, speak_s=0.001, speech_s=6.0)
"""A second of speech takes 0.25 s, and 0.025 s more for each stream."""


@pytest.mark.parametrize("pace", [Pace(), FAST])
def test_the_first_is_always_let_in(pace):
    limits = SchedulerLimits(first_audio_budget_s=1e-3)
    assert Admission(limits, pace).refusal(request(), [], []) is None


def test_what_is_not_measured_refuses_nobody():
    running = speeches(5, heard=False)
    assert (
        Admission(SchedulerLimits(first_audio_budget_s=1.0), Pace()).refusal(request(), running, [])
        is None
    )


def test_the_wait_for_the_first_audio_adds_up():
    admission = Admission(SchedulerLimits(slots=4), FAST)
    alone = 28 * 0.01 + 25 * 0.001
    assert admission.first_audio_s([], []) == pytest.approx(alone)
    assert admission.first_audio_s(speeches(2, heard=True), []) == pytest.approx(alone)
    dry = admission.first_audio_s(speeches(2, heard=False), [])
    assert dry == pytest.approx(alone + 2 * 0.025)
    queued = admission.first_audio_s(speeches(4, heard=True), speeches(3, heard=False))
    assert queued == pytest.approx(alone + 3 * 0.025 + 4 * 6.0 / 4)


def test_who_would_wait_too_long_is_refused_and_told_when_to_come_again():
    admission = Admission(SchedulerLimits(slots=4, first_audio_budget_s=2.0), FAST)
    running, waiting = speeches(4, heard=True), speeches(2, heard=False)
    refused = admission.refusal(request(), running, waiting)
    assert refused.retry_after_s == 3.0
    patient = request(priority=Priority.BATCH)
    assert admission.refusal(patient, running, waiting) is None


def test_nobody_is_let_in_who_would_starve_others():
    admission = Admission(SchedulerLimits(slots=64), FAST)
    assert admission.refusal(request(), speeches(29, heard=True), []) is None
    for priority in Priority:
        refused = admission.refusal(request(priority=priority), speeches(30, heard=True), [])
        assert refused.retry_after_s == 1.0
    whole = speeches(30, heard=True, streamed=False)
    assert admission.refusal(request(), whole, []) is None, "who does not stream cannot starve"


def test_a_machine_that_is_slower_than_speech_protects_nobody():
    slow = Pace(think_s=0.06, speak_s=0.01, speech_s=20.0)
    admission = Admission(SchedulerLimits(), slow)
    assert admission.refusal(request(), speeches(3, heard=True), []) is None
