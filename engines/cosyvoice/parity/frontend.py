"""Parity of what a voice is drawn from: resampling and the three spectral views of a clip."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import resample

from engines.cosyvoice.config import SAMPLE_RATE_HZ, TOKEN_MEL_RATIO
from engines.cosyvoice.parity.comparison import Comparison
from engines.cosyvoice.parity.golden import GoldenVersion
from engines.cosyvoice.prompt.features import (
    ENCODER_RATE_HZ,
    kaldi_filter_bank,
    prompt_mel,
    speaker_filter_bank,
    whisper_log_mel,
)
from engines.cosyvoice.prompt.voice import common_tokens

_SAMPLE_TOLERANCE = 1e-6
_FILTER_BANK_TOLERANCE = 2e-3
_LOG_MEL_TOLERANCE = 2e-4
_FULL_SCALE = 2**15


def compare(version: GoldenVersion) -> Iterator[Comparison]:
    """Check every array of ``frontend.npz``, all made from the set's ``ref.wav``."""
    arrays = version.arrays("frontend")
    at_24_khz = read_wave(version.clip)
    at_16_khz = resample(at_24_khz, SAMPLE_RATE_HZ, ENCODER_RATE_HZ)
    for name, ours, tolerance in (
        ("wav24", at_24_khz, 0.0),
        ("wav16", at_16_khz, _SAMPLE_TOLERANCE),
        ("fbank80_minus_mean", speaker_filter_bank(at_16_khz), _FILTER_BANK_TOLERANCE),
        ("fbank80_mean", kaldi_filter_bank(at_16_khz).mean(dim=0), _FILTER_BANK_TOLERANCE),
        ("whisper_logmel128", whisper_log_mel(at_16_khz), _LOG_MEL_TOLERANCE),
        (
            "prompt_mel80",
            prompt_mel(at_24_khz, version.config.prompt_mel_fmax_hz),
            _LOG_MEL_TOLERANCE,
        ),
    ):
        yield Comparison.of(name, ours, arrays[name], tolerance)
    frames, tokens, *kept = arrays.ids("trim_example")
    length = common_tokens(frames, tokens)
    yield Comparison.equal("trim_example", [length, TOKEN_MEL_RATIO * length], kept)
    yield from (Comparison.failure(name, "unknown array") for name in arrays.unused)


def read_wave(file: Path) -> Tensor:
    """Read a 16-bit mono wave file at 24 kHz; float32 [n] in [-1, 1).

    Raises:
        ValueError: it is another kind of wave file.
    """
    with wave.open(str(file)) as opened:
        kind = (opened.getnchannels(), opened.getsampwidth(), opened.getframerate())
        if kind != (1, 2, SAMPLE_RATE_HZ):
            raise ValueError(f"{file} has {kind} channels, bytes and Hz")
        samples = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
    return torch.from_numpy(samples.astype(np.float32) / _FULL_SCALE)
