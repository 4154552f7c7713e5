"""What voices and streams hold, share, give back, and are refused."""

import pickle
from contextlib import closing

import pytest
import torch
from flow_worlds import SIZES, Dice, load, opened, worst

from engines.cosyvoice.flow import Chunk, Final, FlowRequest
from engines.cosyvoice.flow.errors import (
    CacheFullError,
    ChunkBoundaryError,
    ClosedError,
    InvalidInputError,
    SequenceTooLongError,
)
from engines.cosyvoice.flow.pool import BlockPool

SIZE = "dit-3-heads"


def test_a_voice_is_remembered_once():
    flow, dice = load(SIZE, blocks=10), Dice(1)
    voice = flow.voice(dice.prompt(flow, 60))
    assert flow.free_blocks == 8
    streams = [flow.open(voice) for _ in range(5)]
    assert flow.free_blocks == 8
    assert voice.num_bytes == 2 * flow.block_bytes + voice.prompt.num_bytes
    assert [stream.num_bytes for stream in streams] == [0] * 5
    voice.close()
    voice.close()
    assert flow.free_blocks == 8
    for stream in streams:
        stream.close()
        stream.close()
    assert flow.free_blocks == 10


def test_a_stream_outlives_its_voice():
    flow, dice = load(SIZE, blocks=10), Dice(2)
    prompt, text = dice.prompt(flow, 60), dice.tokens(70)
    voice = flow.voice(prompt)
    stream = flow.open(voice)
    flow.advance([Chunk(stream, text[:43])])
    voice.close()
    other = flow.voice(dice.prompt(flow, 103))
    (mel,) = flow.advance([Chunk(stream, text[43:], Final.CAUSAL)])
    (expected,) = flow.offline([FlowRequest(prompt, text)], chunked=True)
    assert worst(mel, expected[:, -mel.shape[1] :]) < 2e-5
    other.close()
    assert flow.free_blocks == 10


@pytest.mark.parametrize(
    ("prompt", "tokens", "blocks"), [(0, 27, 0), (0, 28, 1), (60, 40, 1), (60, 43, 2)]
)
def test_memory_is_known_before_the_stream_starts(prompt: int, tokens: int, blocks: int):
    flow, dice = load(SIZE, blocks=10), Dice(3)
    with closing(flow.voice(dice.prompt(flow, prompt))) as voice:
        free = flow.free_blocks
        assert flow.stream_bytes(voice, tokens) == blocks * flow.block_bytes
        with closing(flow.open(voice, reserve_tokens=tokens)) as stream:
            assert stream.num_bytes == flow.stream_bytes(voice, tokens)
            assert flow.free_blocks == free - blocks
            if blocks:
                boundary = stream.solved_tokens + 25 * blocks + 3
                flow.advance([Chunk(stream, dice.tokens(boundary - prompt))])
            assert flow.free_blocks == free - blocks
        assert stream.num_bytes == 0
        assert flow.free_blocks == free


def test_a_stream_may_outgrow_its_reserve():
    flow, dice = load(SIZE, blocks=4), Dice(4)
    with opened(flow, dice.prompt(flow, 0), reserve=28) as stream:
        assert flow.free_blocks == 3
        flow.advance([Chunk(stream, dice.tokens(78))])
        assert flow.free_blocks == 1
        assert stream.num_bytes == 3 * flow.block_bytes


def test_a_full_cache_refuses_and_changes_nothing():
    flow, dice = load(SIZE, blocks=4), Dice(5)
    prompt, text = dice.prompt(flow, 28), dice.tokens(100)
    with opened(flow, prompt) as first, opened(flow, prompt) as second:
        chunks = [Chunk(first, text[:50]), Chunk(second, text[:50])]
        with pytest.raises(CacheFullError, match="4 cache blocks are wanted and 2 are free"):
            flow.advance(chunks)
        with pytest.raises(CacheFullError):
            flow.open(first.voice, reserve_tokens=100)
        with pytest.raises(CacheFullError):
            flow.voice(dice.prompt(flow, 103))
        assert flow.free_blocks == 2
        (mel,) = flow.advance(chunks[:1])
        (rest,) = flow.advance([Chunk(first, text[50:], Final.CAUSAL)])
        (expected,) = flow.offline([FlowRequest(prompt, text)], chunked=True)
        assert worst(torch.cat([mel, rest], 1), expected) < 2e-5


