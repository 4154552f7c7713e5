"""Speaking faster or slower."""

import pytest
import torch

from engines.cosyvoice.stretch import MelStretch


def test_natural_speed_changes_nothing():
    mel = torch.randn(80, 10)
    assert MelStretch(1.0).advance(mel, is_last=False) is mel


def test_a_whole_mel_is_stretched_as_upstream_does():
    mel = torch.arange(10.0).repeat(80, 1)
    slow, fast = (MelStretch(speed).advance(mel, is_last=True) for speed in (0.5, 1.9))
    assert slow.shape == (80, 20)
    assert fast.shape == (80, 5)
    assert slow[0].diff().clamp(min=0).max() == pytest.approx(0.5)
    assert fast[0, 1:-1].diff().mean() == pytest.approx(2.0)


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.77, 1.3, 2.0, 4.0])
def test_chunks_continue_each_other(speed):
    mel = torch.randn(80, 137)
    stretch = MelStretch(speed)
    cuts = [22, 50, 1, 3, 40, 21]
    chunks = list(mel.split(cuts, dim=1))
    parts = [stretch.advance(chunk, is_last=False) for chunk in chunks[:-1]]
    chunked = torch.cat([*parts, stretch.advance(chunks[-1], is_last=True)], dim=1)
    places = ((torch.arange(chunked.shape[1]) + 0.5) * speed - 0.5).clamp(0, 136)
    left = places.floor().long()
    expected = torch.lerp(mel[:, left], mel[:, (left + 1).clamp(max=136)], places - left)
    assert chunked.shape[1] == int(137 / speed)
    torch.testing.assert_close(chunked, expected, atol=1e-5, rtol=0)
