"""From a model directory's yaml to the configuration."""

from typing import Any

from engines.cosyvoice.config import (
    CHUNK_TOKENS,
    END_OF_PROMPT_ID,
    LOOKAHEAD_TOKENS,
    SAMPLE_RATE_HZ,
    SILENT_TOKENS,
    SPEECH_CODES,
    TOKEN_MEL_RATIO,
    TOKEN_RATE_HZ,
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
from engines.errors import EngineLoadError

_UP_LAYERS = 4
"""Conformer layers after upsampling; upstream's code fixes them, and the two below."""
_DIT_CONV_KERNEL = 31
_DIT_CONV_GROUPS = 16
_SPECIAL_CODES = {Version.COSYVOICE2: 3, Version.COSYVOICE3: 200}
"""Rows after the speech codes in the language model's output."""

Numbers = dict[str, Any]


def config_from_yaml(version: Version, numbers: Numbers, backbone: Numbers) -> CosyVoiceConfig:
    """Build the configuration.

    Args:
        version: which model it is.
        numbers: what ``read_hyperyaml`` gave.
        backbone: the ``config.json`` of the Qwen2 directory.

    Raises:
        KeyError: a number is missing.
        EngineLoadError: a number differs that this runtime's caches are cut to.
    """
    _check_constants(numbers)
    fmax_hz = numbers["feat_extractor"]["fmax"]
    return CosyVoiceConfig(
        version=version,
        llm=_read_llm(version, numbers["llm"], backbone),
        flow=_read_flow(numbers["flow"]),
        hift=_read_hift(version, numbers["hift"]),
        prompt_mel_fmax_hz=SAMPLE_RATE_HZ // 2 if fmax_hz is None else fmax_hz,
    )


def _check_constants(numbers: Numbers) -> None:
    flow = numbers["flow"]
    found = {
        "sample_rate": (numbers["sample_rate"], SAMPLE_RATE_HZ),
        "token_frame_rate": (flow["input_frame_rate"], TOKEN_RATE_HZ),
        "token_mel_ratio": (flow["token_mel_ratio"], TOKEN_MEL_RATIO),
        "chunk_size": (numbers["chunk_size"], CHUNK_TOKENS),
        "pre_lookahead_len": (flow["pre_lookahead_len"], LOOKAHEAD_TOKENS),
        "vocab_size": (flow["vocab_size"], SPEECH_CODES),
    }
    differing = [
        f"{name} {theirs} (it is made for {ours})"
        for name, (theirs, ours) in found.items()
        if theirs != ours
    ]
    if differing:
        raise EngineLoadError(f"this runtime cannot follow {', '.join(differing)}")


def _read_llm(version: Version, llm: Numbers, backbone: Numbers) -> LlmConfig:
    codes, is_2 = llm["speech_token_size"], version is Version.COSYVOICE2
    special = _SPECIAL_CODES[version]
    sampling = llm["sampling"]
    text_block, speech_block = llm["mix_ratio"]
    return LlmConfig(
        hidden=backbone["hidden_size"],
        layers=backbone["num_hidden_layers"],
        heads=backbone["num_attention_heads"],
        kv_heads=backbone["num_key_value_heads"],
        head_dim=backbone["hidden_size"] // backbone["num_attention_heads"],
        ffn=backbone["intermediate_size"],
        text_vocab=backbone["vocab_size"],
        output_size=codes + special,
        output_bias=is_2,
        separate_special_embedding=is_2,
        sos=0 if is_2 else codes,
        task=1 if is_2 else codes + 2,
        eos=codes if is_2 else codes + 1,
        fill=codes + 2 if is_2 else codes + 3,
        stop_first=codes,
        stop_last=codes + special - 1,
        min_length_masked_id=codes,
        required_text_id=None if is_2 else END_OF_PROMPT_ID,
        silent_tokens=frozenset() if is_2 else SILENT_TOKENS,
        rope_theta=backbone.get("rope_theta", 1_000_000.0),
        norm_eps=backbone.get("rms_norm_eps", 1e-6),
        text_block=text_block,
        speech_block=speech_block,
        sampling=SamplingConfig(
            sampling["top_p"], sampling["top_k"], sampling["win_size"], sampling["tau_r"]
        ),
    )


def _read_flow(flow: Numbers) -> FlowConfig:
    decoder = flow["decoder"]
    is_2 = "encoder" in flow
    return FlowConfig(
        front=_read_conformer(flow["encoder"]) if is_2 else _read_lookahead(flow),
        estimator=_read_unet(decoder["estimator"]) if is_2 else _read_dit(decoder["estimator"]),
        vocab=flow["vocab_size"],
        cfg_rate=decoder["cfm_params"]["content"]["inference_cfg_rate"],
    )


def _read_conformer(encoder: Numbers) -> ConformerConfig:
    return ConformerConfig(
        width=encoder["output_size"],
        heads=encoder["attention_heads"],
        ffn=encoder["linear_units"],
        layers=encoder["num_blocks"],
        up_layers=_UP_LAYERS,
    )


def _read_lookahead(flow: Numbers) -> LookaheadConfig:
    layer = flow["pre_lookahead_layer"]
    return LookaheadConfig(width=layer["in_channels"], channels=layer["channels"])


def _read_unet(estimator: Numbers) -> UNetConfig:
    return UNetConfig(
        channels=estimator["channels"][0],
        blocks=estimator["n_blocks"],
        mid=estimator["num_mid_blocks"],
        heads=estimator["num_heads"],
        head_dim=estimator["attention_head_dim"],
    )


def _read_dit(estimator: Numbers) -> DitConfig:
    return DitConfig(
        dim=estimator["dim"],
        depth=estimator["depth"],
        heads=estimator["heads"],
        head_dim=estimator["dim_head"],
        ff_mult=estimator["ff_mult"],
        conv_kernel=_DIT_CONV_KERNEL,
        conv_groups=_DIT_CONV_GROUPS,
    )


def _read_hift(version: Version, hift: Numbers) -> HiftConfig:
    causal = version is Version.COSYVOICE3
    return HiftConfig(
        causal=causal,
        base_channels=hift["base_channels"],
        f0_channels=hift["f0_predictor"]["cond_channels"],
        up_rates=tuple(hift["upsample_rates"]),
        up_kernels=tuple(hift["upsample_kernel_sizes"]),
        istft_n_fft=hift["istft_params"]["n_fft"],
        istft_hop=hift["istft_params"]["hop_len"],
        res_kernels=tuple(hift["resblock_kernel_sizes"]),
        res_dilations=tuple(map(tuple, hift["resblock_dilation_sizes"])),
        source_res_kernels=tuple(hift["source_resblock_kernel_sizes"]),
        source_res_dilations=tuple(map(tuple, hift["source_resblock_dilation_sizes"])),
        lrelu_slope=hift["lrelu_slope"],
        audio_limit=hift["audio_limit"],
        harmonics=hift["nb_harmonics"],
        sine_amplitude=hift["nsf_alpha"],
        noise_std=hift["nsf_sigma"],
        voiced_threshold_hz=hift["nsf_voiced_threshold"],
        conv_pre_look_right=hift.get("conv_pre_look_right", 4),
    )
