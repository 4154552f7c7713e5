import asyncio
import io

import numpy as np
import pytest
import soundfile

from audio.encode import EncoderFactory
from audio.errors import EncoderError
from audio.formats import AudioFormat

RATE_HZ = 24_000
TIMES = np.arange(2 * RATE_HZ) / RATE_HZ
SAMPLES = 0.5 * np.sin(2 * np.pi * 440 * TIMES)
RAW = {AudioFormat.PCM: "s16le", AudioFormat.PCM_F32: "f32le"}
PCM = np.rint(SAMPLES * 32_767).astype("<i2").tobytes()


@pytest.fixture
def encoders(ffmpeg):
    return EncoderFactory(ffmpeg, RATE_HZ, timeout_s=10)


async def encode(encoders, audio_format, *, whole):
    async with encoders.open(audio_format, whole=whole) as encoder:
        for start in range(0, len(PCM), 9_600):
            await encoder.write(PCM[start : start + 9_600])
        await encoder.finish()
        return b"".join([data async for data in encoder.read()])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("audio_format", list(AudioFormat))
async def test_every_format_sounds_like_what_went_in(
    encoders, decode, dominant_frequency_hz, audio_format, whole
):
    data = await encode(encoders, audio_format, whole=whole)
    heard = decode(data, raw=RAW.get(audio_format))
    assert len(heard) / RATE_HZ == pytest.approx(2.0, abs=0.12)
    assert dominant_frequency_hz(heard) == pytest.approx(440, abs=1)
    middle = heard[RATE_HZ // 2 : -RATE_HZ // 2]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.FLAC, *RAW])
async def test_lossless_formats_lose_nothing(encoders, decode, audio_format):
    data = await encode(encoders, audio_format, whole=True)
    heard = decode(data, raw=RAW.get(audio_format))
    assert np.rint(heard * 32_768).astype("<i2").tobytes() == PCM


@pytest.mark.parametrize("audio_format", [AudioFormat.WAV, AudioFormat.FLAC, AudioFormat.MP3])
async def test_a_whole_file_states_its_length(encoders, audio_format):
    data = await encode(encoders, audio_format, whole=True)
    info = soundfile.info(io.BytesIO(data))
    assert (info.frames, info.samplerate, info.channels) == (len(TIMES), RATE_HZ, 1)


@pytest.mark.parametrize(
    "audio_format", [AudioFormat.MP3, AudioFormat.OPUS, AudioFormat.AAC, AudioFormat.WAV]
)
async def test_a_stream_plays_before_its_end_is_known(encoders, decode, audio_format):
    async with encoders.open(audio_format, whole=False) as encoder, asyncio.timeout(5):
        await encoder.write(PCM[: RATE_HZ * 2])  # one second
        received = b""
        async for data in encoder.read():
            received += data
            if len(received) > 2_000:
                break
    assert len(decode(received)) > 0.1 * RATE_HZ


async def test_no_child_is_left_when_the_block_ends_early(encoders, new_children):
    async with encoders.open(AudioFormat.MP3, whole=False) as encoder:
        await encoder.write(PCM)
        assert new_children()
    assert not new_children()


async def test_a_dead_encoder_is_an_error(encoders, new_children):
    async with encoders.open(AudioFormat.MP3, whole=False) as encoder:
        for child in new_children():
            child.kill()
            child.wait()
        with pytest.raises(EncoderError):
            for _ in range(100):
                await encoder.write(PCM)
    async with encoders.open(AudioFormat.MP3, whole=False) as encoder:
        for child in new_children():
            child.kill()
        with pytest.raises(EncoderError):
            _ = [data async for data in encoder.read()]


async def test_an_encoder_that_takes_nothing_is_an_error(tmp_path):
    stuck = tmp_path / "ffmpeg"
    stuck.write_text("#!/bin/sh\nexec sleep 60\n")
    stuck.chmod(0o755)
    encoders = EncoderFactory(stuck, RATE_HZ, timeout_s=0.2)
    async with encoders.open(AudioFormat.MP3, whole=False) as encoder:
        with pytest.raises(EncoderError, match="no more samples"):
            await encoder.write(PCM * 10)
    async with encoders.open(AudioFormat.MP3, whole=False) as encoder:
        await encoder.finish()
        with pytest.raises(EncoderError):
            _ = [data async for data in encoder.read()]
