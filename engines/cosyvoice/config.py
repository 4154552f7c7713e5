"""The sizes and constants of a CosyVoice 2 or 3 checkpoint.

Sizes come from the model directory's yaml; constants that upstream's code fixes are class
attributes or defaults here, so that every number stands in one place.
"""

from dataclasses import dataclass
from enum import StrEnum


class Version(StrEnum):
    """Which CosyVoice; the values are upstream's names."""

    COSYVOICE2 = "cosyvoice2"
    COSYVOICE3 = "cosyvoice3"


SAMPLE_RATE_HZ = 24_000
TOKEN_RATE_HZ = 25
TOKEN_MEL_RATIO = 2
"""Mel frames for each speech token."""
MEL_BINS = 80
MEL_HOP = 480
"""Samples for each mel frame."""
SPEECH_CODES = 6561
SPEAKER_DIM = 192
LOOKAHEAD_TOKENS = 3
"""Tokens after a chunk that the flow's front must have seen (pre_lookahead_len)."""
CHUNK_TOKENS = 25
CHUNK_FRAMES = 50
"""Width of the flow's block-causal masks at 25 and at 50 Hz (static_chunk_size)."""
END_OF_PROMPT_ID = 151646
"""``<|endofprompt|>``; CosyVoice 3 demands it in every text."""
SILENT_TOKENS = frozenset({1, 2, 28, 29, 55, 248, 494, 2241, 2242, 2322, 2323})
SILENT_MAX_RUN = 5


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """Repetition-aware sampling."""

    top_p: float = 0.8
    top_k: int = 25
    window: int = 10
    tau: float = 0.1


@dataclass(frozen=True, slots=True)
class LlmConfig:
    """The speech language model: a Qwen2 body with speech tables.

    ``sos`` and ``task`` are rows of the special embedding (CosyVoice 2: ``llm_embedding``) or of
    the speech embedding (CosyVoice 3). ``silent_tokens`` are dropped from what the flow gets after
    ``silent_max_run`` of them in a row.
    """

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    text_vocab: int
    output_size: int
    output_bias: bool
    separate_special_embedding: bool
    sos: int
    task: int
    eos: int
    fill: int
    stop_first: int
    stop_last: int
    min_length_masked_id: int
    required_text_id: int | None = None
    silent_tokens: frozenset[int] = frozenset()
    silent_max_run: int = SILENT_MAX_RUN
    rope_theta: float = 1_000_000.0
    norm_eps: float = 1e-6
    min_token_text_ratio: int = 2
    max_token_text_ratio: int = 20
    text_block: int = 5
    speech_block: int = 15
    """Streamed text alternates with speech in blocks of so many tokens (mix_ratio)."""
    sampling: SamplingConfig = SamplingConfig()


@dataclass(frozen=True, slots=True)
class ConformerConfig:
    """CosyVoice 2's flow front: an upsampling conformer."""

    width: int
    heads: int
    ffn: int
    layers: int
    up_layers: int


@dataclass(frozen=True, slots=True)
class UNetConfig:
    """CosyVoice 2's flow estimator: a U-Net of one level."""

    channels: int
    blocks: int
    mid: int
    heads: int
    head_dim: int


@dataclass(frozen=True, slots=True)
class LookaheadConfig:
    """CosyVoice 3's flow front: an embedding, a look-ahead layer, and repetition."""

    width: int
    channels: int


@dataclass(frozen=True, slots=True)
class DitConfig:
    """CosyVoice 3's flow estimator: a diffusion transformer."""

    dim: int
    depth: int
    heads: int
    head_dim: int
    ff_mult: int
    conv_kernel: int
    conv_groups: int


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """Tokens to mel: a front, an estimator, and a conditional flow-matching solver."""

    front: ConformerConfig | LookaheadConfig
    estimator: UNetConfig | DitConfig
    vocab: int = 6561
    ode_steps: int = 10
    cfg_rate: float = 0.7
    noise_frames: int = 15_000
    noise_seed: int = 0


@dataclass(frozen=True, slots=True)
class HiftConfig:
    """Mel to samples: a harmonic source and an iSTFT generator."""

    causal: bool
    base_channels: int
    f0_channels: int
    up_rates: tuple[int, ...] = (8, 5, 3)
    up_kernels: tuple[int, ...] = (16, 11, 7)
    istft_n_fft: int = 16
    istft_hop: int = 4
    res_kernels: tuple[int, ...] = (3, 7, 11)
    res_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    source_res_kernels: tuple[int, ...] = (7, 7, 11)
    source_res_dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    lrelu_slope: float = 0.1
    last_lrelu_slope: float = 0.01
    audio_limit: float = 0.99
    harmonics: int = 8
    sine_amplitude: float = 0.1
    noise_std: float = 0.003
    voiced_threshold_hz: float = 10.0
    conv_pre_look_right: int = 4
    """Mel frames of look-ahead (causal only)."""
    f0_look_right: int = 3
    overlap_frames: int = 8
    """Mel frames that neighbouring chunks share and cross-fade over (non-causal only)."""


@dataclass(frozen=True, slots=True)
class CosyVoiceConfig:
    """One checkpoint."""

    version: Version
    llm: LlmConfig
    flow: FlowConfig
    hift: HiftConfig
    prompt_mel_fmax_hz: int
