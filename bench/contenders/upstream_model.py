"""Upstream's own modules at the released sizes.

They are built with the arguments of upstream's recipes (examples/libritts/cosyvoice{2,3}/conf),
which name exactly these classes. Importing this module needs upstream's package.
"""

import importlib.util
import logging
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from omegaconf import DictConfig
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from engines.cosyvoice.config import (
    CHUNK_FRAMES,
    CHUNK_TOKENS,
    LOOKAHEAD_TOKENS,
    MEL_BINS,
    SAMPLE_RATE_HZ,
    SPEAKER_DIM,
    SPEECH_CODES,
    TOKEN_MEL_RATIO,
    TOKEN_RATE_HZ,
    ConformerConfig,
    DitConfig,
    FlowConfig,
    HiftConfig,
    LlmConfig,
    LookaheadConfig,
    UNetConfig,
)

_CFM = {
    "sigma_min": 1e-6,
    "solver": "euler",
    "t_scheduler": "cosine",
    "training_cfg_rate": 0.2,
    "reg_loss_type": "l1",
}


def _stub_matcha_loggers() -> None:
    """Stand in for ``matcha.utils``, whose training helpers ask for a dozen packages."""
    found = importlib.util.find_spec("matcha")
    if found is None:
        raise ModuleNotFoundError("upstream's package matcha is not installed", name="matcha")
    utils, loggers = ModuleType("matcha.utils"), ModuleType("matcha.utils.pylogger")
    utils.__path__ = [
        str(Path(folder) / "utils") for folder in found.submodule_search_locations or ()
    ]
    loggers.get_pylogger = logging.getLogger  # type: ignore[attr-defined]
    utils.pylogger = loggers  # type: ignore[attr-defined]
    sys.modules |= {"matcha.utils": utils, "matcha.utils.pylogger": loggers}


_stub_matcha_loggers()

from cosyvoice.flow import flow as upstream_flow  # noqa: E402  after the stub
from cosyvoice.flow.flow_matching import CausalConditionalCFM  # noqa: E402
from cosyvoice.hifigan import f0_predictor, generator  # noqa: E402
from cosyvoice.llm import llm as upstream_llm  # noqa: E402
from cosyvoice.transformer import upsample_encoder  # noqa: E402
from cosyvoice.utils.common import ras_sampling  # noqa: E402


class Body(upstream_llm.Qwen2Encoder):  # type: ignore[misc]
    """Upstream's Qwen2 with the mask that transformers asks for since 4.53: one of full length.

    Upstream's own is one position long while decoding, with which newer versions compute
    something else.
    """

    def __init__(self, model: nn.Module) -> None:
        nn.Module.__init__(self)
        self.model = model

    def forward_one_step(self, xs: Any, masks: Any, cache: Any = None) -> Any:
        """Take one step with a mask over all positions so far."""
        length = xs.shape[1] + (0 if cache is None else cache.get_seq_length())
        full = torch.ones((1, 1, length), dtype=torch.bool, device=xs.device)
        return super().forward_one_step(xs, full, cache)


def build_llm(config: LlmConfig) -> nn.Module:
    """Make the language model, of CosyVoice 2 or 3."""
    sampling = config.sampling
    cls = upstream_llm.Qwen2LM if config.separate_special_embedding else upstream_llm.CosyVoice3LM
    model: nn.Module = cls(
        llm_input_size=config.hidden,
        llm_output_size=config.hidden,
        speech_token_size=SPEECH_CODES,
        llm=Body(_build_qwen2(config)),
        sampling=partial(
            ras_sampling,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            win_size=sampling.window,
            tau_r=sampling.tau,
        ),
        length_normalized_loss=True,
        lsm_weight=0.0,
    )
    return model


def _build_qwen2(config: LlmConfig) -> nn.Module:
    sizes = Qwen2Config(
        vocab_size=config.text_vocab,
        hidden_size=config.hidden,
        intermediate_size=config.ffn,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        rms_norm_eps=config.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        tie_word_embeddings=True,
    )
    model: nn.Module = Qwen2ForCausalLM(sizes)
    return model


