"""Tempo without pitch."""

import numpy as np
import pytest

from engines.tempo import change_tempo, split_speed

RATE_HZ = 24_000
TIMES = np.arange(2 * RATE_HZ) / RATE_HZ
TONE = (0.5 * np.sin(2 * np.pi * 220 * TIMES)).astype(np.float32)


@pytest.mark.parametrize("tempo", [0.5, 0.9, 1.3, 2.0])
def test_a_tone_keeps_its_pitch_and_its_level(tempo, dominant_frequency_hz):
    changed = change_tempo(TONE, RATE_HZ, tempo)
    assert changed.dtype == np.float32
    assert len(changed) == round(len(TONE) / tempo)
    assert dominant_frequency_hz(changed) == pytest.approx(220, abs=2)
    middle = changed[2_400:-2_400]
    level = np.sqrt(np.mean(np.square(middle)))
    assert level == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_no_piece_clicks():
    changed = change_tempo(TONE, RATE_HZ, 1.7)
    steepest = np.abs(np.diff(TONE)).max()
    assert np.abs(np.diff(changed[:-1_000])).max() < 1.5 * steepest


def test_the_order_of_sounds_stays():
    low_then_high = np.where(TIMES < 1, TONE, np.sin(2 * np.pi * 880 * TIMES) * 0.5)
    changed = change_tempo(low_then_high.astype(np.float32), RATE_HZ, 2.0)
    crossings = np.diff(np.signbit(changed).astype(int)) != 0
    assert crossings[:10_000].sum() < crossings[14_000:].sum() / 2


@pytest.mark.parametrize("count", [0, 1, 100, 700])
def test_short_sounds(count):
    assert len(change_tempo(TONE[:count], RATE_HZ, 2.0)) == round(count / 2)
    assert len(change_tempo(TONE[:count], RATE_HZ, 0.5)) == 2 * count


def test_silence_and_natural_speed():
    assert not change_tempo(np.zeros(5_000, np.float32), RATE_HZ, 2.0).any()
    assert change_tempo(TONE, RATE_HZ, 1.0) is TONE


@pytest.mark.parametrize(
    ("speed", "native", "tempo"),
    [(1.0, 1.0, 1.0), (0.5, 0.5, 1.0), (4.0, 2.0, 2.0), (0.25, 0.5, 0.5), (1.7, 1.7, 1.0)],
)
def test_the_model_does_what_it_can(speed, native, tempo):
    assert split_speed(speed) == (native, tempo)
