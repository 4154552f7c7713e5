import pytest
import torch
from plain_hift import PlainHift
from tiny_models import hift_config, hift_state

from engines.cosyvoice.hift import CausalChunk, CausalVocoder, HiftModules, StreamEndedError
from engines.cosyvoice.parity.hift import Silence, TableNoise

CONFIG = hift_config(causal=True)
STATE = hift_state(CONFIG)
GENERATOR_TOLERANCE = 5e-5
TOLERANCE = 3e-3


@pytest.fixture(scope="module")
def vocoder():
    return CausalVocoder(HiftModules.load(STATE, CONFIG))


def mel(frames, seed):
    return torch.randn(80, frames, generator=torch.Generator().manual_seed(seed))


def table(frames, seed):
    generator = torch.Generator().manual_seed(100 + seed)
    return torch.rand(frames * 480, 9, generator=generator)


def stream_in(vocoder, pieces, whole, noise):
    """Feed ``whole`` in ``pieces``; what came out for each."""
    stream = vocoder.open(noise)
    outputs, position = [], 0
    for index, size in enumerate(pieces):
        part = whole[:, position : position + size]
        position += size
        last = index == len(pieces) - 1
        outputs += vocoder.advance([CausalChunk(stream, part, last)])
    assert position == whole.shape[1]
    return outputs


@pytest.mark.parametrize("frames", [1, 2, 9, 40])
def test_equals_the_plain_formulation(vocoder, frames):
    plain = PlainHift(STATE, CONFIG)
    whole, noise = mel(frames, frames), table(frames, frames)
    source = plain.source(plain.f0(whole), noise)
    (made,) = vocoder.decode([whole], [source])
    assert (made - plain.decode(whole, source)).abs().max() < GENERATOR_TOLERANCE
    (made,) = vocoder.render([whole], [TableNoise(noise)])
    expected = plain.render(whole, noise)
    assert made.shape == expected.shape == (frames * 480,)
    assert (made - expected).abs().max() < TOLERANCE
    assert expected.abs().max() > 0.01


def test_both_voiced_and_unvoiced_frames_are_tested():
    f0 = PlainHift(STATE, CONFIG).f0(mel(40, 40))
    assert 0.1 < (f0 > CONFIG.voiced_threshold_hz).float().mean() < 0.95


@pytest.mark.parametrize(
    "pieces",
    [
        (60,),
        (60, 0),
        (30, 30),
        (8, 52),
        (7, 1, 52),
        (1,) * 60,
        (3, 4, 1, 0, 12, 40),
        (50, 9, 1),
    ],
)
def test_chunks_of_any_size_give_what_the_whole_gives(vocoder, pieces):
    whole, noise = mel(60, 1), table(60, 1)
    (expected,) = vocoder.render([whole], [TableNoise(noise)])
    outputs = stream_in(vocoder, pieces, whole, TableNoise(noise))
    assert (torch.cat(outputs) - expected).abs().max() < GENERATOR_TOLERANCE
    fed = 0
    for size, made in list(zip(pieces, outputs, strict=True))[:-1]:
        emitted = 480 * max(fed - 8, 0)
        fed += size
        assert len(made) == 480 * max(fed - 8, 0) - emitted


def test_a_ragged_batch_equals_each_alone(vocoder):
    lengths = (3, 40, 17, 1, 29)
    mels = [mel(length, length) for length in lengths]
    tables = [table(length, length) for length in lengths]
    together = vocoder.render(mels, [TableNoise(noise) for noise in tables])
    for whole, noise, made in zip(mels, tables, together, strict=True):
        (expected,) = vocoder.render([whole], [TableNoise(noise)])
        assert made.shape == expected.shape
        assert (made - expected).abs().max() < GENERATOR_TOLERANCE


