"""The formats that speech leaves in."""

from enum import StrEnum
from typing import Any


class AudioFormat(StrEnum):
    """A container with its codec."""

    MP3 = "mp3"
    WAV = "wav"
    PCM = "pcm"
    """s16le samples, without a header."""
    PCM_F32 = "pcm_f32"
    """float32 samples, little-endian, without a header: what voice agents play."""
    OPUS = "opus"
    FLAC = "flac"
    AAC = "aac"

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        return _MEDIA_TYPES[self]

    @property
    def needs_encoder(self) -> bool:
        """Whether FFmpeg is needed; the others are the samples themselves, with a header."""
        return self in _ENCODER_OPTIONS

    @property
    def bytes_per_sample(self) -> int:
        """Size of a sample, in formats that are the bare samples."""
        return _BYTES_PER_SAMPLE[self]

    def encoder_options(self) -> dict[str, Any]:
        """FFmpeg's output options for speech, by name."""
        return dict(_ENCODER_OPTIONS[self])


_MEDIA_TYPES = {
    AudioFormat.MP3: "audio/mpeg",
    AudioFormat.WAV: "audio/wav",
    AudioFormat.PCM: "audio/pcm",
    AudioFormat.PCM_F32: "audio/x-pcm-f32le",
    AudioFormat.OPUS: "audio/ogg",
    AudioFormat.FLAC: "audio/flac",
    AudioFormat.AAC: "audio/aac",
}

_BYTES_PER_SAMPLE = {AudioFormat.PCM: 2, AudioFormat.PCM_F32: 4}

_ENCODER_OPTIONS: dict[AudioFormat, dict[str, Any]] = {
    # Without the bit reservoir each frame can be decoded when it arrives. Level 7 takes half the
    # time of the default; at 96 kbit/s for one voice there is nothing left to search for.
    AudioFormat.MP3: {
        "format": "mp3", "acodec": "libmp3lame", "b:a": "96k", "reservoir": 0,
        "compression_level": 7,
    },
    # 20 ms pages: by default Ogg collects a second of audio before it writes.
    AudioFormat.OPUS: {
        "format": "ogg", "acodec": "libopus", "b:a": "48k", "page_duration": 20_000,
        "compression_level": 5,
    },
    AudioFormat.FLAC: {"format": "flac", "acodec": "flac"},
    AudioFormat.AAC: {"format": "adts", "acodec": "aac", "b:a": "96k", "aac_coder": "fast"},
}  # fmt: skip
