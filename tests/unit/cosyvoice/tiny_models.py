"""Small random models and the golden set, shared by the tests of this folder."""

import json
from pathlib import Path

import torch

from engines.cosyvoice.config import HiftConfig, LlmConfig
from engines.cosyvoice.flat_config import config_from_flat
from engines.cosyvoice.parity.golden import GoldenVersion

GOLDEN = Path(__file__).parents[2] / "golden"
VERSIONS = ("cosyvoice2", "cosyvoice3")

# Tiny products are slower on several threads than on one.
torch.set_num_threads(1)


def golden(version: str) -> GoldenVersion:
    return GoldenVersion(version, GOLDEN / version / "tiny")


def released_config(version: str):
    return config_from_flat(read_json(version, "config_full.json"))


def released_meta_state(version: str, stage: str) -> dict[str, torch.Tensor]:
    """The released keys and shapes, without memory."""
    shapes = read_json(version, "shapes_full.json")[stage]
    return {
        name: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        for name, (shape, dtype) in shapes.items()
    }


def read_json(version: str, name: str):
    return json.loads((GOLDEN / version / name).read_text())


def llm_config(**changes) -> LlmConfig:
    """Sizes that share no factor by accident."""
    sizes = {
        "hidden": 36,
        "layers": 3,
        "heads": 6,
        "kv_heads": 3,
        "head_dim": 10,
        "ffn": 52,
        "text_vocab": 50,
        "output_size": 44,
        "output_bias": True,
        "separate_special_embedding": True,
        "sos": 0,
        "task": 1,
        "eos": 40,
        "fill": 42,
        "stop_first": 40,
        "stop_last": 43,
        "min_length_masked_id": 40,
    }
    return LlmConfig(**(sizes | changes))


def llm_state(config: LlmConfig, seed: int = 0, spread: float = 1.0) -> dict[str, torch.Tensor]:
    """Random weights under upstream's names; ``spread`` widens the scores."""
    generator = torch.Generator().manual_seed(seed)

    def matrix(rows: int, columns: int) -> torch.Tensor:
        return torch.randn(rows, columns, generator=generator) / columns**0.5

    def vector(size: int, around: float = 0.0) -> torch.Tensor:
        return around + 0.1 * torch.randn(size, generator=generator)

    hidden, ffn = config.hidden, config.ffn
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    state = {
        "llm.model.model.embed_tokens.weight": matrix(config.text_vocab, hidden) * hidden**0.5,
        "speech_embedding.weight": matrix(config.output_size, hidden) * hidden**0.5,
        "llm_decoder.weight": spread * matrix(config.output_size, hidden),
        "llm.model.model.norm.weight": vector(hidden, 1.0),
    }
    state["llm.model.lm_head.weight"] = state["llm.model.model.embed_tokens.weight"]
    if config.output_bias:
        state["llm_decoder.bias"] = spread * vector(config.output_size)
    if config.separate_special_embedding:
        state["llm_embedding.weight"] = matrix(2, hidden) * hidden**0.5
    for index in range(config.layers):
        layer = f"llm.model.model.layers.{index}"
        for part, width in (("q", queries), ("k", keys), ("v", keys)):
            state[f"{layer}.self_attn.{part}_proj.weight"] = matrix(width, hidden)
            state[f"{layer}.self_attn.{part}_proj.bias"] = vector(width)
        state[f"{layer}.self_attn.o_proj.weight"] = matrix(hidden, queries)
        state[f"{layer}.mlp.gate_proj.weight"] = matrix(ffn, hidden)
        state[f"{layer}.mlp.up_proj.weight"] = matrix(ffn, hidden)
        state[f"{layer}.mlp.down_proj.weight"] = matrix(hidden, ffn)
        state[f"{layer}.input_layernorm.weight"] = vector(hidden, 1.0)
        state[f"{layer}.post_attention_layernorm.weight"] = vector(hidden, 1.0)
    return state


def hift_config(*, causal: bool, **changes) -> HiftConfig:
    return HiftConfig(causal=causal, base_channels=24, f0_channels=20, **changes)


def hift_state(config: HiftConfig, seed: int = 0) -> dict[str, torch.Tensor]:
    """Random folded weights, shaped by asking the loader what it misses."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in _wanted_shapes(config).items():
        drawn = torch.randn(shape, generator=generator)
        if name.endswith(".alpha"):
            state[name] = 1 + 0.1 * drawn
        elif len(shape) == 1:
            state[name] = 0.05 * drawn
        else:
            state[name] = drawn / torch.tensor(shape[1:]).prod() ** 0.5
    state["conv_post.weight"] *= 0.3
    state["f0_predictor.classifier.weight"] *= 60
    state["f0_predictor.classifier.bias"] += 30
    return {name: tensor.double() for name, tensor in state.items()}


def _wanted_shapes(config: HiftConfig) -> dict[str, list[int]]:
    """The released keys at this configuration's widths."""
    version = "cosyvoice3" if config.causal else "cosyvoice2"
    released = released_config(version).hift
    ratio = {released.base_channels >> i: config.base_channels >> i for i in range(4)}
    shapes = {}
    for name, (shape, _) in read_json(version, "shapes_full.json")["hift"].items():
        widths = ratio
        if name.startswith("f0_predictor"):
            widths = {released.f0_channels: config.f0_channels}
        small = [widths.get(size, size) for size in shape[:2]] + list(shape[2:])
        if name.endswith("original0"):
            continue
        shapes[name.replace("parametrizations.weight.original1", "weight")] = small
    return shapes
