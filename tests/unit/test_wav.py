import struct
import wave

import pytest

from audio.wav import state_length, wav_file, wav_header

RATE_HZ = 24_000
SAMPLES = b"\1\0" * 1_000
FOREIGN = b"LIST" + struct.pack("<I", 3) + b"abc\0"
"""A chunk of odd length before the data, padded, as FFmpeg writes them."""


def streamed(more=b""):
    header = wav_header(None, RATE_HZ)
    return header[:-8] + more + header[-8:] + SAMPLES


@pytest.mark.parametrize("more", [b"", FOREIGN])
def test_a_stream_that_was_saved_states_its_length(tmp_path, more):
    file = tmp_path / "a.wav"
    file.write_bytes(streamed(more))
    state_length(file)
    with wave.open(str(file)) as wav:
        assert wav.getnframes() == 1_000
        assert wav.readframes(2_000) == SAMPLES
    assert struct.unpack("<I", file.read_bytes()[4:8])[0] == file.stat().st_size - 8


@pytest.mark.parametrize(
    "content",
    [
        wav_file(SAMPLES, RATE_HZ),
        wav_file(SAMPLES, RATE_HZ) + FOREIGN,
        b"ID3 is no WAV" * 10,
        b"RIFF",
        b"",
        wav_header(None, RATE_HZ)[:-8],
    ],
    ids=["whole", "more behind", "mp3", "cut", "empty", "no data"],
)
def test_anything_else_stays_as_it_is(tmp_path, content):
    file = tmp_path / "a.wav"
    file.write_bytes(content)
    state_length(file)
    assert file.read_bytes() == content
