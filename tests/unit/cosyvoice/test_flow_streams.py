"""Streams of any shape, alone and together, say what a whole solve says."""

import random

import pytest
import torch
from flow_worlds import SIZES, UNETS, Dice, load, opened, worst

from engines.cosyvoice.flow import Chunk, Final, Flow, FlowRequest, FlowStream, Prompt

TOLERANCE = 2e-5
PROMPTS = (0, 1, 20, 28, 53, 103)


def whole(flow: Flow, prompt: Prompt, tokens: torch.Tensor, final: Final | None) -> torch.Tensor:
    """The mel of all tokens in one solve, as the chunk that ends with them should see it."""
    (mel,) = flow.offline(
        [FlowRequest(prompt, tokens)],
        chunked=final is not Final.FULL,
        finalize=final is not None,
    )
    return mel


class Speaker:
    """A stream with its text, fed in random hops."""

    def __init__(self, flow: Flow, dice: Dice, prompt_tokens: int, text_tokens: int) -> None:
        self.flow = flow
        self.prompt = dice.prompt(flow, prompt_tokens)
        self.voice = flow.voice(self.prompt)
        self.stream: FlowStream = flow.open(self.voice)
        self.text = dice.tokens(text_tokens)
        self.said = 0
        self.emitted = 0

    def next_chunk(self, rng: random.Random) -> Chunk:
        count = self.stream.tokens_needed(25) + 25 * rng.randrange(3)
        last = self.said + count >= len(self.text)
        tokens = self.text[self.said : self.said + count]
        self.said += len(tokens)
        return Chunk(self.stream, tokens, rng.choice(list(Final)) if last else None)

    def difference(self, chunk: Chunk, mel: torch.Tensor) -> float:
        said = whole(self.flow, self.prompt, self.text[: self.said], chunk.final)
        expected = said[:, self.emitted :]
        self.emitted += mel.shape[1]
        return worst(mel, expected)


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_ragged_batches_with_late_joiners(size: str, merged: bool):
    flow, dice, rng = load(size, merged=merged), Dice(3), random.Random(size)
    lengths = [rng.randrange(1, 160) for _ in PROMPTS]
    waiting = [Speaker(flow, dice, *pair) for pair in zip(PROMPTS, lengths, strict=True)]
    talking, batches = [], []
    while waiting or talking:
        while waiting and (len(talking) < 4 or rng.random() < 0.5):
            talking.append(waiting.pop())
        turn = [speaker for speaker in talking if rng.random() < 0.9] or talking[:1]
        chunks = [speaker.next_chunk(rng) for speaker in turn]
        batches.append(len(turn))
        for speaker, chunk, mel in zip(turn, chunks, flow.advance(chunks), strict=True):
            assert speaker.difference(chunk, mel) < TOLERANCE
        for speaker in [speaker for speaker in talking if speaker.stream.closed]:
            speaker.voice.close()
            talking.remove(speaker)
    assert max(batches) >= 3
    assert flow.free_blocks == 40


@pytest.mark.parametrize("size", SIZES)
def test_five_streams_of_one_voice_together_are_as_each_alone(size: str):
    flow, dice = load(size), Dice(4)
    voice = flow.voice(dice.prompt(flow, 60))
    texts = [dice.tokens(90 + 7 * n) for n in range(5)]

    def speak(streams: list[FlowStream], chosen: list[torch.Tensor]) -> list[torch.Tensor]:
        first = [Chunk(s, t[:68]) for s, t in zip(streams, chosen, strict=True)]
        last = [Chunk(s, t[68:], Final.CAUSAL) for s, t in zip(streams, chosen, strict=True)]
        pairs = zip(flow.advance(first), flow.advance(last), strict=True)
        return [torch.cat(pair, 1) for pair in pairs]

    together = speak([flow.open(voice) for _ in texts], texts)
    for text, mel in zip(texts, together, strict=True):
        (alone,) = speak([flow.open(voice)], [text])
        assert worst(mel, alone) < TOLERANCE
    mixed = speak([flow.open(voice) for _ in texts], texts[::-1])
    for mel, again in zip(together, mixed[::-1], strict=True):
        assert worst(mel, again) < TOLERANCE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("final", list(Final))
