"""Ears and mouths for all tests: making clips, decoding answers, recognising words."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest

from audio.ffmpeg import find_ffmpeg

RATE_HZ = 24_000
_NO_NETWORK = ["unshare", "--map-root-user", "--net", "--"]
"""A network namespace of its own has a loopback device, which is down, and no route anywhere."""


def pytest_collection_modifyitems(items):
    """Mark what runs a real cluster. CI runs such a test once more if it fails, and says so."""
    for item in items:
        if {"serve", "deploy"} & set(Path(item.fspath).relative_to(item.config.rootpath).parts):
            item.add_marker(pytest.mark.serve)
            if os.environ.get("CI"):
                item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def ffmpeg():
    return find_ffmpeg(None)


@pytest.fixture(scope="session")
def make_clip(ffmpeg):
    """Make an audio file: ``make_clip("mp3", seconds=2, frequency_hz=200)`` gives its bytes."""

    def make(
        container, *, seconds=2.0, frequency_hz=200.0, rate_hz=44_100, channels=2, options=(),
        folder=None,
    ):  # fmt: skip
        source = f"sine=frequency={frequency_hz}:sample_rate={rate_hz}:duration={seconds}"
        command = [ffmpeg, "-loglevel", "error", "-f", "lavfi", "-i", source, "-ac", str(channels)]
        if folder:  # a container that has to be seekable when it is written
            file = folder / f"clip.{container}"
            subprocess.run([*command, *options, file], check=True)
            return file.read_bytes()
        done = subprocess.run(
            [*command, *options, "-f", container, "pipe:1"], check=True, capture_output=True
        )
        return done.stdout

    return make


@pytest.fixture(scope="session")
def decode(ffmpeg):
    """Decode any audio file to float samples at 24 kHz, as a player would hear it.

    ``raw`` is FFmpeg's name of the sample format where there is no container: s16le, f32le.
    """

    def run(data, *, raw=None):
        source = ["-f", raw, "-ar", str(RATE_HZ), "-ac", "1"] if raw else []
        data = data[: len(data) // 4 * 4] if raw else data  # a network may cut a sample in two
        done = subprocess.run(
            [ffmpeg, "-v", "error", *source, "-i", "pipe:0", "-f", "f32le", "-ac", "1",
             "-ar", str(RATE_HZ), "pipe:1"],
            input=data, check=True, capture_output=True,
        )  # fmt: skip
        assert not done.stderr, done.stderr
        return np.frombuffer(done.stdout, "<f4")

    return run


@pytest.fixture(scope="session")
def recognise():
    """Recognise English words in samples at 24 kHz."""
    import pocketsphinx
    import soxr

    def run(samples):
        decoder = pocketsphinx.Decoder(loglevel="ERROR", samprate=16_000)
        pcm = soxr.resample(samples, RATE_HZ, 16_000) * 32_000
        decoder.start_utt()
        decoder.process_raw(pcm.astype("<i2").tobytes(), full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        return hypothesis.hypstr.split() if hypothesis else []

    return run


@pytest.fixture(scope="session")
def assert_is_speech():
    """Duration, loudness, clipping, silence: what a listener would notice first."""

    def check(samples, *, min_s, max_s):
        assert min_s <= len(samples) / RATE_HZ <= max_s
        level_db = 20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        assert -40 < level_db < -10, f"{level_db:.1f} dBFS"
        assert np.abs(samples).max() < 1.0
        frames = samples[: len(samples) // 480 * 480].reshape(-1, 480)
        loud = np.sqrt(np.mean(np.square(frames), axis=1)) > 0.005
        gaps = np.diff(np.flatnonzero(np.concatenate(([True], loud, [True]))))
        assert gaps.max() * 0.02 < 1.0, "a second of silence"

    return check


@pytest.fixture(scope="session")
def without_network():
    """What to put before a command so that it runs without a network."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    if subprocess.run([*_NO_NETWORK, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets us make no network namespace")
    return _NO_NETWORK


@pytest.fixture
def new_children():
    """Processes that this one has started since the test began, as a function."""
    before = psutil.Process().children()
    return lambda: [child for child in psutil.Process().children() if child not in before]


@pytest.fixture(scope="session")
def dominant_frequency_hz():
    """Frequency of the strongest partial of samples at 24 kHz."""

    def find(samples):
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        return float(np.argmax(spectrum)) * RATE_HZ / len(samples)

    return find
