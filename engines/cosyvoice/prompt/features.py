"""The three spectral views of a reference clip.

One for the speech tokenizer (Whisper's log-mel), one for the speaker encoder (Kaldi's filter
bank), one for the flow (the mel that the vocoder was trained on).
"""

from functools import cache

import torch
import torch.nn.functional as nn_functional
from torch import Tensor
from torchaudio.compliance import kaldi
from torchaudio.functional import melscale_fbanks

from engines.cosyvoice.config import MEL_BINS, MEL_HOP, SAMPLE_RATE_HZ

ENCODER_RATE_HZ = 16_000
"""Rate that the speech tokenizer and the speaker encoder listen at."""
_WHISPER_BINS = 128
_WHISPER_N_FFT = 400
_WHISPER_HOP = 160
_PROMPT_N_FFT = 1920


def whisper_log_mel(samples: Tensor) -> Tensor:
    """Log-mel of 16 kHz ``samples`` [n] as Whisper computes it; float32 [128, n // 160].

    Source: Radford et al., 2022 (whisper/audio.py, log_mel_spectrogram).
    """
    spectrum = torch.stft(
        samples,
        _WHISPER_N_FFT,
        _WHISPER_HOP,
        window=torch.hann_window(_WHISPER_N_FFT),
        return_complex=True,
    )
    power = spectrum[:, :-1].abs().square()
    mel = _mel_filters(_WHISPER_N_FFT, ENCODER_RATE_HZ, _WHISPER_BINS, ENCODER_RATE_HZ / 2) @ power
    log_mel = mel.clamp(min=1e-10).log10()
    return (log_mel.maximum(log_mel.max() - 8.0) + 4.0) / 4.0


def kaldi_filter_bank(samples: Tensor) -> Tensor:
    """Log filter bank of 16 kHz ``samples`` [n] as Kaldi computes it; float32 [frames, 80]."""
    bank: Tensor = kaldi.fbank(
        samples[None], num_mel_bins=80, dither=0.0, sample_frequency=ENCODER_RATE_HZ
    )
    return bank


def speaker_filter_bank(samples: Tensor) -> Tensor:
    """Kaldi filter bank of 16 kHz ``samples`` [n], each bin's mean removed; float32 [frames, 80].

    Source: upstream cosyvoice/cli/frontend.py, _extract_spk_embedding.
    """
    bank = kaldi_filter_bank(samples)
    return bank - bank.mean(dim=0, keepdim=True)


def prompt_mel(samples: Tensor, fmax_hz: float) -> Tensor:
    """Log-mel of 24 kHz ``samples`` [n] as the flow knows it; float32 [frames, 80], 50 frames/s.

    No centring, but reflected by 720 samples on both sides; magnitudes, natural log, floor 1e-5.

    Source: Matcha-TTS, matcha/utils/audio.py, mel_spectrogram.
    """
    margin = (_PROMPT_N_FFT - MEL_HOP) // 2
    padded = nn_functional.pad(samples[None, None], (margin, margin), mode="reflect")[0, 0]
    spectrum = torch.stft(
        padded,
        _PROMPT_N_FFT,
        MEL_HOP,
        window=torch.hann_window(_PROMPT_N_FFT),
        center=False,
        return_complex=True,
    )
    magnitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-9).sqrt()
    mel = _mel_filters(_PROMPT_N_FFT, SAMPLE_RATE_HZ, MEL_BINS, fmax_hz) @ magnitude
    return mel.clamp(min=1e-5).log().T.contiguous()


@cache
def _mel_filters(n_fft: int, sample_rate_hz: int, bins: int, fmax_hz: float) -> Tensor:
    """Triangles on Slaney's mel scale with unit area, as librosa's default; [bins, n_fft/2 + 1]."""
    filters = melscale_fbanks(
        n_fft // 2 + 1, 0.0, fmax_hz, bins, sample_rate_hz, norm="slaney", mel_scale="slaney"
    )
    return torch.t(filters).contiguous()