def build_flow(config: FlowConfig) -> nn.Module:
    """Make the flow, of CosyVoice 2 or 3."""
    common = {
        "output_size": MEL_BINS,
        "spk_embed_dim": SPEAKER_DIM,
        "vocab_size": config.vocab,
        "input_frame_rate": TOKEN_RATE_HZ,
        "token_mel_ratio": TOKEN_MEL_RATIO,
        "pre_lookahead_len": LOOKAHEAD_TOKENS,
        "input_size": config.front.width,
        "decoder": CausalConditionalCFM(
            in_channels=3 * MEL_BINS,
            n_spks=1,
            spk_emb_dim=MEL_BINS,
            cfm_params=DictConfig({**_CFM, "inference_cfg_rate": config.cfg_rate}),
            estimator=_build_estimator(config.estimator),
        ),
    }
    model: nn.Module
    if isinstance(config.front, ConformerConfig):
        encoder = _build_conformer(config.front)
        model = upstream_flow.CausalMaskedDiffWithXvec(encoder=encoder, **common)
    else:
        layer = _build_lookahead(config.front)
        model = upstream_flow.CausalMaskedDiffWithDiT(pre_lookahead_layer=layer, **common)
    return model


def _build_conformer(config: ConformerConfig) -> Any:
    return upsample_encoder.UpsampleConformerEncoder(
        input_size=config.width,
        output_size=config.width,
        attention_heads=config.heads,
        linear_units=config.ffn,
        num_blocks=config.layers,
        input_layer="linear",
        pos_enc_layer_type="rel_pos_espnet",
        selfattention_layer_type="rel_selfattn",
        use_cnn_module=False,
        macaron_style=False,
        static_chunk_size=CHUNK_TOKENS,
    )


def _build_lookahead(config: LookaheadConfig) -> Any:
    return upsample_encoder.PreLookaheadLayer(config.width, config.channels, LOOKAHEAD_TOKENS)


def _build_estimator(config: UNetConfig | DitConfig) -> Any:
    masks = {"static_chunk_size": CHUNK_FRAMES, "num_decoding_left_chunks": -1}
    if isinstance(config, UNetConfig):
        from cosyvoice.flow.decoder import CausalConditionalDecoder  # noqa: PLC0415  one version's

        return CausalConditionalDecoder(
            in_channels=4 * MEL_BINS,
            out_channels=MEL_BINS,
            channels=[config.channels],
            dropout=0.0,
            attention_head_dim=config.head_dim,
            n_blocks=config.blocks,
            num_mid_blocks=config.mid,
            num_heads=config.heads,
            act_fn="gelu",
            **masks,
        )
    from cosyvoice.flow.DiT.dit import DiT  # noqa: PLC0415  the other's

    return DiT(
        dim=config.dim,
        depth=config.depth,
        heads=config.heads,
        dim_head=config.head_dim,
        ff_mult=config.ff_mult,
        mel_dim=MEL_BINS,
        mu_dim=MEL_BINS,
        spk_dim=MEL_BINS,
        out_channels=MEL_BINS,
        **masks,
    )


def build_hift(config: HiftConfig) -> nn.Module:
    """Make the vocoder, of CosyVoice 2 or 3."""
    causal = {"conv_pre_look_right": config.conv_pre_look_right} if config.causal else {}
    cls = generator.CausalHiFTGenerator if config.causal else generator.HiFTGenerator
    f0 = f0_predictor.CausalConvRNNF0Predictor if config.causal else f0_predictor.ConvRNNF0Predictor
    model: nn.Module = cls(
        in_channels=MEL_BINS,
        base_channels=config.base_channels,
        nb_harmonics=config.harmonics,
        sampling_rate=SAMPLE_RATE_HZ,
        nsf_alpha=config.sine_amplitude,
        nsf_sigma=config.noise_std,
        nsf_voiced_threshold=config.voiced_threshold_hz,
        upsample_rates=list(config.up_rates),
        upsample_kernel_sizes=list(config.up_kernels),
        istft_params={"n_fft": config.istft_n_fft, "hop_len": config.istft_hop},
        resblock_kernel_sizes=list(config.res_kernels),
        resblock_dilation_sizes=[list(sizes) for sizes in config.res_dilations],
        source_resblock_kernel_sizes=list(config.source_res_kernels),
        source_resblock_dilation_sizes=[list(sizes) for sizes in config.source_res_dilations],
        lrelu_slope=config.lrelu_slope,
        audio_limit=config.audio_limit,
        f0_predictor=f0(num_class=1, in_channels=MEL_BINS, cond_channels=config.f0_channels),
        **causal,
    )
    return model