@pytest.mark.parametrize("tail", [0, 1, 22, 23, 200])
def test_any_tail(size: str, final: Final, tail: int):
    """From nothing but the look-ahead of the chunk before to far more than that chunk."""
    flow, dice = load(size), Dice(5)
    prompt, text = dice.prompt(flow, 40), dice.tokens(38 + tail)
    with opened(flow, prompt) as stream:
        (mel,) = flow.advance([Chunk(stream, text[:38])])
        (rest,) = flow.advance([Chunk(stream, text[38:], final)])
    assert rest.shape == (80, 2 * (tail + 3))
    expected = whole(flow, prompt, text, final)
    assert worst(rest, expected[:, mel.shape[1] :]) < TOLERANCE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("final", list(Final))
@pytest.mark.parametrize("prompt_tokens", [0, 1, 53])
def test_a_text_shorter_than_a_chunk(size: str, final: Final, prompt_tokens: int):
    flow, dice = load(size), Dice(6)
    prompt, text = dice.prompt(flow, prompt_tokens), dice.tokens(1)
    with opened(flow, prompt) as stream:
        (mel,) = flow.advance([Chunk(stream, text, final)])
    assert worst(mel, whole(flow, prompt, text, final)) < TOLERANCE


@pytest.mark.parametrize("final", list(Final))
@pytest.mark.parametrize("prompt_tokens", [0, 40])
def test_a_stream_without_a_word(final: Final, prompt_tokens: int):
    flow, dice = load("dit-3-heads"), Dice(7)
    with opened(flow, dice.prompt(flow, prompt_tokens)) as stream:
        (mel,) = flow.advance([Chunk(stream, dice.tokens(0), final)])
        assert mel.shape == (80, 0)
        assert stream.closed


def test_a_first_chunk_that_ends_inside_the_prompt():
    flow, dice = load("unet-3-heads"), Dice(8)
    prompt, text = dice.prompt(flow, 27), dice.tokens(60)
    with opened(flow, prompt) as stream:
        (nothing,) = flow.advance([Chunk(stream, text[:1])])
        assert nothing.shape == (80, 0)
        (mel,) = flow.advance([Chunk(stream, text[1:], Final.CAUSAL)])
    assert worst(mel, whole(flow, prompt, text, Final.CAUSAL)) < TOLERANCE


@pytest.mark.parametrize("size", SIZES)
def test_work_grows_with_new_frames_alone(size: str):
    """Rows that enter the estimator: new frames once at the first step, twice at the others."""
    flow, dice = load(size), Dice(9)
    steps = SIZES[size].ode_steps
    rows: list[int] = []
    estimator = flow._solver.estimator

    class Counting:
        state = estimator.state
        condition = staticmethod(estimator.condition)

        def __call__(self, x, *rest):
            rows.append(len(x))
            return estimator(x, *rest)

    with opened(flow, dice.prompt(flow, 103)) as stream:
        flow._solver.estimator = Counting()
        for hop in (25, 50, 25):
            rows.clear()
            count = stream.tokens_needed(hop)
            before = stream.solved_tokens
            flow.advance([Chunk(stream, dice.tokens(count))])
            new = 2 * (stream.solved_tokens - before)
            assert rows == [new] + [2 * new] * (steps - 1)


@pytest.mark.parametrize("size", UNETS)
@pytest.mark.parametrize("merged", [False, True])
def test_compact_memory_says_the_same(size: str, merged: bool):
    dice = Dice(10)
    text, mels = dice.tokens(150), []
    for compact in (False, True):
        flow = load(size, compact=compact, merged=merged)
        with opened(flow, Dice(11).prompt(flow, 60)) as stream:
            mel = flow.advance([Chunk(stream, text[:68])])
            mel += flow.advance([Chunk(stream, text[68:], Final.CAUSAL)])
        mels.append(torch.cat(mel, 1))
    assert worst(*mels) < TOLERANCE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.bfloat16, 0.015), (torch.float16, 0.002)])
def test_low_precision_stays_near(size: str, dtype: torch.dtype, bound: float):
    text, mels = Dice(12).tokens(100), []
    for precision in (torch.float32, dtype):
        flow = load(size, dtype=precision)
        with opened(flow, Dice(13).prompt(flow, 53)) as stream:
            mel = flow.advance([Chunk(stream, text[:50])])
            mel += flow.advance([Chunk(stream, text[50:], Final.CAUSAL)])
        mels.append(torch.cat(mel, 1))
    assert all(mel.dtype == torch.float32 for mel in mels)
    error = (mels[1] - mels[0]).norm() / mels[0].norm()
    assert 0 < error < bound