@pytest.mark.parametrize("size", SIZES)
def test_old_blocks_leave_no_trace(size: str):
    flow, dice = load(size, blocks=4), Dice(6)
    mels = []
    one, another = dice.tokens(78), dice.tokens(78)
    for text in (one, another, one):
        with opened(flow, Dice(7).prompt(flow, 28)) as stream:
            mel = flow.advance([Chunk(stream, text[:50])])
            mel += flow.advance([Chunk(stream, text[50:], Final.CAUSAL)])
        mels.append(torch.cat(mel, 1))
    assert worst(mels[0], mels[2]) < 1e-6
    assert worst(mels[0], mels[1]) > 0.1


def test_a_failed_voice_gives_its_blocks_back(monkeypatch: pytest.MonkeyPatch):
    flow, dice = load(SIZE, blocks=4), Dice(8)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(flow._solver, "advance", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        flow.voice(dice.prompt(flow, 60))
    assert flow.free_blocks == 4


def test_a_failed_chunk_can_be_tried_again(monkeypatch: pytest.MonkeyPatch):
    flow, dice = load(SIZE, blocks=8), Dice(9)
    prompt, text = dice.prompt(flow, 28), dice.tokens(50)

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    with opened(flow, prompt) as stream:
        with monkeypatch.context() as broken:
            broken.setattr(flow._solver, "advance", fail)
            with pytest.raises(RuntimeError, match="out of memory"):
                flow.advance([Chunk(stream, text)])
        (mel,) = flow.advance([Chunk(stream, text)])
    (expected,) = flow.offline([FlowRequest(prompt, text)], chunked=True, finalize=False)
    assert worst(mel, expected) < 2e-5
    assert flow.free_blocks == 8


@pytest.mark.parametrize("tokens", [0, 24, 26, 27, 29, 52, 54])
def test_a_wrong_boundary_is_refused(tokens: int):
    flow, dice = load(SIZE), Dice(10)
    with opened(flow, dice.prompt(flow, 0)) as stream:
        with pytest.raises(ChunkBoundaryError, match="3 more than a multiple of 25"):
            flow.advance([Chunk(stream, dice.tokens(tokens))])
        assert stream.tokens_needed() == 28


def test_the_boundary_error_names_the_next_boundary():
    flow, dice = load(SIZE), Dice(11)
    with opened(flow, dice.prompt(flow, 40)) as stream:
        with pytest.raises(ChunkBoundaryError, match=r"are 50;.* next time to 53"):
            flow.advance([Chunk(stream, dice.tokens(10))])
        flow.advance([Chunk(stream, dice.tokens(38))])
        with pytest.raises(ChunkBoundaryError, match=r"are 78;.* next time to 103"):
            flow.advance([Chunk(stream, dice.tokens(0))])


@pytest.mark.parametrize(
    ("prompt", "hop", "first", "then"),
    [(40, 25, 38, 25), (40, 50, 63, 50), (40, 100, 163, 100), (50, 25, 28, 25), (0, 50, 53, 50)],
)
def test_tokens_needed_follow_upstreams_hops(prompt: int, hop: int, first: int, then: int):
    flow, dice = load(SIZE), Dice(12)
    with opened(flow, dice.prompt(flow, prompt)) as stream:
        assert stream.tokens_needed(hop) == first
        flow.advance([Chunk(stream, dice.tokens(first))])
        assert stream.tokens_needed(hop) == then
        assert stream.tokens_needed(25) == 25
        for wrong in (0, -25, 30):
            with pytest.raises(ValueError, match="multiple of 25"):
                stream.tokens_needed(wrong)


def test_what_is_too_long_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch):
    flow, dice = load(SIZE, noise_frames=200), Dice(13)
    prompt = dice.prompt(flow, 40)
    (mel,) = flow.offline([FlowRequest(prompt, dice.tokens(60))])
    assert mel.shape == (80, 120)
    with opened(flow, prompt) as stream:
        monkeypatch.setattr(flow._solver, "_integrate", None)
        with pytest.raises(SequenceTooLongError, match="202 mel frames; the flow can do 200"):
            flow.offline([FlowRequest(prompt, dice.tokens(61))])
        with pytest.raises(SequenceTooLongError):
            flow.advance([Chunk(stream, dice.tokens(61), Final.FULL)])
        with pytest.raises(SequenceTooLongError):
            flow.advance([Chunk(stream, dice.tokens(88))])
    with pytest.raises(SequenceTooLongError):
        flow.voice(dice.prompt(flow, 101))


