"""What is measured in clips of which it is known what is wrong with them."""

import numpy as np
import pytest

from audio.quality import find_faults, measure_quality

RATE_HZ = 24_000
RANDOM = np.random.default_rng(3)


def speech(seconds=6.0, level=0.2, talking=0.8):
    """A buzz at 150 Hz that swells like syllables, with a pause after each second."""
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = np.tanh(4 * np.sin(2 * np.pi * 150 * times)) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 4 * times)
    )
    return (level * buzz * (times % 1.0 < talking)).astype(np.float32)


def noise(samples, level):
    return (samples + level * RANDOM.standard_normal(len(samples))).astype(np.float32)


def faults(samples):
    return {finding.code for finding in find_faults(measure_quality(samples, RATE_HZ))}


CLEAN = noise(speech(), 0.0005)


def test_a_good_clip_has_no_faults_and_true_measures():
    assert faults(CLEAN) == set()
    quality = measure_quality(CLEAN, RATE_HZ)
    assert quality.duration_s == 6.0
    assert quality.speech_share == pytest.approx(0.8, abs=0.06)
    assert quality.noise_dbfs == pytest.approx(20 * np.log10(0.0005), abs=1.5)
    assert quality.peak_dbfs == pytest.approx(20 * np.log10(0.2), abs=0.5)
    assert quality.snr_db > 40


@pytest.mark.parametrize(
    ("samples", "code"),
    [
        (noise(speech(), 0.05), "noisy"),
        (np.clip(4 * CLEAN, -0.5, 0.5) * 2, "clipped"),
        (0.03 * CLEAN, "quiet"),
        (noise(speech(talking=0.2), 0.0005), "little_speech"),
        (noise(speech(seconds=2.0), 0.0005), "short"),
    ],
    ids=["noisy", "clipped", "quiet", "little speech", "short"],
)
def test_each_fault_is_found_and_told_so_that_a_person_can_act(samples, code):
    findings = find_faults(measure_quality(samples.astype(np.float32), RATE_HZ))
    found = {finding.code: finding.message for finding in findings}
    assert code in found
    assert len(found[code]) > 30


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ, np.float32), np.zeros(3, np.float32)])
def test_silence_is_no_speech(samples):
    quality = measure_quality(samples, RATE_HZ)
    assert np.isfinite([quality.level_dbfs, quality.snr_db, quality.noise_dbfs]).all()
    assert "little_speech" in faults(samples)
