"""Small random model directories with everything a released one has.

The yaml has upstream's keys and tags; the tokenizer has Qwen2's ids without its merges; the ONNX
models take and give what the released ones do.
"""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from flow_shapes import flow_shapes
from onnx import TensorProto, helper, numpy_helper
from tiny_models import hift_state, llm_state
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from engines.cosyvoice.config import FlowConfig, LlmConfig, Version
from engines.cosyvoice.hyperyaml import read_hyperyaml
from engines.cosyvoice.model_config import config_from_yaml

YAML = {
    Version.COSYVOICE2: """
__set_seed1: !apply:random.seed [1986]
sample_rate: 24000
llm_input_size: {hidden}
llm_output_size: {hidden}
spk_embed_dim: 192
qwen_pretrain_path: ''
token_frame_rate: 25
token_mel_ratio: 2
chunk_size: 25 # in tokens
num_decoding_left_chunks: -1
llm: !new:cosyvoice.llm.llm.Qwen2LM
    llm_input_size: !ref <llm_input_size>
    llm_output_size: !ref <llm_output_size>
    speech_token_size: 6561
    mix_ratio: [5, 15]
    llm: !new:cosyvoice.llm.llm.Qwen2Encoder
        pretrain_path: !ref <qwen_pretrain_path>
    sampling: !name:cosyvoice.utils.common.ras_sampling
        top_p: 0.8
        top_k: 25
        win_size: 10
        tau_r: 0.1
flow: !new:cosyvoice.flow.flow.CausalMaskedDiffWithXvec
    input_size: 512
    output_size: 80
    vocab_size: 6561
    input_frame_rate: !ref <token_frame_rate>
    token_mel_ratio: !ref <token_mel_ratio>
    pre_lookahead_len: 3
    encoder: !new:cosyvoice.transformer.upsample_encoder.UpsampleConformerEncoder
        output_size: 512
        attention_heads: 8
        linear_units: 32
        num_blocks: 1
        static_chunk_size: !ref <chunk_size>
    decoder: !new:cosyvoice.flow.flow_matching.CausalConditionalCFM
        in_channels: 240
        cfm_params: !new:omegaconf.DictConfig
            content:
                sigma_min: 1e-06
                inference_cfg_rate: 0.7
        estimator: !new:cosyvoice.flow.decoder.CausalConditionalDecoder
            in_channels: 320
            channels: [16]
            attention_head_dim: 8
            n_blocks: 1
            num_mid_blocks: 1
            num_heads: 2
            static_chunk_size: !ref <chunk_size> * <token_mel_ratio>
hift: !new:cosyvoice.hifigan.generator.HiFTGenerator
    in_channels: 80
    base_channels: 16
    nb_harmonics: 8
    sampling_rate: !ref <sample_rate>
    nsf_alpha: 0.1
    nsf_sigma: 0.003
    nsf_voiced_threshold: 10
    upsample_rates: [8, 5, 3]
    upsample_kernel_sizes: [16, 11, 7]
    istft_params:
        n_fft: 16
        hop_len: 4
    resblock_kernel_sizes: [3, 7, 11]
    resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
    source_resblock_kernel_sizes: [7, 7, 11]
    source_resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
    lrelu_slope: 0.1
    audio_limit: 0.99
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.ConvRNNF0Predictor
        num_class: 1
        in_channels: 80
        cond_channels: 16
feat_extractor: !name:matcha.utils.audio.mel_spectrogram
    n_fft: 1920
    sampling_rate: !ref <sample_rate>
    fmax: 8000
""",
    Version.COSYVOICE3: """
sample_rate: 24000
llm_input_size: {hidden}
token_frame_rate: 25
token_mel_ratio: 2
chunk_size: 25
llm: !new:cosyvoice.llm.llm.CosyVoice3LM
    speech_token_size: 6561
    mix_ratio: [5, 15]
    sampling: !name:cosyvoice.utils.common.ras_sampling
        top_p: 0.8
        top_k: 25
        win_size: 10
        tau_r: 0.1
flow: !new:cosyvoice.flow.flow.CausalMaskedDiffWithDiT
    input_size: 80
    vocab_size: 6561
    input_frame_rate: !ref <token_frame_rate>
    token_mel_ratio: !ref <token_mel_ratio>
    pre_lookahead_len: 3
    pre_lookahead_layer: !new:cosyvoice.transformer.upsample_encoder.PreLookaheadLayer
        in_channels: 80
        channels: 16
        pre_lookahead_len: 3
    decoder: !new:cosyvoice.flow.flow_matching.CausalConditionalCFM
        cfm_params: !new:omegaconf.DictConfig
            content:
                inference_cfg_rate: 0.7
        estimator: !new:cosyvoice.flow.DiT.dit.DiT
            dim: 32
            depth: 1
            heads: 2
            dim_head: 16
            ff_mult: 2
            static_chunk_size: !ref <chunk_size> * <token_mel_ratio>
hift: !new:cosyvoice.hifigan.generator.CausalHiFTGenerator
    base_channels: 16
    nb_harmonics: 8
    nsf_alpha: 0.1
    nsf_sigma: 0.003
    nsf_voiced_threshold: 10
    upsample_rates: [8, 5, 3]
    upsample_kernel_sizes: [16, 11, 7]
    istft_params:
        n_fft: 16
        hop_len: 4
    resblock_kernel_sizes: [3, 7, 11]
    resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
    source_resblock_kernel_sizes: [7, 7, 11]
    source_resblock_dilation_sizes: [[1, 3, 5], [1, 3, 5], [1, 3, 5]]
    lrelu_slope: 0.1
    audio_limit: 0.99
    conv_pre_look_right: 4
    f0_predictor: !new:cosyvoice.hifigan.f0_predictor.CausalConvRNNF0Predictor
        cond_channels: 16
feat_extractor: !name:matcha.utils.audio.mel_spectrogram
    fmax: null
""",
}