def test_a_sequence_may_end_with_the_noise():
    """The shared first step reaches beyond what was set aside for it."""
    flow, dice = load(SIZE, blocks=2, noise_frames=550), Dice(14)
    prompt, text = dice.prompt(flow, 20), dice.tokens(255)
    with opened(flow, prompt) as stream:
        (mel,) = flow.advance([Chunk(stream, text, Final.CAUSAL)])
    (expected,) = flow.offline([FlowRequest(prompt, text)], chunked=True)
    assert worst(mel, expected) < 2e-5


def test_closed_streams_and_voices_are_refused():
    flow, dice = load(SIZE), Dice(15)
    voice = flow.voice(dice.prompt(flow, 28))
    stream = flow.open(voice)
    flow.advance([Chunk(stream, dice.tokens(5), Final.CAUSAL)])
    with pytest.raises(ClosedError, match="the stream is closed"):
        flow.advance([Chunk(stream, dice.tokens(5), Final.CAUSAL)])
    voice.close()
    with pytest.raises(ClosedError, match="the voice is closed"):
        flow.open(voice)


def test_one_wrong_chunk_stops_the_whole_call():
    flow, dice = load(SIZE), Dice(16)
    prompt = dice.prompt(flow, 28)
    with opened(flow, prompt) as good, opened(flow, prompt) as bad:
        with pytest.raises(ChunkBoundaryError):
            flow.advance([Chunk(good, dice.tokens(25)), Chunk(bad, dice.tokens(1))])
        with pytest.raises(InvalidInputError, match="two chunks"):
            flow.advance([Chunk(good, dice.tokens(25)), Chunk(good, dice.tokens(25))])
        assert good.solved_tokens == bad.solved_tokens == 25
        assert len(good.tokens) == 28


@pytest.mark.parametrize(
    "tokens",
    [torch.tensor([100]), torch.tensor([-1]), torch.tensor([1.0]), torch.tensor([[1]])],
)
def test_tokens_are_checked(tokens: torch.Tensor):
    flow, dice = load(SIZE), Dice(17)
    prompt = dice.prompt(flow, 0)
    with pytest.raises(InvalidInputError, match="speech tokens"):
        flow.offline([FlowRequest(prompt, tokens)])
    with opened(flow, prompt) as stream, pytest.raises(InvalidInputError, match="speech tokens"):
        flow.advance([Chunk(stream, tokens, Final.CAUSAL)])


def test_prompts_are_checked():
    flow, dice = load(SIZE), Dice(18)
    with pytest.raises(InvalidInputError, match=r"shape \(9, 80\); 5 tokens go with \(10, 80\)"):
        flow.prompt(dice.tokens(5), torch.zeros(9, 80), torch.ones(192))
    with pytest.raises(InvalidInputError, match="speaker"):
        flow.prompt(dice.tokens(0), torch.zeros(0, 80), torch.ones(1, 192))
    for tokens, finalize in ((0, True), (3, False)):
        request = FlowRequest(dice.prompt(flow, 5), dice.tokens(tokens))
        with pytest.raises(InvalidInputError, match="more than"):
            flow.offline([request], finalize=finalize)


def test_no_work_is_no_error():
    flow = load(SIZE)
    assert flow.advance([]) == []
    assert flow.offline([]) == []


def test_a_pool_counts_owners():
    pool = BlockPool(4)
    taken = pool.acquire(3)
    assert sorted(taken) == [1, 2, 3]
    pool.share(taken[:1])
    pool.release(taken)
    assert pool.num_free == 2
    pool.release(taken[:1])
    assert pool.num_free == 3
    with pytest.raises(CacheFullError):
        pool.acquire(4)
    assert pool.num_free == 3


@pytest.mark.parametrize(
    "error",
    [
        CacheFullError(4, 2),
        ChunkBoundaryError(50, 53),
        ClosedError("voice"),
        InvalidInputError("no"),
        SequenceTooLongError(202, 200),
    ],
)
def test_errors_survive_pickling(error: Exception):
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
