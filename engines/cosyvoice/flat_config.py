"""Reading a configuration from the flat JSON of the golden reference data."""

import re
from collections.abc import Mapping
from typing import Any

from engines.cosyvoice.config import (
    SILENT_MAX_RUN,
    ConformerConfig,
    CosyVoiceConfig,
    DitConfig,
    FlowConfig,
    HiftConfig,
    LlmConfig,
    LookaheadConfig,
    SamplingConfig,
    UNetConfig,
    Version,
)

Flat = Mapping[str, Any]

_SPECIAL_ROW = re.compile(r"llm_embedding\[(\d+)\]")


def config_from_flat(flat: Flat) -> CosyVoiceConfig:
    """Build the configuration from one ``config.json`` (keys as in the golden set's README).

    Raises:
        KeyError: a size is missing.
    """
    return CosyVoiceConfig(
        version=Version(flat["version"]),
        llm=_llm(flat),
        flow=_flow(flat),
        hift=_hift(flat),
        prompt_mel_fmax_hz=flat["prompt_mel_fmax"],
    )


def _llm(flat: Flat) -> LlmConfig:
    special = [_SPECIAL_ROW.fullmatch(str(flat[key])) for key in ("llm_sos", "llm_task")]
    sos, task = (
        int(match[1]) if match else flat[key]
        for match, key in zip(special, ("llm_sos", "llm_task"), strict=True)
    )
    first_stop, last_stop = flat["llm_stop_ids"]
    return LlmConfig(
        hidden=flat["llm_hidden"],
        layers=flat["llm_layers"],
        heads=flat["llm_heads"],
        kv_heads=flat["llm_kv_heads"],
        head_dim=flat["llm_head_dim"],
        ffn=flat["llm_ffn"],
        text_vocab=flat["llm_text_vocab"],
        output_size=flat["llm_out_size"],
        output_bias=flat["llm_out_bias"],
        separate_special_embedding=all(special),
        sos=sos,
        task=task,
        eos=flat["llm_eos"],
        fill=flat["llm_fill"],
        stop_first=first_stop,
        stop_last=last_stop,
        min_length_masked_id=flat["llm_min_len_masked_id"],
        required_text_id=flat.get("llm_required_text_id"),
        silent_tokens=frozenset(flat.get("silent_tokens", ())),
        silent_max_run=flat.get("silent_max_run", SILENT_MAX_RUN),
        rope_theta=flat["llm_rope_theta"],
        norm_eps=flat["llm_rms_norm_eps"],
        min_token_text_ratio=flat["llm_min_token_text_ratio"],
        max_token_text_ratio=flat["llm_max_token_text_ratio"],
        sampling=SamplingConfig(
            top_p=flat["sampling_top_p"],
            top_k=flat["sampling_top_k"],
            window=flat["sampling_win_size"],
            tau=flat["sampling_tau_r"],
        ),
    )


def _flow(flat: Flat) -> FlowConfig:
    return FlowConfig(
        front=_flow_front(flat),
        estimator=_flow_estimator(flat),
        vocab=flat["flow_vocab"],
        ode_steps=flat["flow_ode_steps"],
        cfg_rate=flat["flow_cfg_rate"],
        noise_frames=flat["flow_noise_shape"][-1],
    )


def _flow_front(flat: Flat) -> ConformerConfig | LookaheadConfig:
    if Version(flat["version"]) is Version.COSYVOICE3:
        return LookaheadConfig(width=flat["flow_width"], channels=flat["flow_prelook_channels"])
    return ConformerConfig(
        width=flat["flow_width"],
        heads=flat["flow_attn_heads"],
        ffn=flat["flow_ffn"],
        layers=flat["flow_layers"],
        up_layers=flat["flow_up_layers"],
    )


def _flow_estimator(flat: Flat) -> UNetConfig | DitConfig:
    if Version(flat["version"]) is Version.COSYVOICE3:
        return DitConfig(
            dim=flat["dit_dim"],
            depth=flat["dit_depth"],
            heads=flat["dit_heads"],
            head_dim=flat["dit_head_dim"],
            ff_mult=flat["dit_ff_mult"],
            conv_kernel=flat["dit_conv_pos_kernel"],
            conv_groups=flat["dit_conv_pos_groups"],
        )
    return UNetConfig(
        channels=flat["est_channels"],
        blocks=flat["est_blocks"],
        mid=flat["est_mid"],
        heads=flat["est_heads"],
        head_dim=flat["est_head_dim"],
    )


def _hift(flat: Flat) -> HiftConfig:
    optional = {
        name: flat[key]
        for name, key in (
            ("conv_pre_look_right", "hift_conv_pre_look_right"),
            ("f0_look_right", "hift_f0_look_right"),
            ("overlap_frames", "stream_mel_cache_frames"),
        )
        if key in flat
    }
    return HiftConfig(
        causal=flat["hift_causal"],
        base_channels=flat["hift_base_channels"],
        f0_channels=flat["hift_f0_channels"],
        up_rates=tuple(flat["hift_up_rates"]),
        up_kernels=tuple(flat["hift_up_kernels"]),
        istft_n_fft=flat["hift_istft_n_fft"],
        istft_hop=flat["hift_istft_hop"],
        res_kernels=tuple(flat["hift_res_kernels"]),
        res_dilations=tuple(map(tuple, flat["hift_res_dilations"])),
        source_res_kernels=tuple(flat["hift_src_res_kernels"]),
        source_res_dilations=tuple(map(tuple, flat["hift_src_res_dilations"])),
        lrelu_slope=flat["hift_lrelu_slope"],
        last_lrelu_slope=flat["hift_last_lrelu_slope"],
        audio_limit=flat["hift_audio_limit"],
        harmonics=flat["hift_harmonics"],
        sine_amplitude=flat["hift_sine_amp"],
        noise_std=flat["hift_noise_std"],
        voiced_threshold_hz=flat["hift_voiced_threshold"],
        **optional,
    )