BACKBONE = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 48, "vocab_size": 151936, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6,
}  # fmt: skip
_QWEN_VOCABULARY = 151_643
_SPEECH_CODES = 6561


def write_model_files(folder: Path, version: Version) -> None:
    """Write everything but the weights."""
    (folder / f"{version}.yaml").write_text(YAML[version].format(hidden=BACKBONE["hidden_size"]))
    backbone = folder / "CosyVoice-BlankEN"
    backbone.mkdir()
    (backbone / "config.json").write_text(json.dumps(BACKBONE))
    _write_tokenizer(backbone)
    name = "v2" if version is Version.COSYVOICE2 else "v3"
    onnx.save(_speech_tokenizer(), folder / f"speech_tokenizer_{name}.onnx")
    onnx.save(_speaker_encoder(), folder / "campplus.onnx")


def _write_tokenizer(folder: Path) -> None:
    """Byte-level BPE without merges; <|endofprompt|> lands on Qwen2's 151646."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(alphabet)}
    for index in range(len(vocabulary), _QWEN_VOCABULARY):
        vocabulary[f"<unused{index}>"] = index
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    fast.add_special_tokens(
        {"eos_token": "<|endoftext|>", "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    )
    fast.save_pretrained(folder)


def _speech_tokenizer() -> onnx.ModelProto:
    """[1, 128, T] features and their length to [1, T / 4] codes: a pooled projection's best."""
    weights = np.random.default_rng(0).standard_normal((_SPEECH_CODES, 128)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["feats"], ["pooled"], kernel_shape=[4], strides=[4]),
        helper.make_node("MatMul", ["weights", "pooled"], ["scores"]),
        helper.make_node("ArgMax", ["scores"], ["codes"], axis=1, keepdims=0),
    ]
    inputs = [
        helper.make_tensor_value_info("feats", TensorProto.FLOAT, [1, 128, "T"]),
        helper.make_tensor_value_info("feats_length", TensorProto.INT32, [1]),
    ]
    outputs = [helper.make_tensor_value_info("codes", TensorProto.INT64, [1, "P"])]
    return _model(nodes, inputs, outputs, weights)


def _speaker_encoder() -> onnx.ModelProto:
    """[1, T, 80] filter bank to [1, 192]: a projection's mean magnitude over time."""
    weights = np.random.default_rng(1).standard_normal((80, 192)).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["input", "weights"], ["projected"]),
        helper.make_node("Abs", ["projected"], ["magnitude"]),
        helper.make_node("ReduceMean", ["magnitude"], ["output"], axes=[1], keepdims=0),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, "T", 80])]
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 192])]
    return _model(nodes, inputs, outputs, weights)


def _model(nodes, inputs, outputs, weights) -> onnx.ModelProto:
    constants = [numpy_helper.from_array(weights, "weights")]
    graph = helper.make_graph(nodes, "test", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def write_model(folder: Path, version: Version, *, brief: bool = False) -> Path:
    """Write a whole model directory with small random weights; returns ``folder``.

    Speech is as long as it may be, or with ``brief`` (CosyVoice 2 only) as short as it may be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_model_files(folder, version)
    config = config_from_yaml(version, read_hyperyaml(folder / f"{version}.yaml"), BACKBONE)
    llm = _llm_state(config.llm)
    if brief:
        llm["llm_decoder.bias"][config.llm.eos] = 1e3
    torch.save(llm, folder / "llm.pt")
    torch.save(_flow_state(config.flow), folder / "flow.pt")
    vocoder = {f"generator.{name}": value for name, value in hift_state(config.hift).items()}
    torch.save(vocoder, folder / "hift.pt")
    return folder


def _llm_state(config: LlmConfig) -> dict[str, torch.Tensor]:
    """Weights that practically never choose a control token: speech is as long as it may be."""
    state = llm_state(config)
    for name in ("llm_decoder.weight", "llm_decoder.bias"):
        if name in state:
            state[name][_SPEECH_CODES:] = 0.0
    return state


def _flow_state(config: FlowConfig) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    state = {}
    for name, (shape, _) in flow_shapes(config).items():
        drawn = torch.randn(shape, generator=generator)
        if len(shape) > 1:
            state[name] = drawn / torch.tensor(shape[1:]).prod() ** 0.5
        else:
            state[name] = (1.0 if name.endswith("weight") else 0.0) + 0.02 * drawn
    return state
