import io

import numpy as np
import pytest
import soundfile

from audio.playback import Playback
from audio.soundness import problem_of

RATE_HZ = 24_000
TONE = 0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE_HZ) / RATE_HZ)


def wav(samples, subtype="PCM_16"):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format="WAV", subtype=subtype)
    return file.getvalue()


def test_speech_is_sound():
    assert problem_of(wav(TONE)) is None


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "cannot be read"),
        (b"RIFF and no more", "cannot be read"),
        (wav(TONE[:1000]), "0.04 s"),
        (wav(np.zeros(RATE_HZ)), "silent"),
        (wav(np.where(np.arange(RATE_HZ) == 7, np.nan, TONE), "FLOAT"), "not finite"),
    ],
)
def test_what_no_speech_can_be(file, words):
    assert words in problem_of(file)


def test_a_listener_runs_dry_when_a_piece_is_late():
    playback = Playback()
    for arrived_s, audio_s in ((10.0, 1.0), (10.5, 1.0), (13.0, 1.0), (13.5, 1.0)):
        playback.hear(audio_s, arrived_s)
    assert playback.underruns == 1
    assert playback.audio_s == 4.0
