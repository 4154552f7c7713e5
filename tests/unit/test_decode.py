import asyncio
import os
import time
from pathlib import Path

import numpy as np
import pytest

from audio.decode import ReferenceDecoder
from audio.errors import (
    FfmpegMissingError,
    ReferenceDurationError,
    ReferenceTooLargeError,
    UndecodableReferenceError,
)
from audio.ffmpeg import find_ffmpeg
from configs.app import ReferenceLimits

RATE_HZ = 24_000


@pytest.fixture
def decoder(ffmpeg):
    return ReferenceDecoder(ffmpeg, ReferenceLimits(), RATE_HZ)


@pytest.mark.parametrize(
    "container", ["wav", "mp3", "flac", "ogg", "opus", "aac", "webm", "aiff", "wma", "caf", "au"]
)
async def test_any_container_becomes_mono_samples(
    decoder, make_clip, container, dominant_frequency_hz, tmp_path
):
    samples = await decoder.decode(make_clip(container, frequency_hz=300, folder=tmp_path))
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert len(samples) / RATE_HZ == pytest.approx(2.0, abs=0.1)
    assert dominant_frequency_hz(samples) == pytest.approx(300, abs=2)


async def test_an_index_at_the_end_of_the_file_is_found(decoder, make_clip, tmp_path):
    """MP4 keeps its index there unless told otherwise, so a pipe could not be decoded."""
    data = make_clip("m4a", folder=tmp_path)
    assert data.index(b"mdat") < data.index(b"moov")
    assert len(await decoder.decode(data)) / RATE_HZ == pytest.approx(2.0, abs=0.1)


async def test_the_first_of_several_streams_is_taken(decoder, make_clip, tmp_path):
    video = ("-f", "lavfi", "-i", "color=c=red:s=16x16:d=2", "-c:v", "mpeg4")
    samples = await decoder.decode(make_clip("mkv", options=video, folder=tmp_path))
    assert len(samples) / RATE_HZ == pytest.approx(2.0, abs=0.1)


async def test_what_exceeds_full_scale_is_lowered_not_clipped(decoder, make_clip):
    loud = make_clip("wav", options=("-af", "volume=20dB", "-c:a", "pcm_f32le"))
    samples = await decoder.decode(loud)
    assert np.abs(samples).max() == pytest.approx(1.0, abs=1e-6)
    assert np.mean(np.abs(samples) > 0.999) < 0.05


@pytest.mark.parametrize(("seconds", "word"), [(0.3, "0.30 s"), (31.5, "more than 30 s")])
async def test_duration_has_limits(decoder, make_clip, seconds, word):
    with pytest.raises(ReferenceDurationError, match=word):
        await decoder.decode(make_clip("wav", seconds=seconds, rate_hz=16_000))


@pytest.mark.parametrize("seconds", [0.5, 30.0])
async def test_the_limits_themselves_are_allowed(decoder, make_clip, seconds):
    clip = make_clip("wav", seconds=seconds, rate_hz=RATE_HZ, channels=1)
    assert len(await decoder.decode(clip)) == seconds * RATE_HZ


async def test_size_has_a_limit(ffmpeg):
    decoder = ReferenceDecoder(ffmpeg, ReferenceLimits(max_bytes=1_000), RATE_HZ)
    with pytest.raises(ReferenceTooLargeError, match="1001"):
        await decoder.decode(bytes(1_001))


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", bytes(100_000), b"RIFF\xff\xff\xff\xffWAVEfmt ", os.urandom(50_000)],
    ids=["empty", "text", "zeros", "cut", "noise"],
)
async def test_what_is_no_audio_is_refused(decoder, data):
    with pytest.raises((UndecodableReferenceError, ReferenceDurationError)):
        await decoder.decode(data)


async def test_a_picture_is_no_audio(decoder, ffmpeg, make_clip, tmp_path):
    picture = ("-f", "lavfi", "-i", "color=c=red:s=16x16", "-map", "1:v", "-frames:v", "1")
    with pytest.raises(UndecodableReferenceError):
        await decoder.decode(make_clip("png", options=picture, folder=tmp_path))


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{file}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{file}'\n",
        "#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/clip.wav\n#EXT-X-ENDLIST\n",
    ],
)
async def test_a_play_list_opens_no_other_file(decoder, make_clip, tmp_path, playlist):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(make_clip("wav"))
    before = secret.stat().st_atime_ns
    os.utime(secret, ns=(0, secret.stat().st_mtime_ns))
    with pytest.raises(UndecodableReferenceError):
        await decoder.decode(playlist.format(file=secret).encode())
    assert secret.stat().st_atime_ns == 0 < before, "the file was read"


async def test_a_decoder_that_hangs_is_ended(tmp_path, new_children):
    hanging = tmp_path / "ffmpeg"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    decoder = ReferenceDecoder(hanging, ReferenceLimits(decode_timeout_s=0.3), RATE_HZ)
    started = time.monotonic()
    with pytest.raises(UndecodableReferenceError):
        await decoder.decode(b"anything")
    assert time.monotonic() - started < 5
    assert not new_children()


async def test_cancelling_leaves_no_child(tmp_path, new_children):
    hanging = tmp_path / "ffmpeg"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    task = asyncio.create_task(
        ReferenceDecoder(hanging, ReferenceLimits(), RATE_HZ).decode(b"anything")
    )
    while not new_children():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not new_children()


async def test_a_decompression_bomb_is_opened_no_further_than_its_limit(decoder, make_clip):
    """An hour of silence in next to nothing."""
    options = ("-af", "volume=0", "-c:a", "flac", "-frame_size", "65535")
    bomb = make_clip("flac", seconds=3_600, rate_hz=8_000, channels=1, options=options)
    assert len(bomb) < 200_000
    with pytest.raises(ReferenceDurationError, match="more than 30 s"):
        await decoder.decode(bomb)


async def test_a_header_that_promises_gigabytes_is_not_believed(decoder, make_clip):
    clip = bytearray(make_clip("wav", seconds=1.0, rate_hz=RATE_HZ, channels=1))
    at = clip.index(b"data") + 4
    clip[at : at + 4] = b"\xfe\xff\xff\xff"
    assert len(await decoder.decode(bytes(clip))) <= 1.1 * RATE_HZ


async def test_memory_has_a_limit(ffmpeg, make_clip):
    limits = ReferenceLimits(decode_memory_bytes=20_000_000)
    with pytest.raises(UndecodableReferenceError):
        await ReferenceDecoder(ffmpeg, limits, RATE_HZ).decode(make_clip("mp3"))


def test_a_missing_ffmpeg_says_what_to_do():
    with pytest.raises(FfmpegMissingError, match=r"audio\.ffmpeg"):
        find_ffmpeg(Path("/nonexistent/ffmpeg"))