def test_streams_of_any_age_advance_in_one_pass(vocoder):
    """First, middle, last and empty chunks together, of different lengths."""
    plans = [(20, 20, 20), (5, 50, 5), (60,), (9, 1, 25, 25), (2, 3, 4, 51)]
    wholes = [mel(60, seed) for seed in range(5)]
    tables = [table(60, seed) for seed in range(5)]
    expected = [
        torch.cat(stream_in(vocoder, plan, whole, TableNoise(noise)))
        for plan, whole, noise in zip(plans, wholes, tables, strict=True)
    ]
    streams = [vocoder.open(TableNoise(noise)) for noise in tables]
    outputs = [[] for _ in plans]
    positions = [0] * 5
    joins = [0, 0, 1, 1, 2]
    for step in range(6):
        chunks, rows = [], []
        for row, plan in enumerate(plans):
            turn = step - joins[row]
            if 0 <= turn < len(plan):
                end = positions[row] + plan[turn]
                part = wholes[row][:, positions[row] : end]
                chunks.append(CausalChunk(streams[row], part, turn == len(plan) - 1))
                rows.append(row)
                positions[row] = end
        if chunks:
            for row, made in zip(rows, vocoder.advance(chunks), strict=True):
                outputs[row].append(made)
    for made, alone in zip(outputs, expected, strict=True):
        assert (torch.cat(made) - alone).abs().max() < GENERATOR_TOLERANCE


def test_a_stream_holds_little_and_no_more_with_time(vocoder):
    stream = vocoder.open(Silence(9))
    sizes = []
    for seed in range(6):
        vocoder.advance([CausalChunk(stream, mel(30, seed), is_last=False)])
        sizes.append(stream.num_bytes)
    assert len(set(sizes)) == 1
    assert stream.num_bytes < 400_000


def test_every_chunk_costs_its_own_length(vocoder, monkeypatch):
    stream = vocoder.open(Silence(9))
    widths = []
    generate = vocoder._parts.generator.forward

    def counting(mel, *others):
        widths.append(mel.shape[-1])
        return generate(mel, *others)

    monkeypatch.setattr(type(vocoder._parts.generator), "forward", lambda _, *a: counting(*a))
    for seed in range(5):
        vocoder.advance([CausalChunk(stream, mel(50, seed), is_last=False)])
    assert widths == [43 + 4] + [50 + 4] * 4


def test_noise_belongs_to_the_request(vocoder):
    mels = [mel(20, 1), mel(33, 2)]
    alone = [vocoder.render([each], [vocoder.noise(5)])[0] for each in mels]
    together = vocoder.render(mels, [vocoder.noise(5), vocoder.noise(5)])
    other = vocoder.render([mels[0]], [vocoder.noise(6)])[0]
    for made, expected in zip(together, alone, strict=True):
        assert (made - expected).abs().max() < GENERATOR_TOLERANCE
    assert (other - alone[0]).abs().max() > 1e-3


def test_nothing_follows_the_last_chunk(vocoder):
    stream = vocoder.open(Silence(9))
    vocoder.advance([CausalChunk(stream, mel(10, 1), is_last=True)])
    before = stream.frames
    with pytest.raises(StreamEndedError):
        vocoder.advance([CausalChunk(stream, mel(10, 1), is_last=True)])
    assert stream.frames == before


def test_an_empty_stream_ends_silently(vocoder):
    stream = vocoder.open(Silence(9))
    (made,) = vocoder.advance([CausalChunk(stream, torch.empty(80, 0), is_last=True)])
    assert made.shape == (0,)


@pytest.mark.parametrize(
    "sizes", [{"conv_pre_look_right": 2, "f0_look_right": 3}, {"harmonics": 8}]
)
def test_other_looks_ahead(sizes):
    config = hift_config(causal=True, **sizes)
    state = hift_state(config)
    if config.conv_pre_look_right != 4:
        kernel = config.conv_pre_look_right + 1
        state["conv_pre.weight"] = state["conv_pre.weight"][..., :kernel].contiguous()
    vocoder = CausalVocoder(HiftModules.load(state, config))
    whole, noise = mel(30, 3), table(30, 3)
    (expected,) = vocoder.render([whole], [TableNoise(noise)])
    plain = PlainHift(state, config).render(whole, noise)
    assert (expected - plain).abs().max() < TOLERANCE
    outputs = stream_in(vocoder, (10, 9, 11), whole, TableNoise(noise))
    assert (torch.cat(outputs) - expected).abs().max() < GENERATOR_TOLERANCE
