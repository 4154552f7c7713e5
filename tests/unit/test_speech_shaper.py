import numpy as np
import pytest

from audio.errors import InvalidSpeechError
from audio.speech import SpeechShaper


def sine(frequency_hz, rate_hz, seconds=1.0, amplitude=0.5):
    times = np.arange(int(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * times)).astype(np.float32)


def shaped(shaper, *chunks):
    data = b"".join(shaper.shape(chunk) for chunk in chunks) + shaper.flush()
    return np.frombuffer(data, "<i2") / 32767


def test_samples_within_range_pass_unchanged():
    samples = sine(440, 24_000)
    assert np.abs(shaped(SpeechShaper(24_000, 24_000), samples) - samples).max() < 1e-4


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 48_000])
def test_resampling_has_no_seams(rate_hz):
    samples = sine(440, rate_hz)
    chunks = np.split(samples, [100, 101, 5_000, 9_999])
    in_chunks = shaped(SpeechShaper(rate_hz, 24_000), *chunks)
    at_once = shaped(SpeechShaper(rate_hz, 24_000), samples)
    assert len(in_chunks) == pytest.approx(24_000, abs=2)
    np.testing.assert_array_equal(in_chunks, at_once)
    wanted = sine(440, 24_000)[: len(in_chunks)]
    assert np.abs(in_chunks - wanted)[500:-500].max() < 2e-3


def test_a_loud_stream_is_lowered_for_good_and_never_clipped():
    quiet, loud = sine(440, 24_000, amplitude=0.2), sine(440, 24_000, amplitude=2.0)
    out = shaped(SpeechShaper(24_000, 24_000), quiet, loud, quiet)
    first, second, third = np.split(out, 3)
    assert np.abs(first).max() == pytest.approx(0.2, abs=1e-3)
    assert 0.95 < np.abs(second).max() < 1.0
    assert np.abs(third).max() == pytest.approx(0.2 * 0.99 / 2.0, rel=0.01)
    flat_tops = np.sum(np.abs(second) > 0.98)
    assert flat_tops < 0.15 * len(second), "a sine spends little time near its peak"


def test_the_gain_falls_before_the_sample_that_needs_it():
    chunk = np.zeros(1_000, np.float32)
    chunk[500:] = 4.0
    assert np.abs(shaped(SpeechShaper(24_000, 24_000), chunk)).max() <= 0.9901


def test_duration_counts_what_came_out():
    shaper = SpeechShaper(16_000, 24_000)
    shaped(shaper, sine(440, 16_000, seconds=2))
    assert shaper.duration_s == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error(bad):
    samples = sine(440, 24_000)
    samples[77] = bad
    with pytest.raises(InvalidSpeechError, match="finite"):
        SpeechShaper(24_000, 24_000).shape(samples)


def test_nothing_is_an_error():
    shaper = SpeechShaper(16_000, 24_000)
    shaper.shape(np.empty(0, np.float32))
    with pytest.raises(InvalidSpeechError, match="no audio"):
        shaper.flush()


def test_stereo_is_an_error():
    with pytest.raises(InvalidSpeechError, match="shape"):
        SpeechShaper(24_000, 24_000).shape(np.zeros((2, 10), np.float32))
