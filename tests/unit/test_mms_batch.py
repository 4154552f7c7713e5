"""MMS requests together sound as each does alone."""

import asyncio
import threading

import numpy as np
import pytest
from mms_checkpoint import write_checkpoint

from configs.engines import MmsSettings
from engines.mms import MmsEngine
from engines.mms.vits import Utterance
from engines.protocol import SynthesisRequest

TEXTS = ("apa khabar semua orang di sini", "ya", "selamat pagi", "terima kasih banyak-banyak")
DEEP = {
    "num_hidden_layers": 2, "prior_encoder_num_flows": 4, "prior_encoder_num_wavenet_layers": 3,
    "wavenet_dilation_rate": 2, "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5]] * 3, "depth_separable_num_layers": 3,
}  # fmt: skip


def make_engine(folder, max_batch=None, **settings):
    source = write_checkpoint(folder, **settings)
    return MmsEngine(MmsSettings(engine="mms", models={"ms": source}, max_batch=max_batch))


@pytest.fixture(params=[True, False], ids=["stochastic", "plain"])
def speaker(request, tmp_path):
    folder = tmp_path / "ms"
    engine = make_engine(folder, use_stochastic_duration_prediction=request.param, **DEEP)
    engine.close()
    speaker = engine._speakers["ms"]
    speaker._model.double()
    return speaker


def test_a_row_of_a_batch_is_what_it_is_alone(speaker):
    """In double precision, where what leaks and what is rounded cannot be taken for each other."""
    utterances = [
        Utterance(speaker.tokenize(text), speed, seed)
        for seed, (text, speed) in enumerate(zip(TEXTS, (1.0, 0.5, 1.7, 2.0), strict=True))
    ]
    together = speaker.speak(utterances)
    alone = [speaker.speak([utterance])[0] for utterance in utterances]
    assert len({len(samples) for samples in alone}) == len(TEXTS)
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)
        assert np.abs(other).max() > 1e-2


class HeldEngine:
    """An engine whose thread waits until it is let go, so that requests have to gather."""

    def __init__(self, engine, monkeypatch):
        self.engine = engine
        self.batches = []
        self.gate = threading.Event()
        speaker = engine._speakers["ms"]
        speak = speaker.speak

        def held(utterances):
            self.batches.append(len(utterances))
            self.gate.wait(60)
            return speak(utterances)

        monkeypatch.setattr(speaker, "speak", held)

    def start(self, text):
        return asyncio.ensure_future(self.speak(text))

    async def speak(self, text):
        request = SynthesisRequest(text, seed=len(text))
        return np.concatenate([chunk async for chunk in self.engine.synthesize(request)])

    async def wait_for(self, begun):
        async with asyncio.timeout(60):
            while len(self.batches) < begun:
                await asyncio.sleep(0.01)


@pytest.fixture
def held(tmp_path, monkeypatch):
    engine = make_engine(tmp_path / "ms", max_batch=4)
    held = HeldEngine(engine, monkeypatch)
    yield held
    held.gate.set()
    engine.close()


async def test_requests_gather_and_one_that_leaves_harms_nobody(held):
    first = held.start("satu")
    await held.wait_for(begun=1)
    others = [held.start(text) for text in TEXTS]
    while held.engine._gatherer._open:  # all four are in: the batch is full and shut
        await asyncio.sleep(0.01)
    others[1].cancel()
    await asyncio.gather(others[1], return_exceptions=True)
    held.gate.set()
    del others[1]
    together = await asyncio.gather(first, *others)
    assert held.batches == [1, 3]
    for samples, text in zip(together, ("satu", TEXTS[0], *TEXTS[2:]), strict=True):
        np.testing.assert_allclose(samples, await held.speak(text), rtol=0, atol=2e-5)
    figures = held.engine.figures()
    assert (figures["batches"], figures["begun"]) == (6, 8)
    assert figures["queue_wait_s"] > 0
    assert figures["audio_s"] > 0


async def test_a_request_is_told_how_long_its_first_sentence_waited(held):
    first = held.start("satu")
    await held.wait_for(begun=1)
    request = SynthesisRequest("dua. tiga.", request_id="r-1")
    waiting = asyncio.create_task(anext(held.engine.synthesize(request)))
    while not held.engine._gatherer._open:
        await asyncio.sleep(0.01)
    assert request.turn.queue_wait_s is None
    held.gate.set()
    await asyncio.gather(first, waiting)
    assert request.turn.queue_wait_s > 0


def test_a_cpu_speaks_one_at_a_time_unless_told(tmp_path):
    engine = make_engine(tmp_path / "ms")
    engine.close()
    assert engine._gatherer._max_batch == 1
