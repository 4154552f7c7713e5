import numpy as np
import pytest
import torch
from plain_hift import PlainHift
from tiny_models import hift_config, hift_state

from engines.cosyvoice.hift import HiftModules, OverlapChunk, OverlapVocoder
from engines.cosyvoice.parity.hift import Silence, TableNoise

CONFIG = hift_config(causal=False)
STATE = hift_state(CONFIG)
GENERATOR_TOLERANCE = 5e-5
TOLERANCE = 3e-3
OVERLAP = 3840


@pytest.fixture(scope="module")
def modules():
    return HiftModules.load(STATE, CONFIG)


@pytest.fixture(scope="module")
def vocoder(modules):
    return OverlapVocoder(modules)


def mel(frames, seed):
    return torch.randn(80, frames, generator=torch.Generator().manual_seed(seed))


def table(frames, seed):
    generator = torch.Generator().manual_seed(100 + seed)
    return torch.randn(frames * 480, 9, generator=generator)


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


def test_a_ragged_batch_has_right_last_frames(vocoder):
    """Convolutions look to both sides and have biases: padding must not be heard."""
    lengths = (3, 40, 17, 1, 29)
    mels = [mel(length, length) for length in lengths]
    sources = [
        torch.randn(length * 480, generator=torch.Generator().manual_seed(length)) / 20
        for length in lengths
    ]
    together = vocoder.decode(mels, sources)
    for whole, source, made in zip(mels, sources, together, strict=True):
        (expected,) = vocoder.decode([whole], [source])
        assert made.shape == expected.shape
        assert (made - expected).abs().max() < GENERATOR_TOLERANCE
    tables = [table(length, length) for length in lengths]
    together = vocoder.render(mels, [TableNoise(noise) for noise in tables])
    for whole, noise, made in zip(mels, tables, together, strict=True):
        (expected,) = vocoder.render([whole], [TableNoise(noise)])
        assert (made - expected).abs().max() < TOLERANCE


class PlainStream:
    """Upstream's overlap streaming, one request."""

    def __init__(self, noise):
        self.plain = PlainHift(STATE, CONFIG)
        self.noise, self.position = noise, 0
        self.mel = self.source = self.speech = None

    def chunk(self, part, last):
        whole = part if self.mel is None else torch.cat((self.mel, part), dim=1)
        size = whole.shape[1] * 480
        noise = self.noise[self.position : self.position + size]
        self.position += size
        source = self.plain.source(self.plain.f0(whole), noise)
        if self.source is not None:
            source[:OVERLAP] = self.source
        speech = self.plain.decode(whole, source)
        if self.speech is not None:
            window = torch.from_numpy(np.hamming(2 * OVERLAP))
            faded = speech[:OVERLAP] * window[:OVERLAP] + self.speech * window[OVERLAP:]
            speech[:OVERLAP] = faded.float()
        self.mel, self.source = whole[:, -8:], source[-OVERLAP:]
        self.speech = speech[-OVERLAP:].clone()
        return speech if last else speech[:-OVERLAP]


def test_chunks_follow_upstream_in_ragged_company(vocoder):
    plans = [(20, 8, 20, 3), (12, 33), (30,), (8, 1, 1, 9), (15, 15, 15, 0)]
    wholes = [mel(sum(plan), seed) for seed, plan in enumerate(plans)]
    noises = [table(120, seed) for seed in range(5)]
    plain = [PlainStream(noise) for noise in noises]
    streams = [vocoder.open(TableNoise(noise)) for noise in noises]
    positions = [0] * 5
    for turn in range(4):
        rows = [row for row, plan in enumerate(plans) if turn < len(plan)]
        chunks, expected = [], []
        for row in rows:
            last = turn == len(plans[row]) - 1
            part = wholes[row][:, positions[row] : positions[row] + plans[row][turn]]
            positions[row] += plans[row][turn]
            chunks.append(OverlapChunk(streams[row], part, last))
            expected.append(plain[row].chunk(part, last))
        for made, theirs in zip(vocoder.advance(chunks), expected, strict=True):
            assert made.shape == theirs.shape
            assert torch.allclose(made, theirs.clamp(-1, 1), rtol=0, atol=TOLERANCE)


def test_a_stream_holds_the_same_after_every_chunk(vocoder):
    stream = vocoder.open(Silence(9))
    sizes = set()
    for seed in range(3):
        vocoder.advance([OverlapChunk(stream, mel(20, seed), is_last=False)])
        sizes.add(stream.num_bytes)
    assert sizes == {4 * (80 * 8 + 2 * OVERLAP)}


def test_the_unity_fade_has_no_gain(modules):
    rise, fall = OverlapVocoder(modules, crossfade="unity").fade
    assert torch.allclose(rise + fall, torch.ones(OVERLAP, dtype=torch.float64))
    rise, fall = OverlapVocoder(modules).fade
    assert float((rise + fall).min()) == pytest.approx(1.08, abs=1e-3)


@pytest.mark.parametrize(("crossfade", "peak"), [("upstream", 1.0), ("unity", 0.99)])
def test_no_sample_leaves_full_scale(modules, crossfade, peak):
    loud = {name: tensor.clone() for name, tensor in STATE.items()}
    loud["conv_post.weight"] = loud["conv_post.weight"] * 20
    vocoder = OverlapVocoder(HiftModules.load(loud, CONFIG), crossfade=crossfade)
    stream = vocoder.open(Silence(9))
    same = mel(8, 1).repeat(1, 6)
    made = [
        vocoder.advance([OverlapChunk(stream, same[:, start : start + 16], start == 32)])[0]
        for start in (0, 16, 32)
    ]
    assert float(torch.cat(made).abs().max()) == pytest.approx(peak, abs=1e-6)


def test_noise_belongs_to_the_request(vocoder):
    mels = [mel(20, 1), mel(33, 2)]
    alone = [vocoder.render([each], [vocoder.noise(5)])[0] for each in mels]
    together = vocoder.render(mels, [vocoder.noise(5), vocoder.noise(5)])
    other = vocoder.render([mels[0]], [vocoder.noise(6)])[0]
    for made, expected in zip(together, alone, strict=True):
        assert (made - expected).abs().max() < TOLERANCE
    assert (other - alone[0]).abs().max() > TOLERANCE


def test_a_first_chunk_shorter_than_the_overlap_is_refused(vocoder):
    stream = vocoder.open(Silence(9))
    with pytest.raises(ValueError, match="shorter than the overlap"):
        vocoder.advance([OverlapChunk(stream, mel(7, 1), is_last=False)])
    (made,) = vocoder.advance([OverlapChunk(stream, mel(7, 1), is_last=True)])
    assert made.shape == (7 * 480,)
